//! What the text of a commit message tells: its title, its trailers, the numbers and tickets that it names.

pub(in crate::document) fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default().trim()
}

/// What follows `start` at the beginning of a line.
pub(super) fn trailer<'a>(message: &'a str, start: &str) -> Option<&'a str> {
    let rest = message
        .lines()
        .skip(1)
        .find_map(|line| line.trim().strip_prefix(start))?;
    rest.split_whitespace().next()
}

/// `420` of `Add refunds (#420)`.
pub(super) fn number_of(line: &str) -> Option<&str> {
    let (_, rest) = line.rsplit_once("(#")?;
    rest.strip_suffix(')')
        .filter(|number| number.bytes().all(|b| b.is_ascii_digit()))
}

pub(super) fn without_number(line: &str) -> &str {
    match number_of(line) {
        Some(number) => line[..line.len() - number.len() - 3].trim_end(),
        None => line,
    }
}

/// Whether a text names a ticket as a word of its own.
pub(super) fn mentions(text: &str, id: &str) -> bool {
    !id.is_empty() && text.match_indices(id).any(|(at, _)| is_alone(text, at, at + id.len()))
}

/// Whether a part of a text is no part of a longer word.
pub(super) fn is_alone(text: &str, from: usize, to: usize) -> bool {
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_');
    !word(text[..from].chars().next_back()) && !word(text[to..].chars().next())
}
