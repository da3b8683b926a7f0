//! Recognises commits that move a dependency to another version: those of Dependabot and Renovate, and people's in the same form.
//!
//! It reads what the tools write and guesses nothing: `Bump the timeout from 3 to 5` is no dependency, so a title without
//! `deps` in it counts only where the author or the text says that a tool wrote it.

use super::text::{first_line, without_number};

/// A dependency that a commit moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bump<'a> {
    pub(super) name: &'a str,
    /// None where the text does not say it.
    pub(super) from: Option<&'a str>,
    pub(super) to: &'a str,
}

/// Words before the name of what Renovate updates.
const KINDS: [&str; 6] = [
    "dependency",
    "rust crate",
    "module",
    "helm release",
    "terraform",
    "plugin",
];
/// Words after it.
const SORTS: [&str; 7] = [
    "docker tag",
    "docker digest",
    "action",
    "orb",
    "monorepo",
    "digest",
    "packages",
];

/// What a commit of this message moves; nothing for a commit of another kind.
pub(super) fn bumps<'a>(message: &'a str, author: Option<&str>) -> Vec<Bump<'a>> {
    let title = without_number(first_line(message));
    let (subject, about_dependencies) = subject(title);
    let Some((verb, rest)) = subject.split_once(' ') else {
        return Vec::new();
    };
    let known = about_dependencies || by_tool(message, author);
    match verb.to_ascii_lowercase().as_str() {
        "bump" | "bumps" | "upgrade" if known => match one(rest) {
            Some(bump) => vec![bump],
            None => grouped(message),
        },
        "update" | "pin" if known || rest.starts_with("dependency ") => updated(rest).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// What a title says after the type of a conventional commit, and whether that is about dependencies.
fn subject(title: &str) -> (&str, bool) {
    let Some((kind, subject)) = title.split_once(": ") else {
        return (title, false);
    };
    let (kind, scope) = kind.trim_end_matches('!').split_once('(').unwrap_or((kind, ""));
    let scope = scope.trim_end_matches('!').trim_end_matches(')');
    let kind = kind.trim_end_matches('!');
    let plain = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphabetic());
    if plain {
        let about = kind.eq_ignore_ascii_case("deps") || scope == "deps" || scope.starts_with("deps-");
        (subject.trim(), about)
    } else {
        (title, false)
    }
}

fn by_tool(message: &str, author: Option<&str>) -> bool {
    let author = author.unwrap_or_default().to_ascii_lowercase();
    ["dependabot", "renovate"].iter().any(|tool| author.contains(tool))
        || message
            .lines()
            .skip(1)
            .any(|line| line.starts_with("Bumps [") || line.starts_with("Updates `"))
}

/// `serde from 1.0.1 to 1.0.2 in /api`.
fn one(rest: &str) -> Option<Bump<'_>> {
    let (name, versions) = rest.split_once(" from ")?;
    let (from, to) = versions.split_once(" to ")?;
    Some(Bump {
        name: word(name)?,
        from: Some(version(from)?),
        to: version(to.split_whitespace().next()?)?,
    })
}

/// The lines of a commit that moves several: ``Updates `serde` from 1.0.1 to 1.0.2``.
fn grouped(message: &str) -> Vec<Bump<'_>> {
    let lines = message
        .lines()
        .skip(1)
        .filter_map(|line| line.trim().strip_prefix("Updates "));
    lines.filter_map(one).collect()
}

/// `dependency serde to v1.0.2`, `actions/checkout action to v4`.
fn updated(rest: &str) -> Option<Bump<'_>> {
    if let Some(bump) = one(kind_before(rest).unwrap_or(rest)) {
        return Some(bump);
    }
    let (name, to) = rest.split_once(" to ")?;
    let name = kind_before(name).unwrap_or(name);
    let sort = SORTS.iter().find_map(|sort| name.strip_suffix(sort)?.strip_suffix(' '));
    Some(Bump {
        name: word(sort.unwrap_or(name))?,
        from: None,
        to: version(to.split_whitespace().next()?)?,
    })
}

fn kind_before(rest: &str) -> Option<&str> {
    KINDS.iter().find_map(|kind| rest.strip_prefix(kind)?.strip_prefix(' '))
}

/// One word, without the marks around it.
fn word(text: &str) -> Option<&str> {
    let text = text.trim().trim_matches('`');
    (!text.is_empty() && !text.contains(char::is_whitespace)).then_some(text)
}

/// `1.2.3`, `v4`, `^1.0`, or the beginning of a digest.
fn version(text: &str) -> Option<&str> {
    let text = text.trim().trim_matches('`').trim_end_matches(['.', ',', ';']);
    let digits = text.trim_start_matches(['^', '~', '=', '>', '<', 'v']);
    let hash = text.len() >= 7 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let fine = !text.contains(char::is_whitespace) && (digits.starts_with(|c: char| c.is_ascii_digit()) || hash);
    fine.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &str, author: Option<&str>) -> Vec<(String, Option<String>, String)> {
        let own = |bump: &Bump<'_>| (bump.name.to_owned(), bump.from.map(str::to_owned), bump.to.to_owned());
        bumps(message, author).iter().map(own).collect()
    }

    #[track_caller]
    fn is(message: &str, expected: (&str, Option<&str>, &str)) {
        let (name, from, to) = expected;
        let expected = vec![(name.to_owned(), from.map(str::to_owned), to.to_owned())];
        assert_eq!(read(message, None), expected, "{message}");
    }

    #[test]
    fn what_the_tools_write_is_read() {
        let serde = ("serde", Some("1.0.1"), "1.0.2");
        is("chore(deps): bump serde from 1.0.1 to 1.0.2", serde);
        is("build(deps-dev): Bump serde from 1.0.1 to 1.0.2 in /api (#12)", serde);
        is("chore(deps)!: bump `serde` from 1.0.1 to 1.0.2", serde);
        is("deps: bump serde from 1.0.1 to 1.0.2", serde);
        is(
            "Bump serde from 1.0.1 to 1.0.2\n\nBumps [serde](https://x) from 1.0.1 to 1.0.2.",
            serde,
        );
        is(
            "build(deps): bump @types/node from 20.1.0 to 22.0.0",
            ("@types/node", Some("20.1.0"), "22.0.0"),
        );
        is(
            "chore(deps): update dependency vite to v5.4.1 [security]",
            ("vite", None, "v5.4.1"),
        );
        is("Update dependency vite to v5", ("vite", None, "v5"));
        is("fix(deps): update rust crate serde to 1.0.2", ("serde", None, "1.0.2"));
        is(
            "chore(deps): update actions/checkout action to v4",
            ("actions/checkout", None, "v4"),
        );
        is(
            "chore(deps): update postgres docker tag to v16",
            ("postgres", None, "v16"),
        );
        is(
            "chore(deps): update node docker digest to 0a1b2c3",
            ("node", None, "0a1b2c3"),
        );
        let bot = Some("dependabot[bot]");
        assert_eq!(read("Bump serde from 1.0.1 to 1.0.2", bot).len(), 1);
    }

    #[test]
    fn one_commit_may_move_several() {
        let message = "build(deps): bump the cargo group with 2 updates\n\nBumps the cargo group.\n\n\
                       Updates `serde` from 1.0.1 to 1.0.2\n- [Release notes](https://x)\n\nUpdates `tokio` from 1.40 to 1.41";
        let expected = [("serde", "1.0.1", "1.0.2"), ("tokio", "1.40", "1.41")];
        let expected = expected.map(|(name, from, to)| (name.to_owned(), Some(from.to_owned()), to.to_owned()));
        assert_eq!(read(message, None), expected);
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        for message in [
            "Bump the timeout from 3 to 5",
            "Bump timeout from 3 to 5",
            "feat: bump retries from 3 to 5",
            "chore(deps): bump serde",
            "chore(deps): tidy the lock file",
            "chore(deps): bump serde from old to new",
            "Update the docs to v2",
            "Update plugin loader to v2",
            "Update X to v2",
            "update",
            "",
        ] {
            assert_eq!(read(message, Some("ann")), [], "{message}");
        }
    }
}
