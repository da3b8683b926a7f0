//! What commands print: the result on stdout, everything else on stderr.

use std::io::{ErrorKind, Write};

use comfy_table::Table;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use serde_json::Value;

use super::Failure;

/// Form of a result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table for people.
    #[default]
    Table,
    /// JSON, as the service sent it.
    Json,
}

/// Form of a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum DocumentFormat {
    /// Markdown.
    #[default]
    Md,
    /// HTML.
    Html,
    /// The context that the document is made from.
    Json,
}

impl DocumentFormat {
    /// The word of the service's `format` parameter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md => "md",
            Self::Html => "html",
            Self::Json => "json",
        }
    }
}

/// The form of a compliance report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    /// Markdown.
    #[default]
    Md,
    /// HTML.
    Html,
    /// The context that the document is made from.
    Json,
    /// The population as a table, with the result of every check.
    Csv,
    /// What was found, in OSCAL.
    OscalAssessmentResults,
    /// How it was assessed, in OSCAL.
    OscalAssessmentPlan,
    /// Which checks support which requirement, in OSCAL.
    OscalComponentDefinition,
    /// The records that it was made from, as lines of a bundle.
    Records,
}

impl ReportFormat {
    /// The word of the service's `format` parameter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md => "md",
            Self::Html => "html",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::OscalAssessmentResults => "oscal-assessment-results",
            Self::OscalAssessmentPlan => "oscal-assessment-plan",
            Self::OscalComponentDefinition => "oscal-component-definition",
            Self::Records => "records",
        }
    }
}

/// Who a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Audience {
    /// Those who use the service: what changed and what went wrong, and nothing internal.
    Customer,
    /// Those who answer for it: no tables of checks and statements.
    Manager,
    /// Those who check: the whole document.
    Auditor,
}

impl Audience {
    /// The word of the service's `audience` parameter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Manager => "manager",
            Self::Auditor => "auditor",
        }
    }
}

/// Writes a result to stdout, with a final newline. A reader that has gone away is no failure.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let newline: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
    match out
        .write_all(text.as_bytes())
        .and_then(|()| out.write_all(newline))
        .and_then(|()| out.flush())
    {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::refused(format!("cannot write to standard output: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes JSON to stdout, indented for people who look at it.
pub fn print_json(value: &Value) -> Result<(), Failure> {
    print(&format!("{value:#}"))
}

/// Tells the person at the terminal something that is not the result.
pub fn note(text: &str) {
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A table with these headings.
pub fn table<const N: usize>(headings: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_header(headings);
    table
}

/// A member of a JSON object as text for a table cell: nothing for null, plain text for strings.
pub fn cell(object: &Value, member: &str) -> String {
    match object.get(member) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => clean(text),
        Some(Value::Array(items)) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Some(other) => other.to_string(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), clean)
}

/// Text from outside without the characters that would let it move the cursor or hide what it says.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if crate::domain::id::is_hidden(c) { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\u{202e}c"), "a\u{fffd}[2Jb\u{fffd}c");
        assert_eq!(
            cell(&serde_json::json!({"x": ["a", "\u{7}"], "n": 3, "z": null}), "x"),
            "a, \u{fffd}"
        );
        assert_eq!(cell(&serde_json::json!({"n": 3}), "n"), "3");
        assert_eq!(cell(&serde_json::json!({"z": null}), "z"), "");
    }
}
