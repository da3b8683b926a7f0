//! The catalogue: which checks speak to which requirement of which framework, what that concerns, and the numbers that checks use.
//!
//! Data, built in and an organisation's own, as TOML. Pure: the caller hands over names and sources. It must never hold the
//! text of a standard, only paraphrases, and never say that something complies: requirements are *supported by* checks.

mod file;
pub mod framework;
mod lint;
pub mod scope;

use std::collections::BTreeMap;
use std::fmt;

use crate::check::{CATALOGUE, Parameters};
use framework::Framework;
use scope::Scope;

/// The files that are built in, by name.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("frameworks/soc2.toml", include_str!("frameworks/soc2.toml")),
    ("frameworks/iso27001.toml", include_str!("frameworks/iso27001.toml")),
    ("frameworks/pci-dss.toml", include_str!("frameworks/pci-dss.toml")),
    (
        "frameworks/nist-800-53.toml",
        include_str!("frameworks/nist-800-53.toml"),
    ),
    ("frameworks/ssdf.toml", include_str!("frameworks/ssdf.toml")),
    (
        "frameworks/slsa-source.toml",
        include_str!("frameworks/slsa-source.toml"),
    ),
    ("frameworks/eu-dora.toml", include_str!("frameworks/eu-dora.toml")),
    ("frameworks/nis2.toml", include_str!("frameworks/nis2.toml")),
    (
        "frameworks/cfr-21-part-11.toml",
        include_str!("frameworks/cfr-21-part-11.toml"),
    ),
    ("frameworks/sox-itgc.toml", include_str!("frameworks/sox-itgc.toml")),
];

/// The longest source of a file.
pub const MAX_SOURCE_BYTES: usize = 256 * 1024;

/// What an organisation checks by.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalogue {
    /// The frameworks, in the order of their files: the built-in ones, then others.
    pub frameworks: Vec<Framework>,
    /// What they concern.
    pub scopes: Vec<Scope>,
    /// The numbers that checks use.
    pub parameters: Parameters,
    sha256: String,
}

/// Something that is wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and where it can be said, what would be right.
    pub message: String,
}

/// Everything that is wrong in the files, in their order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

fn lines(mistakes: &[Mistake]) -> String {
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

impl Catalogue {
    /// What is built in.
    pub fn built_in() -> Result<Self, Mistakes> {
        Self::with(&BTreeMap::new())
    }

    /// What is built in, with an organisation's own files. A framework of theirs takes the place of a built-in one of the same id.
    pub fn with(own: &BTreeMap<String, String>) -> Result<Self, Mistakes> {
        let built_in = BUILT_IN.iter().map(|(name, source)| (*name, *source));
        let own = own.iter().map(|(name, source)| (name.as_str(), source.as_str()));
        let mut list: String = CATALOGUE
            .iter()
            .map(|check| format!("{} version {}\n", check.id, check.version))
            .collect();
        let mut parsed = Vec::new();
        let mut mistakes = Vec::new();
        for (is_own, (name, source)) in built_in.map(|file| (false, file)).chain(own.map(|file| (true, file))) {
            list.push_str(&format!("{}  {name}\n", ledger::sha256(source.as_bytes())));
            parsed.extend(file::parse(name, source, is_own, &mut mistakes));
        }
        let mut catalogue = lint::check(parsed, &mut mistakes);
        if !mistakes.is_empty() {
            mistakes.sort_unstable();
            return Err(Mistakes(mistakes));
        }
        catalogue.sha256 = ledger::sha256(list.as_bytes()).to_string();
        Ok(catalogue)
    }

    /// A framework by its id.
    pub fn framework(&self, id: &str) -> Option<&Framework> {
        self.frameworks.iter().find(|framework| framework.id == id)
    }

    /// The scopes of a framework; none where it concerns everything.
    pub fn scopes_of(&self, id: &str) -> impl Iterator<Item = &Scope> {
        self.scopes.iter().filter(move |scope| scope.framework == id)
    }

    /// SHA-256 in hex of the list of all checks with their versions (`<id> version <n>\n`) and all files with their digests
    /// (`<sha256>  <name>\n`), the built-in ones first.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

#[cfg(test)]
mod tests;
