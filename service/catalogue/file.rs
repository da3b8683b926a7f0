//! A file of the catalogue as it is written, before anything is compared with it. Every member that a mistake may be named at knows its place.
//!
//! Members are read one by one, and what is wrong with one hides nothing of the others: something stands in for it, and since there is a
//! mistake, nothing is ever made of that.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

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
#[derive(Default)]
pub(super) struct Content {
    /// The framework that its requirements are of.
    pub(super) framework: Option<FrameworkTable>,
    pub(super) requirement: Vec<RequirementTable>,
    pub(super) scope: Vec<ScopeTable>,
    /// Numbers of checks, by name.
    pub(super) parameters: BTreeMap<Spanned<String>, serde_json::Value>,
}

pub(super) struct FrameworkTable {
    pub(super) id: Spanned<String>,
    pub(super) version: String,
    pub(super) title: String,
    pub(super) publisher: String,
    pub(super) control_source: Option<String>,
}

pub(super) struct RequirementTable {
    pub(super) id: Spanned<String>,
    pub(super) title: String,
    pub(super) control: Option<Spanned<String>>,
    pub(super) all: Option<Vec<Spanned<String>>>,
    pub(super) any: Option<Vec<Spanned<String>>>,
    pub(super) n_of: Option<Spanned<NOf>>,
    pub(super) coverage: Coverage,
    pub(super) tolerance: Option<Spanned<Tolerance>>,
    pub(super) manual: Vec<Spanned<Manual>>,
    pub(super) note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NOf {
    pub(super) n: usize,
    pub(super) of: Vec<Spanned<String>>,
}

pub(super) struct ScopeTable {
    pub(super) framework: Spanned<String>,
    pub(super) services: Vec<Spanned<String>>,
    pub(super) environments: Vec<Spanned<String>>,
    pub(super) from: Option<Spanned<String>>,
    pub(super) to: Option<Spanned<String>>,
}

/// Reads a file, as far as its form goes; nothing where it has none.
pub(super) fn parse<'a>(
    name: &'a str,
    source: &'a str,
    is_own: bool,
    mistakes: &mut Vec<Mistake>,
) -> Option<Parsed<'a>> {
    let mut file = Parsed {
        name,
        source,
        is_own,
        content: Content::default(),
    };
    if source.len() > MAX_SOURCE_BYTES {
        let message = format!("must not be longer than {MAX_SOURCE_BYTES} bytes");
        mistakes.push(file.mistake_at(0, message));
        return None;
    }
    match DeTable::parse(source) {
        Ok(table) => {
            let (at, table) = (table.span(), table.into_inner());
            file.content = Members {
                table,
                known: Vec::new(),
                at,
                file: &file,
                mistakes,
            }
            .content();
            Some(file)
        }
        Err(error) => {
            mistakes.push(file.mistake_of(&error, 0));
            None
        }
    }
}

impl Parsed<'_> {
    /// A mistake at a place.
    pub(super) fn mistake<T>(&self, at: &Spanned<T>, message: impl Into<String>) -> Mistake {
        self.mistake_at(at.span().start, message)
    }

    fn mistake_at(&self, at: usize, message: impl Into<String>) -> Mistake {
        Mistake {
            file: self.name.to_owned(),
            line: line(self.source, at),
            message: message.into(),
        }
    }

    /// What could not be read, where that is said; else at a place.
    fn mistake_of(&self, error: &toml::de::Error, at: usize) -> Mistake {
        self.mistake_at(error.span().map_or(at, |span| span.start), error.message())
    }
}

/// The line of a byte, from 1.
fn line(source: &str, at: usize) -> usize {
    1 + source.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// The members of a table that were not read yet.
struct Members<'t, 'i> {
    table: DeTable<'i>,
    /// The names that were asked for.
    known: Vec<&'static str>,
    at: Range<usize>,
    file: &'t Parsed<'t>,
    mistakes: &'t mut Vec<Mistake>,
}

impl<'i> Members<'_, 'i> {
    fn content(mut self) -> Content {
        let content = Content {
            framework: self.tables("framework", false, |table| table.framework()).pop(),
            requirement: self.tables("requirement", true, |table| table.requirement()),
            scope: self.tables("scope", true, |table| table.scope()),
            parameters: self.take("parameters").unwrap_or_default(),
        };
        self.end();
        content
    }

    fn framework(mut self) -> FrameworkTable {
        let table = FrameworkTable {
            id: self.named("id"),
            version: self.demand("version").unwrap_or_default(),
            title: self.demand("title").unwrap_or_default(),
            publisher: self.demand("publisher").unwrap_or_default(),
            control_source: self.take("control_source"),
        };
        self.end();
        table
    }

    fn requirement(mut self) -> RequirementTable {
        let table = RequirementTable {
            id: self.named("id"),
            title: self.demand("title").unwrap_or_default(),
            control: self.take("control"),
            all: self.take("all"),
            any: self.take("any"),
            n_of: self.take("n_of"),
            coverage: self.demand("coverage").unwrap_or(Coverage::Supporting),
            tolerance: self.take("tolerance"),
            manual: self.list("manual"),
            note: self.take("note"),
        };
        self.end();
        table
    }

    fn scope(mut self) -> ScopeTable {
        let table = ScopeTable {
            framework: self.named("framework"),
            services: self.take("services").unwrap_or_default(),
            environments: self.take("environments").unwrap_or_default(),
            from: self.take("from"),
            to: self.take("to"),
        };
        self.end();
        table
    }

    /// A member, if it is there and right.
    fn take<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<T> {
        let value = self.remove(name)?;
        self.read(value)
    }

    fn remove(&mut self, name: &'static str) -> Option<Spanned<DeValue<'i>>> {
        self.known.push(name);
        self.table.remove(name)
    }

    fn read<T: DeserializeOwned>(&mut self, value: Spanned<DeValue<'i>>) -> Option<T> {
        let at = value.span().start;
        let read = T::deserialize(ValueDeserializer::from(value));
        read.map_err(|error| self.mistakes.push(self.file.mistake_of(&error, at)))
            .ok()
    }

    /// A member that must be there.
    fn demand<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<T> {
        if !self.table.contains_key(name) {
            let message = format!("missing field `{name}`");
            self.mistakes.push(self.file.mistake_at(self.at.start, message));
        }
        self.take(name)
    }

    /// A name that must be there; one that no other table has stands in for it.
    fn named(&mut self, name: &'static str) -> Spanned<String> {
        let at = self.at.clone();
        self.demand(name)
            .unwrap_or_else(|| Spanned::new(at.clone(), format!("table.{}", at.start)))
    }

    /// Items of a list, each for itself.
    fn list<T: DeserializeOwned>(&mut self, name: &'static str) -> Vec<T> {
        let items = self.items(name, true).into_iter();
        items.filter_map(|item| self.read(item)).collect()
    }

    /// Tables, each for itself: of a list, or the one.
    fn tables<T>(&mut self, name: &'static str, many: bool, read: impl Fn(Members<'_, 'i>) -> T) -> Vec<T> {
        let mut tables = Vec::new();
        for item in self.items(name, many) {
            let at = item.span();
            match item.into_inner() {
                DeValue::Table(table) => tables.push(read(Members {
                    table,
                    known: Vec::new(),
                    at,
                    file: self.file,
                    mistakes: self.mistakes,
                })),
                _ => {
                    let message = format!("`{name}` must be a table");
                    self.mistakes.push(self.file.mistake_at(at.start, message));
                }
            }
        }
        tables
    }

    fn items(&mut self, name: &'static str, many: bool) -> Vec<Spanned<DeValue<'i>>> {
        let Some(value) = self.remove(name) else {
            return Vec::new();
        };
        let at = value.span();
        match (value.into_inner(), many) {
            (DeValue::Array(items), true) => items.into_iter().collect(),
            (one, false) => vec![Spanned::new(at, one)],
            (_, true) => {
                let message = format!("`{name}` must be a list");
                self.mistakes.push(self.file.mistake_at(at.start, message));
                Vec::new()
            }
        }
    }

    /// What is left is of no known name.
    fn end(self) {
        for name in self.table.keys() {
            let known: Vec<String> = self.known.iter().map(|name| format!("`{name}`")).collect();
            let message = format!(
                "unknown field `{}`, expected one of {}",
                name.get_ref(),
                known.join(", ")
            );
            self.mistakes.push(self.file.mistake(name, message));
        }
    }
}
