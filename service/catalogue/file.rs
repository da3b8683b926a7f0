//! A file of the catalogue as it is written, before anything is compared with it. Every member that a mistake may be named at knows its place.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::framework::{Coverage, Manual, Tolerance};
use super::{MAX_SOURCE_BYTES, Mistake};

/// A file that was parsed.
pub(super) struct Parsed<'a> {
    pub(super) name: &'a str,
    pub(super) source: &'a str,
    /// Whether it is an organisation's own.
    pub(super) is_own: bool,
    pub(super) content: Content,
}

/// What may stand in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    /// The framework that its requirements are of.
    pub(super) framework: Option<FrameworkTable>,
    #[serde(default)]
    pub(super) requirement: Vec<RequirementTable>,
    #[serde(default)]
    pub(super) scope: Vec<ScopeTable>,
    /// Numbers of checks, by name.
    #[serde(default)]
    pub(super) parameters: BTreeMap<Spanned<String>, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FrameworkTable {
    pub(super) id: Spanned<String>,
    pub(super) version: String,
    pub(super) title: String,
    pub(super) publisher: String,
    pub(super) control_source: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequirementTable {
    pub(super) id: Spanned<String>,
    pub(super) title: String,
    pub(super) control: Option<Spanned<String>>,
    pub(super) all: Option<Vec<Spanned<String>>>,
    pub(super) any: Option<Vec<Spanned<String>>>,
    pub(super) n_of: Option<Spanned<NOf>>,
    pub(super) coverage: Coverage,
    #[serde(default)]
    pub(super) tolerance: Option<Spanned<Tolerance>>,
    #[serde(default)]
    pub(super) manual: Vec<Spanned<Manual>>,
    pub(super) note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NOf {
    pub(super) n: usize,
    pub(super) of: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScopeTable {
    pub(super) framework: Spanned<String>,
    #[serde(default)]
    pub(super) services: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) environments: Vec<Spanned<String>>,
    pub(super) from: Option<Spanned<String>>,
    pub(super) to: Option<Spanned<String>>,
}

/// Reads a file, as far as its form goes.
pub(super) fn parse<'a>(name: &'a str, source: &'a str, is_own: bool) -> Result<Parsed<'a>, Mistake> {
    if source.len() > MAX_SOURCE_BYTES {
        return Err(Mistake {
            file: name.to_owned(),
            line: 1,
            message: format!("must not be longer than {MAX_SOURCE_BYTES} bytes"),
        });
    }
    let content = toml::from_str(source).map_err(|error| Mistake {
        file: name.to_owned(),
        line: line(source, error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })?;
    Ok(Parsed {
        name,
        source,
        is_own,
        content,
    })
}

impl Parsed<'_> {
    /// A mistake at a place.
    pub(super) fn mistake<T>(&self, at: &Spanned<T>, message: impl Into<String>) -> Mistake {
        Mistake {
            file: self.name.to_owned(),
            line: line(self.source, at.span().start),
            message: message.into(),
        }
    }
}

/// The line of a byte, from 1.
fn line(source: &str, at: usize) -> usize {
    1 + source.bytes().take(at).filter(|byte| *byte == b'\n').count()
}
