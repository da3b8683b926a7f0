//! Looks for places where a template lets text become markup: it renders a context in which every free text is hostile
//! and says which member came out as something else than that text.
//!
//! Templates escape by default; one of an organisation can still turn that off, or put a value where escaping does not
//! help, such as inside a code span. What is found here would also be stopped when Markdown becomes HTML, as far as that
//! layer goes; Markdown itself is read by other programs.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::Value;

use super::templates::{RenderError, Templates};

/// A place where text became markup.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leak {
    /// JSON pointer into the context.
    pub pointer: String,
    /// What became of it.
    pub became: &'static str,
}

/// What stands between the marks of a hostile text.
const HOSTILE: [&str; 6] = [
    " **b** _i_ ~~s~~ ",
    " <script>alert(1)</script> <b>x</b> ",
    " ](https://probe.example/) [x](https://probe.example/) ![y](https://probe.example/z.png) ",
    " | a | b ",
    " ``` ` `` ",
    "\n\n# heading\n\n- item\n\n",
];
/// A link that must not come out as one.
const HOSTILE_URL: &str = "javascript:alert(1)";
/// Members that templates decide by, or that this program alone writes.
const WORDS: [&str; 20] = [
    "answer",
    "audience",
    "bucket",
    "checkpoint",
    "correlation",
    "document",
    "ended",
    "key",
    "kind",
    "origin",
    "outcome",
    "result",
    "root",
    "rule",
    "sha256",
    "state",
    "status",
    "stratum",
    "time_zone",
    "verdict",
];

/// Every member of `context` whose text `template` turns into markup, each once.
pub fn leaks(templates: &Templates, template: &str, context: &Value) -> Result<BTreeSet<Leak>, RenderError> {
    let mut found = BTreeSet::new();
    for hostile in HOSTILE {
        let mut poisoned = context.clone();
        let mut members = Vec::new();
        poison(&mut poisoned, String::new(), hostile, &mut members);
        let markdown = templates.render(template, &poisoned)?;
        inspect(&markdown, hostile, &members, &mut found);
    }
    Ok(found)
}

/// Puts a hostile text with marks of its own into every free text.
fn poison(value: &mut Value, pointer: String, hostile: &str, members: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let name = pointer
                .rsplit('/')
                .find(|part| part.parse::<usize>().is_err())
                .unwrap_or_default();
            if name.ends_with("url") || name == "reference" {
                HOSTILE_URL.clone_into(text);
            } else if !decides(&pointer, name)
                && !pointer.starts_with("/charts")
                && DateTime::parse_from_rfc3339(text).is_err()
            {
                *text = format!("{}{hostile}{}", open(members.len()), close(members.len()));
                members.push(pointer);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                poison(item, format!("{pointer}/{at}"), hostile, members);
            }
        }
        Value::Object(object) => {
            for (name, item) in object {
                let name = name.replace('~', "~0").replace('/', "~1");
                poison(item, format!("{pointer}/{name}"), hostile, members);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a text is one of a closed list. What kind of test ran is the producer's own word.
fn decides(pointer: &str, name: &str) -> bool {
    WORDS.contains(&name) && !(name == "kind" && pointer.contains("/tests/"))
}

fn open(member: usize) -> String {
    format!("Q{member}a")
}

fn close(member: usize) -> String {
    format!("Q{member}z")
}

/// Reads the Markdown as its readers do. A text is whole where both of its marks stand in one run of text, with what it
/// was between them.
fn inspect(markdown: &str, hostile: &str, members: &[String], found: &mut BTreeSet<Leak>) {
    let wanted = plain(hostile);
    let mut run = String::new();
    let mut broken: BTreeMap<usize, &'static str> = BTreeMap::new();
    let mut flush = |run: &mut String, became: &'static str| {
        for member in marks(run) {
            let (open, close) = (open(member), close(member));
            let between = run.split(&open).nth(1).and_then(|rest| rest.split(&close).next());
            let whole = run.contains(&open) && run.contains(&close) && between.map(plain).as_deref() == Some(&wanted);
            // One that is too long, or shortened on purpose, lost its end but not its kind.
            let cut = run.contains('…') && !run.contains(&close);
            if !whole && !cut {
                broken.entry(member).or_insert(became);
            }
        }
        run.clear();
    };
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Text(text) => run.push_str(&text),
            Event::SoftBreak => run.push(' '),
            Event::Code(text) => {
                flush(&mut run, "more than one piece of text");
                run.push_str(&text);
                flush(&mut run, "a piece of code and more");
            }
            Event::Html(text) | Event::InlineHtml(text) => {
                flush(&mut run, "HTML");
                run.push_str(&text);
                flush(&mut run, "HTML");
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                flush(&mut run, "a link");
                // One that a text made is found by the text that it broke.
                if dest_url.starts_with("javascript:") {
                    found.insert(Leak {
                        pointer: "an address".to_owned(),
                        became: "a link",
                    });
                }
            }
            _ => flush(&mut run, "markup"),
        }
    }
    flush(&mut run, "markup");
    found.extend(broken.into_iter().filter_map(|(member, became)| {
        let pointer = members.get(member)?.clone();
        Some(Leak { pointer, became })
    }));
}

/// The members whose marks stand in a text.
fn marks(text: &str) -> BTreeSet<usize> {
    let parts = text.split('Q').skip(1);
    parts
        .filter_map(|part| {
            let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let marked = matches!(part[digits..].chars().next(), Some('a' | 'z'));
            part[..digits].parse().ok().filter(|_| marked)
        })
        .collect()
}

/// A text without what escaping adds on purpose, and with its white space folded.
fn plain(text: &str) -> String {
    let text = text.replace(super::escape::WORD_JOINER, "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(source: &str) -> Vec<(String, &'static str)> {
        let overrides = BTreeMap::from([("own.md".to_owned(), source.to_owned())]);
        let templates = Templates::with_overrides(overrides).unwrap();
        let context =
            json!({ "title": "t", "rows": [{ "name": "n", "run_url": "https://ci.example" }], "state": "open" });
        let leaks = leaks(&templates, "own.md", &context).unwrap();
        leaks.into_iter().map(|leak| (leak.pointer, leak.became)).collect()
    }

    #[test]
    fn what_is_escaped_leaks_nothing() {
        let source = "# {{ title }}\n\n| a | b |\n|---|---|\n{% for row in rows %}\n| {{ row.name }} | {{ row.name|code }} {{ row.name|link(row.run_url) }} |\n{% endfor %}\n\n{{ title|block }}\n\n{{ state }}\n";
        assert_eq!(of(source), []);
    }

    #[test]
    fn escaping_that_is_turned_off_is_found_with_the_member() {
        let found = of("{% autoescape false %}{{ title }}{% endautoescape %}\n");
        assert!(found.iter().all(|(pointer, _)| pointer == "/title"), "{found:?}");
        assert!(found.iter().any(|(_, became)| *became == "HTML"), "{found:?}");
    }

    #[test]
    fn a_value_inside_a_code_span_can_leave_it() {
        let found = of("`{{ title }}`\n");
        assert!(
            !found.is_empty() && found.iter().all(|(pointer, _)| pointer == "/title"),
            "{found:?}"
        );
    }

    #[test]
    fn an_address_that_was_not_looked_at_is_found() {
        let found = of("{% for row in rows %}[run]({{ row.run_url }}){% endfor %}\n");
        assert_eq!(found, [("an address".to_owned(), "a link")]);
    }
}
