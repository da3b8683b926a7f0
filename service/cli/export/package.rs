//! Makes a bundle into a package for an offline audit: reports of its scopes at its tree size, and what making them again needs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ledger::NoteKey;

use super::super::bundle::Line;
use super::super::client::{Client, query};
use super::super::output;
use super::super::package::{self, BUNDLE, FORMS, LOG_KEY, MANIFEST, OWN, REPORTS, Scope};
use super::super::progress::waiting;
use super::super::serve;
use super::super::trust::Trust;
use super::super::verify;
use super::super::{Failure, client::block_on};
use super::{Shown, cannot_write, write};
use crate::app::Format;

/// What the reports are about.
pub struct Wanted {
    /// One report for each.
    pub scopes: Vec<Scope>,
    /// Their frameworks, period and zone, as parameters.
    pub parameters: Vec<(&'static str, Option<String>)>,
    /// The templates and the catalogue of the service, where they are not the built-in ones.
    pub own: [Option<PathBuf>; 2],
}

impl Wanted {
    /// Where the report of a scope is had in a form.
    fn path(&self, scope: &Scope, size: u64, form: Format) -> String {
        let of_scope = [
            ("environment", Some(scope.environment.to_string())),
            ("service", scope.service.as_ref().map(ToString::to_string)),
            ("tree_size", Some(size.to_string())),
            ("format", Some(form.as_str().to_owned())),
        ];
        let asked = query(&[&of_scope[..], &self.parameters].concat());
        format!("/v1/reports/compliance{asked}")
    }
}

/// What the token may see of the history: all of it, or what the reports are made from. Nothing where something of that was erased
/// after the tree of this size.
pub async fn shown(client: &Client, size: u64, wanted: &Wanted) -> Result<Option<Shown>, Failure> {
    if client
        .is_permitted(&format!("/v1/log/envelopes/0?tree_size={size}"))
        .await?
    {
        return Ok(Some(Shown::Whole));
    }
    output::note("The token is limited: records that the reports are not made from are withheld.");
    let mut lines = BTreeMap::new();
    for scope in &wanted.scopes {
        let Some(response) = client.find_stream(&wanted.path(scope, size, Format::Records)).await? else {
            return Ok(None);
        };
        let text = response.text().await;
        let text =
            text.map_err(|error| Failure::refused(format!("the download of the records was cut off: {error}")))?;
        for line in text.split_inclusive('\n') {
            let read = Line::parse(line.as_bytes());
            let read = read.ok_or_else(|| Failure::refused("the service sent a record in another form"))?;
            lines.insert(read.index, line.to_owned());
        }
    }
    Ok(Some(Shown::Part(lines)))
}

/// Adds everything, and verifies the whole as its reader will; the digest of its manifest.
pub fn add(client: &Client, folder: &Path, size: u64, wanted: &Wanted) -> Result<String, Failure> {
    let log_key = block_on(async {
        for scope in &wanted.scopes {
            for (file, form) in FORMS {
                let path = wanted.path(scope, size, form);
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
