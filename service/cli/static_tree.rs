//! `export --static`: the log as files that any C2SP tlog-tiles reader can check from a file server.
//!
//! Only entries are downloaded: every tile is made from them here, and no checkpoint is written whose root they do not
//! give. A file that is there is never written again; if it should hold something else, the export ends. The checkpoint
//! comes last, so a reader never sees one whose tiles are not there.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ledger::{Checkpoint, SignedNote, TilePath};

use super::bundle::{CHECKPOINT, Part};
use super::client::Client;
use super::tiles::{Rebuilt, ServedLog, full_path};
use super::{Failure, export};

/// What a file is called while it is written.
const PARTIAL: &str = ".partial";
/// Where the service has its log.
const PREFIX: &str = "/log";

/// A folder that holds a log as tiles, or will.
struct Tree {
    folder: PathBuf,
    written: u64,
    /// The checkpoint that is there, from an earlier export.
    earlier: Option<Checkpoint>,
}

/// What an export did.
pub struct Exported {
    /// The checkpoint that is there now.
    pub checkpoint: Checkpoint,
    /// Files written; the others were there.
    pub written: u64,
}

/// Writes the published log into a folder, or what it lacks of it.
pub async fn write(client: &Client, folder: &Path) -> Result<Exported, Failure> {
    let mut tree = Tree::open(folder)?;
    let (note, checkpoint) = export::newest_checkpoint(client).await?;
    if let Some(earlier) = &tree.earlier
        && (earlier.origin != checkpoint.origin || earlier.size > checkpoint.size)
    {
        return Err(other_history(folder, earlier, &checkpoint));
    }
    let log = ServedLog {
        client: client.clone(),
        prefix: PREFIX,
    };
    let mut rebuilt = Rebuilt::default();
    for part in Part::all(checkpoint.size) {
        let bytes = tree.bundle(&log, part).await?;
        let earlier = tree.earlier.clone();
        let full = rebuilt
            .add(part, &bytes, |size, root| match &earlier {
                Some(earlier) if earlier.size == size && earlier.root != root() => Err(format!(
                    "the first {size} entries have root {}, but the checkpoint in the folder says {}: another history",
                    root().to_base64(),
                    earlier.root.to_base64()
                )),
                Some(_) | None => Ok(()),
            })
            .map_err(|error| Failure::refused(format!("{}: {error}", folder.display())))?;
        for tile in full {
            tree.put(full_path(&tile), tile.bytes())?;
        }
        tree.put(part.path(), &bytes)?;
    }
    let partial: Vec<(TilePath, Vec<u8>)> = rebuilt
        .partial_tiles()
        .map(|(path, bytes)| (path, bytes.to_vec()))
        .collect();
    for (path, bytes) in partial {
        tree.put(path, &bytes)?;
    }
    if rebuilt.root() != checkpoint.root {
        return Err(Failure::refused(format!(
            "the entries have root {}, but the checkpoint of {} entries says {}: {} has no new checkpoint",
            rebuilt.root().to_base64(),
            checkpoint.size,
            checkpoint.root.to_base64(),
            folder.display()
        )));
    }
    replace(&folder.join(CHECKPOINT), note.as_bytes())?;
    Ok(Exported {
        checkpoint,
        written: tree.written,
    })
}

impl Tree {
    /// Opens a folder that is new, empty, or was written by an earlier export.
    fn open(folder: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
        let mut items = fs::read_dir(folder).map_err(|error| cannot_read(folder, &error))?;
        let stranger = items.find_map(|item| match item {
            Ok(item) if item.file_name() == "tile" || item.file_name() == CHECKPOINT => None,
            // What an export that was interrupted left of its checkpoint.
            Ok(item) if item.file_name().to_str() == Some(&format!("{CHECKPOINT}{PARTIAL}")) => None,
            Ok(_) => Some(Ok(())),
            Err(error) => Some(Err(cannot_read(folder, &error))),
        });
        if stranger.transpose()?.is_some() {
            return Err(Failure::refused(format!(
                "{} holds something else than a log; choose another folder",
                folder.display()
            )));
        }
        let earlier = match read(&folder.join(CHECKPOINT))? {
            Some(bytes) => Some(parse(&bytes).ok_or_else(|| {
                Failure::refused(format!("{} is not a checkpoint", folder.join(CHECKPOINT).display()))
            })?),
            None => None,
        };
        Ok(Self {
            folder: folder.to_owned(),
            written: 0,
            earlier,
        })
    }

    /// An entry bundle: from the folder if it is there, else from the service. Wrong ones give a wrong root.
    async fn bundle(&self, log: &ServedLog, part: Part) -> Result<Vec<u8>, Failure> {
        let path = part.path();
        if let Some(bytes) = read(&self.path(path))? {
            return Ok(bytes);
        }
        let found = log.tile(path).await?;
        found.ok_or_else(|| Failure::refused(format!("the service has no tile/{path}, which its checkpoint implies")))
    }

    /// Writes a file that can never change, unless it is there; then it must be the same.
    fn put(&mut self, path: TilePath, bytes: &[u8]) -> Result<(), Failure> {
        let target = self.path(path);
        match read(&target)? {
            Some(there) if there == bytes => Ok(()),
            Some(_) => Err(Failure::refused(format!(
                "{} is there and holds something else; it was not changed",
                target.display()
            ))),
            None => {
                self.written += 1;
                replace(&target, bytes)
            }
        }
    }

    fn path(&self, path: TilePath) -> PathBuf {
        self.folder.join(format!("tile/{path}"))
    }
}

/// Puts a whole file in its place at once, durably.
fn replace(target: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || {
        let parent = target.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(parent)?;
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(PARTIAL);
        let partial = target.with_file_name(name);
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, target)?;
        File::open(parent)?.sync_all()
    };
    write().map_err(|error| cannot_write(target, &error))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot_read(path, &error)),
    }
}

fn parse(bytes: &[u8]) -> Option<Checkpoint> {
    let note = SignedNote::parse(std::str::from_utf8(bytes).ok()?).ok()?;
    Checkpoint::parse(note.text()).ok()
}

fn other_history(folder: &Path, earlier: &Checkpoint, found: &Checkpoint) -> Failure {
    let head = |checkpoint: &Checkpoint| {
        format!(
            "{} with {} entries and root {}",
            super::output::clean(&checkpoint.origin),
            checkpoint.size,
            checkpoint.root.to_base64()
        )
    };
    Failure::refused(format!(
        "{} holds {}; the service has {}, which does not continue it",
        folder.display(),
        head(earlier),
        head(found)
    ))
}

fn cannot_read(path: &Path, error: &io::Error) -> Failure {
    Failure::refused(format!("cannot read {}: {error}", path.display()))
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::refused(format!("cannot write {}: {error}", path.display()))
}
