//! Reads Rust source as far as the rules of the architecture need it: without comments and literals, by the paths it names.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A file of source.
pub struct Source {
    /// Relative to the folder that was walked, with `/`.
    pub path: String,
    pub text: String,
    /// Without comments and the contents of literals, and without what is compiled for tests only.
    pub code: String,
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn sources(folder: &str) -> Vec<Source> {
    let base = root().join(folder);
    let mut found = Vec::new();
    let mut open = vec![base.clone()];
    while let Some(next) = open.pop() {
        for item in fs::read_dir(&next).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = without_tests(&without_text(&text));
                found.push(Source {
                    path: relative(&path, &base),
                    text,
                    code,
                });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no source in {}", base.display());
    found
}

fn relative(path: &Path, base: &Path) -> String {
    path.strip_prefix(base).unwrap().to_str().unwrap().replace('\\', "/")
}

/// The source of the `shipslog` crate itself; the ledger crate lies inside the folder but is another crate.
pub fn service() -> Vec<Source> {
    sources("service")
        .into_iter()
        .filter(|s| !s.path.starts_with("ledger/"))
        .collect()
}

/// `store/read.rs` and `store.rs` are both of module `store`.
pub fn module_of(path: &str) -> &str {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

/// Blanks comments, and the contents of string and character literals. Keeps every line break.
pub fn without_text(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if !out.ends_with(|p: char| p.is_alphanumeric() || p == '_') && raw_string(rest).is_some() {
            raw_string(rest).unwrap()
        } else if c == '"' {
            quoted(rest)
        } else if c == '\'' {
            character(rest)
        } else {
            0
        };
        if skipped == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            out.extend(rest[..skipped].chars().filter(|c| *c == '\n'));
            rest = &rest[skipped..];
        }
    }
    out
}

/// Length of the raw string at the start of `text`, if one is there.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after.trim_start_matches('#').strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = body.find(&close)?;
    Some(text.len() - body.len() + end + close.len())
}

fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// A character literal, or nothing where the apostrophe begins a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_)) => text[3..].find('\'').map_or(0, |end| end + 4),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

/// Drops `#[cfg(test)] mod …` blocks: what tests use is their own affair.
pub fn without_tests(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        let tail = &rest[at..];
        let open = tail.find('{');
        let semicolon = tail.find(';').unwrap_or(tail.len());
        rest = match open {
            Some(open) if open < semicolon => &tail[open + block(&tail[open..])..],
            _ => &tail[(semicolon + 1).min(tail.len())..],
        };
    }
    out.push_str(rest);
    out
}

/// Length of the block that `text` begins with.
fn block(text: &str) -> usize {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `path` stands as a whole path, not as the end of a longer name.
pub fn mentions<'a>(code: &'a str, path: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(path).map(|(at, _)| at).filter(move |at| {
        let before = !code[..*at].ends_with(|c: char| is_word(c) || c == ':');
        let after = !path.ends_with(is_word) || !code[at + path.len()..].starts_with(is_word);
        before && after
    })
}

/// The first names after a path prefix: one, or those of a brace list.
fn heads(after: &str) -> Vec<String> {
    let name = |text: &str| {
        text.trim_start()
            .chars()
            .take_while(|c| is_word(*c))
            .collect::<String>()
    };
    if !after.starts_with('{') {
        return vec![name(after)];
    }
    let mut depth = 0;
    let mut items = vec![String::new()];
    for c in after[..block(after)].chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => items.push(String::new()),
            c => items.last_mut().unwrap().push(c),
        }
    }
    items.iter().map(|item| name(item)).filter(|n| !n.is_empty()).collect()
}

/// The modules of this crate that a file names, by `crate::`, or by climbing out of its own with `super::`.
pub fn uses(source: &Source, modules: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = mentions(&source.code, "crate::")
        .flat_map(|at| heads(&source.code[at + 7..]))
        .collect();
    let depth = source.path.trim_end_matches("/mod.rs").split('/').count();
    let climb = "super::".repeat(depth);
    found.extend(
        mentions(&source.code, &climb)
            .flat_map(|at| heads(&source.code[at + climb.len()..]))
            .filter(|name| modules.contains(name)),
    );
    found.remove(module_of(&source.path));
    found
}

pub fn declared_modules() -> BTreeSet<String> {
    let library = fs::read_to_string(root().join("service/lib.rs")).unwrap();
    let code = without_text(&library);
    mentions(&code, "mod ").flat_map(|at| heads(&code[at + 4..])).collect()
}
