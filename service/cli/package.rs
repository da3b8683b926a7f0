//! The package for an offline audit: a folder with the history, the reports that were made from it, and all that making them again
//! needs. Which files it has follows from its scopes.
//!
//! | file | holds |
//! |---|---|
//! | `README.md` | what this is and how to check it, the same in every package |
//! | `MANIFEST` | SHA-256 of every other file, as `sha256sum` writes and reads it |
//! | `log.vkey` | the key of the log, as the service told it |
//! | `bundle/` | the history: see [`super::bundle`] |
//! | `reports/<scope>/` | the compliance report of a scope, in every form |
//! | `built-in/` | the templates and the catalogue of this program, to be read |
//! | `own/` | the organisation's own templates and catalogue, where it has any |
//!
//! Nothing else may be in the folder.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::client::encode;
use crate::app::Format;
use crate::document::compliance::oscal::Model;
use crate::domain::{EnvironmentName, ServiceName};
use crate::{catalogue, render};

/// Name of the list of all files.
pub const MANIFEST: &str = "MANIFEST";
/// Name of the file with the log's key.
pub const LOG_KEY: &str = "log.vkey";
/// Folder of the bundle.
pub const BUNDLE: &str = "bundle";
/// Folder of the reports.
pub const REPORTS: &str = "reports";
/// Folders of an organisation's own templates and catalogue.
pub const OWN: [&str; 2] = ["own/templates", "own/catalogue"];
/// The forms of a report, by the name of their files. The first says what was asked.
pub const FORMS: [(&str, Format); 7] = [
    ("compliance-report.json", Format::Json),
    ("compliance-report.md", Format::Markdown),
    ("compliance-report.html", Format::Html),
    ("compliance-report.csv", Format::Csv),
    ("oscal-assessment-results.json", Format::Oscal(Model::AssessmentResults)),
    ("oscal-assessment-plan.json", Format::Oscal(Model::AssessmentPlan)),
    (
        "oscal-component-definition.json",
        Format::Oscal(Model::ComponentDefinition),
    ),
];

/// What a report is about: an environment, or a service in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The environment.
    pub environment: EnvironmentName,
    /// Only this service.
    pub service: Option<ServiceName>,
}

impl Scope {
    /// Reads `ENVIRONMENT` or `ENVIRONMENT/SERVICE`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (environment, service) = match text.split_once('/') {
            Some((environment, service)) => (environment, Some(service)),
            None => (text, None),
        };
        let service = service.map(|name| name.parse().map_err(|error| format!("the service {error}")));
        Ok(Self {
            environment: environment
                .parse()
                .map_err(|error| format!("the environment {error}"))?,
            service: service.transpose()?,
        })
    }

    /// The name of its folder: no other scope has it, and it is no path.
    pub fn folder(&self) -> String {
        let name = |text: &str| encode(text).replace('.', "%2E");
        let environment = name(self.environment.as_str());
        let service = self.service.as_ref();
        service.map_or(environment.clone(), |service| {
            format!("{environment}+{}", name(service.as_str()))
        })
    }
}

/// The files that are the same in every package of this version, by name.
pub fn fixed() -> impl Iterator<Item = (String, &'static str)> {
    let readme = ("README.md".to_owned(), include_str!("package/README.md"));
    let templates = render::templates::BUILT_IN.iter();
    let templates = templates.map(|(name, text)| (format!("built-in/templates/{name}"), *text));
    let catalogue = catalogue::BUILT_IN.iter();
    let catalogue = catalogue.map(|(name, text)| (format!("built-in/catalogue/{name}"), *text));
    std::iter::once(readme).chain(templates).chain(catalogue)
}

/// Whether a package can have a file of this name, beside its bundle, which is looked at by itself.
pub fn belongs(name: &str) -> bool {
    let report = |rest: &str| {
        rest.split_once('/')
            .is_some_and(|(_, file)| FORMS.iter().any(|(form, _)| *form == file))
    };
    let own = |folder: &str| name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    [MANIFEST, LOG_KEY].contains(&name)
        || name.starts_with("bundle/")
        || name.strip_prefix("reports/").is_some_and(report)
        || OWN.iter().any(|folder| own(folder))
        || fixed().any(|(fixed, _)| fixed == name)
}

/// The plain files below a folder, by their names; an error where there is anything else.
pub fn files(folder: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![(String::new(), folder.to_owned())];
    while let Some((prefix, path)) = folders.pop() {
        let mut empty = true;
        for item in fs::read_dir(&path)? {
            let item = item?;
            empty = false;
            let name = item.file_name().into_string();
            let name = name.map_err(|name| io::Error::other(format!("{} is not UTF-8", name.display())))?;
            let name = format!("{prefix}{name}");
            let kind = item.file_type()?;
            if kind.is_dir() {
                folders.push((format!("{name}/"), item.path()));
            } else if kind.is_file() && !name.chars().any(char::is_control) {
                found.insert(name, item.path());
            } else {
                return Err(io::Error::other(format!("{} is no plain file", name.escape_debug())));
            }
        }
        if empty {
            return Err(io::Error::other(format!("{} is an empty folder", path.display())));
        }
    }
    Ok(found)
}

/// The manifest of these files: `<sha256>  <name>` a line, in order of names, without the manifest itself.
pub fn manifest(files: &BTreeMap<String, PathBuf>) -> io::Result<String> {
    let mut lines = String::new();
    for (name, path) in files.iter().filter(|(name, _)| *name != MANIFEST) {
        lines.push_str(&format!("{}  {name}\n", digest(path)?));
    }
    Ok(lines)
}

/// SHA-256 of a file, in hex, however long it is.
fn digest(path: &Path) -> io::Result<String> {
    let (mut file, mut hasher) = (File::open(path)?, Sha256::new());
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_an_environment_or_a_service_in_one() {
        for (text, folder) in [
            ("production", "production"),
            ("production/checkout", "production+checkout"),
            ("a+b", "a%2Bb"),
            ("..", "%2E%2E"),
            ("eu/shop/basket", "eu+shop%2Fbasket"),
        ] {
            assert_eq!(Scope::parse(text).unwrap().folder(), folder);
        }
        for text in ["", "/checkout", "production/", "a\nb"] {
            assert!(Scope::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_what_has_a_place_belongs() {
        for name in [
            "README.md",
            "MANIFEST",
            "bundle/checkpoint",
            "reports/production/compliance-report.csv",
            "own/templates/release-notes.md",
            "built-in/templates/sample.md",
            "built-in/catalogue/frameworks/soc2.toml",
        ] {
            assert!(belongs(name), "{name}");
        }
        for name in [
            "notes.txt",
            "reports/compliance-report.csv",
            "reports/production/other.md",
            "own/x",
            "own/templatesx/y",
            "built-in/templates/x",
        ] {
            assert!(!belongs(name), "{name}");
        }
    }
}
