//! Escaping of text from outside for Markdown: what comes in as text is text in every renderer.
//!
//! Only what CommonMark or its GitHub dialect would read as markup is escaped, so that the Markdown stays readable.

use std::fmt::Write;

/// The longest interpolated value, in characters; the rest is cut off visibly.
pub const MAX_VALUE_CHARS: usize = 2_000;

/// Stops forges from turning `@name` and `#123` into mentions and references. Dropped again by [`super::to_html`].
pub const WORD_JOINER: char = '\u{2060}';

/// One line of Markdown that shows `text` as it is, wherever in a line or table cell it stands.
pub fn escape(text: &str) -> String {
    let folded = fold(text);
    let mut out = String::with_capacity(folded.len() + folded.len() / 8);
    let ordinal = ordinal_length(&folded);
    let mut before: Option<char> = None;
    let mut chars = folded.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '^' => push_escaped(&mut out, c),
            // What only means something at the beginning of a line: headings, lists, rules, numbered items.
            '#' | '+' | '-' | '=' | ':' | '.' | ')' | '!' if at == 0 => push_escaped(&mut out, c),
            '.' | ')' if ordinal == Some(at) => push_escaped(&mut out, c),
            // Addresses that forges link by themselves.
            ':' if next == Some('/') => push_escaped(&mut out, c),
            '.' if folded[..at].to_ascii_lowercase().ends_with("www") => push_escaped(&mut out, c),
            _ => out.push(c),
        }
        let begins_word = before.is_none_or(|b| !b.is_alphanumeric());
        if matches!(c, '@' | '#') && begins_word && next.is_some_and(char::is_alphanumeric) {
            out.push(WORD_JOINER);
        }
        before = Some(c);
    }
    out
}

/// Inline code where the text allows it; where it holds a backtick or a cell border, escaped text.
pub fn code(text: &str) -> String {
    let folded = fold(text);
    if folded.is_empty() || folded.contains(['`', '|']) {
        escape(text)
    } else {
        format!("`{folded}`")
    }
}

/// A code block, with a fence that the text cannot close.
pub fn block(text: &str) -> String {
    let lines: Vec<String> = text.trim_end().lines().map(visible).collect();
    let longest = lines
        .iter()
        .flat_map(|line| line.split(|c| c != '`'))
        .map(str::len)
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{}\n{fence}", lines.join("\n"))
}

/// A link where the address is allowed; the escaped text alone where it is not.
pub fn link(text: &str, url: &str) -> String {
    if !is_allowed(url) {
        return escape(text);
    }
    let mut target = String::with_capacity(url.len());
    for c in url.chars() {
        match c {
            '&' => target.push_str("&amp;"),
            c if c.is_ascii_alphanumeric() || "-._~:/?#@!$',;=%+".contains(c) => target.push(c),
            c => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    let _ = write!(target, "%{byte:02X}");
                }
            }
        }
    }
    format!("[{}]({target})", escape(text))
}

/// Whether a link may lead there: http, https and mailto addresses, and paths of this service.
pub fn is_allowed(url: &str) -> bool {
    if url.is_empty()
        || url
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || c == '\\' || is_hidden(c))
    {
        return false;
    }
    let end = url.find([':', '/', '?', '#']).unwrap_or(url.len());
    match url[end..].chars().next() {
        Some(':') => {
            let scheme = url[..end].to_ascii_lowercase();
            matches!(scheme.as_str(), "http" | "https" | "mailto")
        }
        // `//host` leaves this service without saying so.
        _ => !url.starts_with("//"),
    }
}

/// Folds white space and line breaks into single spaces, cuts what is too long, and makes the invisible visible.
fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (count, word) in text
        .split(|c: char| c.is_whitespace())
        .filter(|word| !word.is_empty())
        .enumerate()
    {
        if count > 0 {
            out.push(' ');
        }
        out.push_str(&visible(word));
        if out.chars().nth(MAX_VALUE_CHARS).is_some() {
            out = out.chars().take(MAX_VALUE_CHARS).collect();
            out.push('…');
            break;
        }
    }
    out
}

/// Text with its lines as they are, and everything in them to be seen.
pub fn visible_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(visible).collect();
    lines.join("\n")
}

fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            let _ = write!(out, "⟨U+{:04X}⟩", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a character shows nothing itself or changes how the text around it shows.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Position of the `.` or `)` that would make the text a numbered item.
fn ordinal_length(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let delimiter = text.as_bytes().get(digits).copied();
    let ends = text.as_bytes().get(digits + 1).is_none_or(|c| *c == b' ');
    (digits > 0 && ends && matches!(delimiter, Some(b'.' | b')'))).then_some(digits)
}

fn push_escaped(out: &mut String, c: char) {
    out.push('\\');
    out.push(c);
}

#[cfg(test)]
mod tests;
