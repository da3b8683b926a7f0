//! `export`: the whole history as a bundle, alone or in a package for an offline audit, or the public log as plain files, over HTTP,
//! at one tree size.

mod package;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ledger::{Checkpoint, SignedNote};
use reqwest::Response;

use super::bundle::{CHECKPOINT, FIXED, Part, withheld_line};
use super::client::{Client, block_on};
use super::package::{MANIFEST, Scope};
use super::progress::Progress;
use super::static_tree::{self, Exported};
use super::{Context, Failure, output, text};
use crate::config::ClientSettings;
use package::Wanted;

/// How long to wait for the checkpoint that covers what is recorded now: one is published each second.
const PUBLICATION: Duration = Duration::from_secs(3);

/// How often to begin again.
const TRIES: u32 = 5;

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("when").args(["period", "from"])))]
pub struct Export {
    /// Folder to write, which must not exist or be empty
    #[arg(required_unless_present = "tree")]
    folder: Option<PathBuf>,
    /// Instead write the public log as C2SP tlog-tiles, for a file server; run again, it adds what is new. Needs no token
    #[arg(long = "static", value_name = "FOLDER", conflicts_with = "folder")]
    tree: Option<PathBuf>,
    /// Write a package for an offline audit, with the compliance report of this environment, or of a service in it; may be given
    /// several times
    #[arg(long, value_name = "ENVIRONMENT[/SERVICE]", value_parser = Scope::parse, requires = "when", conflicts_with = "tree")]
    scope: Vec<Scope>,
    /// Period of those reports: a year, a quarter, a month or a week, such as 2026, 2026-Q1, 2026-03 or 2026-W13
    #[arg(long, value_name = "PERIOD", value_parser = text, requires = "scope")]
    period: Option<String>,
    /// Instead of it: first day, or the exact time, that is covered
    #[arg(long, value_name = "DATE", value_parser = text, requires_all = ["to", "scope"])]
    from: Option<String>,
    /// Day, or exact time, before which the period ends
    #[arg(long, value_name = "DATE", value_parser = text, requires = "from")]
    to: Option<String>,
    /// Time zone of those days, such as Europe/London [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = text, requires = "scope")]
    time_zone: Option<String>,
    /// Framework whose requirements are reported on; may be given several times [default: all]
    #[arg(long, value_name = "ID", value_parser = text, requires = "scope")]
    framework: Vec<String>,
    /// Templates that the service was started with, if not the built-in ones
    #[arg(long, value_name = "DIR", requires = "scope")]
    templates: Option<PathBuf>,
    /// Catalogue that the service was started with, if not the built-in one
    #[arg(long, value_name = "DIR", requires = "scope")]
    catalogue: Option<PathBuf>,
    #[command(flatten)]
    client: ClientSettings,
}

impl Export {
    /// Writes the folder.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let wanted = self.wanted();
        let client = Client::new(self.client, context)?;
        match (self.tree, self.folder) {
            (Some(folder), _) => write_tree(&client, &folder),
            (None, Some(folder)) if wanted.scopes.is_empty() => write_bundle(&client, &folder),
            (None, Some(folder)) => write_package(&client, &folder, &wanted),
            (None, None) => Err(Failure::unclear("name the folder to write")),
        }
    }

    fn wanted(&self) -> Wanted {
        let frameworks = match self.framework.as_slice() {
            [] => vec!["all".to_owned()],
            named => named.to_vec(),
        };
        let frameworks = frameworks.into_iter().map(|id| ("framework", Some(id)));
        let period = [
            ("period", self.period.clone()),
            ("from", self.from.clone()),
            ("to", self.to.clone()),
            ("time_zone", self.time_zone.clone()),
        ];
        // One that is named twice is one.
        let scopes: BTreeMap<String, Scope> = self.scope.iter().map(|scope| (scope.folder(), scope.clone())).collect();
        Wanted {
            scopes: scopes.into_values().collect(),
            parameters: frameworks.chain(period).collect(),
            own: [self.templates.clone(), self.catalogue.clone()],
        }
    }
}

fn write_tree(client: &Client, folder: &Path) -> Result<(), Failure> {
    let Exported { checkpoint, written } = block_on(static_tree::write(client, folder))?;
    output::note(&format!(
        "{written} files are new. Serve the folder, and verify it with: shipslog verify log URL --log-key LOG.vkey"
    ));
    print_checkpoint(folder, &checkpoint)
}

fn print_checkpoint(folder: &Path, checkpoint: &Checkpoint) -> Result<(), Failure> {
    output::print(&format!(
        "{}: {} entries of {}, root {}",
        folder.display(),
        checkpoint.size,
        output::clean(&checkpoint.origin),
        checkpoint.root.to_base64()
    ))
}

fn write_bundle(client: &Client, folder: &Path) -> Result<(), Failure> {
    let checkpoint = write_whole(folder, |partial| {
        let (note, checkpoint) = block_on(newest_checkpoint(client))?;
        let written = block_on(download(client, partial, (&note, &checkpoint), &Shown::Whole))?;
        Ok(written.then_some(checkpoint))
    })?;
    output::note(&format!(
        "Verify it with: shipslog verify bundle {} --log-key LOG.vkey",
        folder.display()
    ));
    print_checkpoint(folder, &checkpoint)
}

fn write_package(client: &Client, folder: &Path, wanted: &Wanted) -> Result<(), Failure> {
    let (checkpoint, manifest) = write_whole(folder, |partial| {
        let bundle = package::bundle_in(partial)?;
        let (note, checkpoint) = block_on(newest_checkpoint(client))?;
        let Some(shown) = block_on(package::shown(client, checkpoint.size, wanted))? else {
            return Ok(None);
        };
        if !block_on(download(client, &bundle, (&note, &checkpoint), &shown))? {
            return Ok(None);
        }
        let manifest = package::add(client, partial, checkpoint.size, wanted)?;
        Ok(Some((checkpoint, manifest)))
    })?;
    output::note(&format!(
        "It verifies with the key that the service names; its reader verifies it with a key of their own: shipslog verify export {} --log-key LOG.vkey",
        folder.display()
    ));
    print_checkpoint(folder, &checkpoint)?;
    output::print(&format!("SHA-256 of {MANIFEST}: {manifest}"))
}

/// Fills a folder. It appears whole or not at all.
fn write_whole<T>(folder: &Path, fill: impl Fn(&Path) -> Result<Option<T>, Failure>) -> Result<T, Failure> {
    refuse_used(folder)?;
    let mut name = folder.file_name().unwrap_or(folder.as_os_str()).to_owned();
    name.push(".partial");
    let partial = folder.with_file_name(name);
    let create = || {
        fs::create_dir(&partial).map_err(|error| {
            let hint = if error.kind() == io::ErrorKind::AlreadyExists {
                "; an earlier export was interrupted: remove it first"
            } else {
                ""
            };
            Failure::refused(format!("cannot create {}: {error}{hint}", partial.display()))
        })
    };
    let remove = || fs::remove_dir_all(&partial).map_err(|error| cannot_write(&partial, &error));
    let mut tries = 0;
    let filled = loop {
        create()?;
        tries += 1;
        match fill(&partial) {
            Ok(Some(filled)) => break filled,
            Ok(None) if tries < TRIES => {
                output::note("Something was erased meanwhile; beginning again, so that the history says so.");
                remove()?;
            }
            Ok(None) => {
                remove()?;
                return Err(Failure::refused("something is erased again and again; try later"));
            }
            Err(failure) => {
                // What is half there must not be taken for a bundle; the failure itself is what is reported.
                let _ = fs::remove_dir_all(&partial);
                return Err(failure);
            }
        }
    };
    fs::rename(&partial, folder).map_err(|error| cannot_write(folder, &error))?;
    Ok(filled)
}

/// What a bundle shows beside the leaves.
enum Shown {
    /// All that was not erased.
    Whole,
    /// These lines; what has none is withheld.
    Part(BTreeMap<u64, String>),
}

/// False where the checkpoint does not cover the erasure of what is gone.
async fn download(
    client: &Client,
    folder: &Path,
    (note, checkpoint): (&str, &Checkpoint),
    shown: &Shown,
) -> Result<bool, Failure> {
    for (name, text) in FIXED {
        write(folder, name, text.as_bytes())?;
    }
    let progress = Progress::of_entries();
    for part in Part::all(checkpoint.size) {
        progress.step(part.first, checkpoint.size);
        let entries = format!("/log/tile/{}", part.tile_path());
        let response = client.get_stream(&entries).await?;
        save(response, &entries, folder, &part.entries_file()).await?;
        let envelopes = part.envelopes_file();
        match shown {
            Shown::Whole => {
                let lines = format!("/v1/log/envelopes/{}?tree_size={}", part.number, checkpoint.size);
                let Some(response) = client.find_stream(&lines).await? else {
                    return Ok(false);
                };
                save(response, &lines, folder, &envelopes).await?;
            }
            Shown::Part(lines) => {
                let line = |index| lines.get(&index).cloned().unwrap_or_else(|| withheld_line(index));
                let text: String = (part.first..part.first + u64::from(part.width)).map(line).collect();
                write(folder, &envelopes, text.as_bytes())?;
            }
        }
    }
    write(folder, CHECKPOINT, note.as_bytes())?;
    Ok(true)
}

/// The published checkpoint, as soon as it covers what was recorded when the export began, for those who may see that.
pub async fn newest_checkpoint(client: &Client) -> Result<(String, Checkpoint), Failure> {
    let wanted = match client.has_token() {
        true => client.get("/v1/log").await?["tree_size"].as_u64().unwrap_or(0),
        false => 0,
    };
    let mut waited = Duration::ZERO;
    loop {
        let note = client.get_text("/log/checkpoint").await;
        let read = note.and_then(|note| parse(&note).map(|checkpoint| (note, checkpoint)));
        match read {
            Ok((note, checkpoint)) if checkpoint.size >= wanted || waited >= PUBLICATION => {
                return Ok((note, checkpoint));
            }
            Err(failure) if waited >= PUBLICATION => return Err(failure),
            Ok(_) | Err(_) => {}
        }
        let pause = Duration::from_millis(200);
        tokio::time::sleep(pause).await;
        waited += pause;
    }
}

fn parse(note: &str) -> Result<Checkpoint, Failure> {
    let unreadable =
        |error: String| Failure::refused(format!("the checkpoint of the service is not readable: {error}"));
    let note = SignedNote::parse(note).map_err(|error| unreadable(error.to_string()))?;
    Checkpoint::parse(note.text()).map_err(|error| unreadable(error.to_string()))
}

/// Streams a response into a file.
async fn save(mut response: Response, path: &str, folder: &Path, name: &str) -> Result<(), Failure> {
    let target = folder.join(name);
    let mut file = BufWriter::new(create(&target)?);
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| Failure::refused(format!("the download of {path} was cut off: {error}")))?
    {
        file.write_all(&chunk).map_err(|error| cannot_write(&target, &error))?;
    }
    file.flush().map_err(|error| cannot_write(&target, &error))
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let target = folder.join(name);
    create(&target)?
        .write_all(bytes)
        .map_err(|error| cannot_write(&target, &error))
}

fn create(target: &Path) -> Result<File, Failure> {
    let folder = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| File::create_new(target))
        .map_err(|error| cannot_write(target, &error))
}

fn refuse_used(folder: &Path) -> Result<(), Failure> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::refused(format!(
            "cannot look into {}: {error}",
            folder.display()
        ))),
        Ok(mut items) => match items.next() {
            None => Ok(()),
            Some(_) => Err(Failure::refused(format!(
                "{} is not empty; choose another folder",
                folder.display()
            ))),
        },
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::refused(format!("cannot write {}: {error}", path.display()))
}
