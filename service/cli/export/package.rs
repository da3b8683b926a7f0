//! Makes a bundle into a package for an offline audit: reports of its scopes at its tree size, and what making them again needs.

use std::fs;
use std::path::{Path, PathBuf};

use ledger::NoteKey;

use super::super::client::{Client, query};
use super::super::package::{self, BUNDLE, FORMS, LOG_KEY, MANIFEST, OWN, REPORTS, Scope};
use super::super::progress::waiting;
use super::super::serve;
use super::super::trust::Trust;
use super::super::verify;
use super::super::{Failure, client::block_on};
use super::{cannot_write, write};

/// What the reports are about.
pub struct Wanted {
    /// One report for each.
    pub scopes: Vec<Scope>,
    /// Their frameworks, period and zone, as parameters.
    pub parameters: Vec<(&'static str, Option<String>)>,
    /// The templates and the catalogue of the service, where they are not the built-in ones.
    pub own: [Option<PathBuf>; 2],
}

/// Adds everything, and verifies the whole as its reader will; the digest of its manifest.
pub fn add(client: &Client, folder: &Path, size: u64, wanted: &Wanted) -> Result<String, Failure> {
    let log_key = block_on(async {
        for scope in &wanted.scopes {
            for (file, form) in FORMS {
                let of_scope = [
                    ("environment", Some(scope.environment.to_string())),
                    ("service", scope.service.as_ref().map(ToString::to_string)),
                    ("tree_size", Some(size.to_string())),
                    ("format", Some(form.as_str().to_owned())),
                ];
                let asked = query(&[&of_scope[..], &wanted.parameters].concat());
                let path = format!("/v1/reports/compliance{asked}");
                let text = waiting("the service makes the reports", client.get_text(&path)).await?;
                write(folder, &format!("{REPORTS}/{}/{file}", scope.folder()), text.as_bytes())?;
            }
        }
        client.get("/v1/log").await
    })?;
    let log_key = log_key["log_key"].as_str().unwrap_or_default().to_owned();
    write(folder, LOG_KEY, format!("{log_key}\n").as_bytes())?;
    for (name, text) in package::fixed() {
        write(folder, &name, text.as_bytes())?;
    }
    for ((place, from), what) in OWN.iter().zip(&wanted.own).zip(["templates", "catalogue"]) {
        let Some(from) = from else { continue };
        for (name, text) in serve::files(from, what)? {
            write(folder, &format!("{place}/{name}"), text.as_bytes())?;
        }
    }
    let manifest = package::files(folder).and_then(|files| package::manifest(&files));
    let manifest = manifest.map_err(|error| cannot_write(folder, &error))?;
    write(folder, MANIFEST, manifest.as_bytes())?;
    // Nobody should find out at the auditor's that it does not verify.
    let key = NoteKey::parse(&log_key);
    let key = key.map_err(|error| Failure::refused(format!("the service's log key is not readable: {error}")))?;
    let verified = verify::check_package(folder, &Trust::of(key), None);
    verified.map_err(|failure| failure.of("what was exported does not verify"))?;
    Ok(ledger::sha256(manifest.as_bytes()).to_string())
}

/// Whether the folder of a bundle in a package can be made.
pub fn bundle_in(folder: &Path) -> Result<PathBuf, Failure> {
    let bundle = folder.join(BUNDLE);
    fs::create_dir(&bundle).map_err(|error| cannot_write(&bundle, &error))?;
    Ok(bundle)
}
