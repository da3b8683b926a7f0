//! `export`: the whole history as a bundle, over HTTP, at one tree size.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ledger::{Checkpoint, SignedNote};
use reqwest::Response;

use super::bundle::{CHECKPOINT, Part, README, README_TEXT};
use super::client::{Client, block_on};
use super::{Context, Failure, output};
use crate::config::ClientSettings;

/// How long to wait for the checkpoint that covers what is recorded now: one is published each second.
const PUBLICATION: Duration = Duration::from_secs(3);

/// How often to begin again.
const TRIES: u32 = 5;

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// Folder to write, which must not exist or be empty
    folder: PathBuf,
    #[command(flatten)]
    client: ClientSettings,
}

impl Export {
    /// Writes the bundle. It appears whole or not at all.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let client = Client::new(self.client, context)?;
        refuse_used(&self.folder)?;
        let mut name = self.folder.file_name().unwrap_or(self.folder.as_os_str()).to_owned();
        name.push(".partial");
        let partial = self.folder.with_file_name(name);
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
        let checkpoint = loop {
            create()?;
            tries += 1;
            match block_on(download(&client, &partial)) {
                Ok(Some(checkpoint)) => break checkpoint,
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
        fs::rename(&partial, &self.folder).map_err(|error| cannot_write(&self.folder, &error))?;
        let folder = self.folder.display();
        output::note(&format!(
            "Verify it with: shipslog verify bundle {folder} --log-key LOG.vkey"
        ));
        output::print(&format!(
            "{folder}: {} entries of {}, root {}",
            checkpoint.size,
            checkpoint.origin,
            checkpoint.root.to_base64()
        ))
    }
}

/// Nothing where the checkpoint does not cover the erasure of what is gone.
async fn download(client: &Client, folder: &Path) -> Result<Option<Checkpoint>, Failure> {
    let (note, checkpoint) = newest_checkpoint(client).await?;
    write(folder, README, README_TEXT.as_bytes())?;
    for part in Part::all(checkpoint.size) {
        let entries = format!("/log/tile/{}", part.tile_path());
        let response = client.get_stream(&entries).await?;
        save(response, &entries, folder, &part.entries_file()).await?;
        let lines = format!("/v1/log/envelopes/{}?tree_size={}", part.number, checkpoint.size);
        let Some(response) = client.find_stream(&lines).await? else {
            return Ok(None);
        };
        save(response, &lines, folder, &part.envelopes_file()).await?;
    }
    write(folder, CHECKPOINT, note.as_bytes())?;
    Ok(Some(checkpoint))
}

/// The published checkpoint, as soon as it covers what was recorded when the export began.
async fn newest_checkpoint(client: &Client) -> Result<(String, Checkpoint), Failure> {
    let wanted = client.get("/v1/log").await?["tree_size"].as_u64().unwrap_or(0);
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
