//! `verify export`: a package for an offline audit. Every byte of every file counts: the manifest, the history, each report in
//! each of its forms, and what they were made with.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::Failure;
use super::super::output::{Format, clean, print, print_json};
use super::super::package::{self, BUNDLE, FORMS, LOG_KEY, MANIFEST, OWN, REPORTS, Scope};
use super::super::serve::{catalogue, templates};
use super::super::trust::{HistoryArguments, Trust};
use super::Coverage;
use super::report::{self, Given, Made};
use crate::app::DocumentQuery;
use crate::audit::Roll;
use crate::domain::words::count;

/// Arguments of `verify export`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The folder
    folder: PathBuf,
    #[command(flatten)]
    trust: HistoryArguments,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A package that verifies.
pub struct Verified {
    reports: BTreeMap<String, Given>,
    tree_size: u64,
    manifest_sha256: String,
    coverage: Coverage,
}

impl Arguments {
    /// Verifies it.
    pub fn run(self) -> Result<(), Failure> {
        let (trust, roll) = self.trust.read()?;
        let verified = check(&self.folder, &trust, roll)?;
        let words = |given: &Given| clean(&given.words);
        if self.format == Format::Json {
            let mut shown = json!({
                "verified": true,
                "tree_size": verified.tree_size,
                "manifest_sha256": verified.manifest_sha256,
                "reports": verified.reports.values().map(words).collect::<Vec<_>>(),
            });
            verified.coverage.add_to(&mut shown);
            return print_json(&shown);
        }
        let mut lines = vec![format!(
            "Verified: {} made again at tree size {}, byte for byte. SHA-256 of {MANIFEST}: {}",
            count(verified.reports.len(), "report"),
            verified.tree_size,
            verified.manifest_sha256
        )];
        let reports = verified.reports.iter();
        lines.extend(reports.map(|(folder, given)| format!("  {REPORTS}/{folder}: {}", words(given))));
        lines.extend(verified.coverage.lines());
        print(&lines.join("\n"))
    }
}

/// Verifies a package, and fails with the first thing that is wrong or missing.
pub fn check(folder: &Path, trust: &Trust, roll: Option<Roll>) -> Result<Verified, Failure> {
    let files = package::files(folder).map_err(|error| unreadable(folder, &error))?;
    let manifest_sha256 = listed(folder, &files)?;
    if let Some(stranger) = files.keys().find(|name| !package::belongs(name)) {
        return Err(refused(&format!("{stranger} does not belong into the package")));
    }
    for (name, text) in package::fixed() {
        if read(folder, &files, &name)? != text {
            let version = env!("CARGO_PKG_VERSION");
            return Err(Failure::unclear(format!(
                "CANNOT TELL: {name} is not that of shipslog {version}: it was changed, or another version wrote it"
            )));
        }
    }
    let log_key = read(folder, &files, LOG_KEY)?;
    if !log_key.strip_suffix('\n').is_some_and(|vkey| trust.names(vkey)) {
        return Err(refused(&format!("{LOG_KEY} is not a key that you trust")));
    }
    let reports = reports(folder, &files)?;
    let Some(first) = reports.values().next() else {
        return Err(refused("it has no report"));
    };
    let place = tempfile::tempdir().map_err(|error| unreadable(folder, &error))?;
    // Verifies the bundle before anything is made from it.
    let (rebuilt, mut coverage) = report::rebuild(place.path(), &folder.join(BUNDLE), trust, roll, first)?;
    let own = OWN.map(|name| Some(folder.join(name)).filter(|path| path.exists()));
    let (templates, catalogue) = (templates(own[0].as_deref())?, catalogue(own[1].as_deref())?);
    for (scope, given) in &reports {
        if given.tree_size != first.tree_size {
            return Err(refused("its reports speak of different tree sizes"));
        }
        for (file, form) in FORMS {
            let name = format!("{REPORTS}/{scope}/{file}");
            let text = read(folder, &files, &name)?;
            let given = given.in_form(text, form);
            let made = report::remake(&given, &rebuilt, &templates, &catalogue);
            let Made { text, difference, .. } = made.map_err(|failure| failure.of(&name))?;
            if let Some(difference) = difference {
                let failure = report::explain(&given, &rebuilt, &templates, &catalogue, &text, &difference);
                return Err(failure.of(&name));
            }
        }
    }
    coverage
        .checks("every report, in every form: each byte is what this program makes of the entries below its tree size");
    coverage.checks("every file is the one that the manifest lists, and no other is there");
    coverage
        .omits("whether these are all the reports that were asked for: compare them, or the digest of the manifest");
    Ok(Verified {
        tree_size: first.tree_size,
        reports,
        manifest_sha256,
        coverage,
    })
}

/// Holds the files against the manifest; its digest.
fn listed(folder: &Path, files: &BTreeMap<String, PathBuf>) -> Result<String, Failure> {
    let given = read(folder, files, MANIFEST)?;
    let made = package::manifest(files).map_err(|error| unreadable(folder, &error))?;
    if given == made {
        return Ok(ledger::sha256(given.as_bytes()).to_string());
    }
    let pairs = |text: &str| -> BTreeMap<String, String> {
        let lines = text.lines().filter_map(|line| line.split_once("  "));
        lines
            .map(|(digest, name)| (name.to_owned(), digest.to_owned()))
            .collect()
    };
    let (given, made) = (pairs(&given), pairs(&made));
    let names: BTreeSet<&String> = given.keys().chain(made.keys()).collect();
    let wrong = names.into_iter().find(|name| given.get(*name) != made.get(*name));
    Err(refused(&match wrong {
        Some(name) if !made.contains_key(name) => format!("{name} is missing"),
        Some(name) if !given.contains_key(name) => format!("{name} is not in {MANIFEST}"),
        Some(name) => format!("{name} is not what {MANIFEST} says"),
        None => format!("{MANIFEST} is not in its exact form"),
    }))
}

/// The report of each scope, by the name of its folder, in the form that says what was asked. None of its forms is missing.
fn reports(folder: &Path, files: &BTreeMap<String, PathBuf>) -> Result<BTreeMap<String, Given>, Failure> {
    let named = files
        .keys()
        .filter_map(|name| name.strip_prefix(REPORTS)?.strip_prefix('/')?.split_once('/'));
    let scopes: BTreeSet<&str> = named.map(|(scope, _)| scope).collect();
    let mut reports = BTreeMap::new();
    for scope in scopes {
        let name = |file: &str| format!("{REPORTS}/{scope}/{file}");
        if let Some((file, _)) = FORMS.iter().find(|(file, _)| !files.contains_key(&name(file))) {
            return Err(refused(&format!("{} is missing", name(file))));
        }
        let given = Given::read(&folder.join(name(FORMS[0].0)), None)?;
        let about = match &given.query {
            DocumentQuery::Compliance(query) => Scope {
                environment: query.environment.clone(),
                service: query.service.clone(),
            }
            .folder(),
            DocumentQuery::ReleaseNotes(_)
            | DocumentQuery::Release(_)
            | DocumentQuery::Service(_)
            | DocumentQuery::Sample(_) => String::new(),
        };
        if about != scope {
            return Err(refused(&format!(
                "{} is not the report of that scope",
                name(FORMS[0].0)
            )));
        }
        reports.insert(scope.to_owned(), given);
    }
    Ok(reports)
}

/// The text of a file that must be there.
fn read(folder: &Path, files: &BTreeMap<String, PathBuf>, name: &str) -> Result<String, Failure> {
    let path = files.get(name).ok_or_else(|| refused(&format!("{name} is missing")))?;
    let bytes = fs::read(path).map_err(|error| unreadable(folder, &error))?;
    String::from_utf8(bytes).map_err(|_| refused(&format!("{name} is not UTF-8")))
}

fn refused(what: &str) -> Failure {
    Failure::refused(format!("NOT VERIFIED: {}", clean(what)))
}

/// What is wrong with the folder is a finding; that it cannot be read is none.
fn unreadable(folder: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::Other => refused(&error.to_string()),
        _ => Failure::unclear(format!("cannot read {}: {error}", folder.display())),
    }
}
