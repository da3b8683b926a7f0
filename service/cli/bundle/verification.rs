//! Verifies a bundle: every byte of every file, in memory that does not grow with it.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::super::trust::{Opened, Trust, forked, shorter};
use super::pipeline::{self, Judged, KnownKeys, Pieces, Step, Stop};
use super::{CHECKPOINT, FIXED, Kept, Line, Part, WIDTH, belongs};
use crate::audit::{Audit, Content, Kind, Report, Roll};
use crate::domain::Recorded;

/// No line of a bundle is longer: an envelope may hold 1 MiB, a third more in base64.
const MAX_LINE: u64 = 8 << 20;
/// No entry file is longer: 256 entries of at most 65,535 bytes, each with its length.
const MAX_ENTRIES: u64 = WIDTH * (2 + 65_535);
/// Neither a checkpoint nor the README is longer.
const MAX_TEXT: u64 = 1 << 20;

/// Why a bundle cannot be looked at. What is wrong *in* it is a finding instead.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}: {error}", path = path.display())]
pub struct Unreadable {
    path: PathBuf,
    error: io::Error,
}

/// What verification found: the checkpoint if its signature holds, and the audit.
pub struct Verdict {
    /// The checkpoint, as the log signed it.
    pub opened: Option<Opened>,
    /// The audit.
    pub report: Report,
}

/// Verifies every byte of the folder, on all cores. Memory use does not depend on its size.
pub fn verify(folder: &Path, trust: &Trust, producers: Option<Roll>) -> Result<Verdict, Unreadable> {
    verify_with(folder, trust, producers, |_| {})
}

/// An entry that nothing is wrong with, at its place.
pub struct Passed {
    /// Its leaf.
    pub leaf: Vec<u8>,
    /// Its line, in the exact form.
    pub line: Line,
    /// What it says; none where that was erased or is withheld.
    pub recorded: Option<Recorded>,
}

/// The same, handing over each entry that passed, in order. None of them counts before all were looked at: the root is only known
/// then.
pub fn verify_with(
    folder: &Path,
    trust: &Trust,
    producers: Option<Roll>,
    mut take: impl FnMut(Passed),
) -> Result<Verdict, Unreadable> {
    fs::read_dir(folder).map_err(|error| Unreadable {
        path: folder.to_owned(),
        error,
    })?;
    let mut audit = Audit::new().with_producers(producers);
    let opened = match checkpoint(folder, trust)? {
        Ok(opened) => opened,
        Err(message) => {
            audit.find(Kind::Form, None, message);
            return Ok(Verdict {
                opened: None,
                report: audit.close(),
            });
        }
    };
    let checkpoint = &opened.checkpoint;
    for (name, text) in FIXED {
        match read(folder, name, MAX_TEXT)? {
            Some(bytes) if bytes == text.as_bytes() => {}
            Some(_) => audit.find(Kind::Form, None, format!("{name} is not the text of bundle format v1")),
            None => audit.find(Kind::Form, None, format!("{name} is missing")),
        }
    }
    let held = trust.held_of(checkpoint);
    if let Some(held) = held.filter(|held| held.size > checkpoint.size) {
        audit.find(Kind::Consistency, None, shorter(held, checkpoint));
    }
    let keys = KnownKeys::default();
    // Nothing is read by a size that the log has not signed, and nothing is gone through that is not there.
    let read = |pieces: &mut Pieces| {
        for part in Part::all(checkpoint.size) {
            if !add(folder, part, pieces)? {
                break;
            }
        }
        Ok(())
    };
    pipeline::run(&keys, read, |judged| {
        let known = audit.keys().len();
        if let Some(passed) = judge(&mut audit, judged) {
            take(passed);
        }
        if audit.keys().len() != known {
            keys.set(audit.keys());
        }
        if let Some(held) = held.filter(|held| held.size == audit.size())
            && held.root != audit.root()
        {
            audit.find(Kind::Consistency, None, forked(held, &audit.root()));
        }
    })?;
    strangers(folder, checkpoint.size, &mut audit)?;
    Ok(Verdict {
        report: audit.finish(checkpoint),
        opened: Some(opened),
    })
}

fn checkpoint(folder: &Path, trust: &Trust) -> Result<Result<Opened, String>, Unreadable> {
    let Some(bytes) = read(folder, CHECKPOINT, MAX_TEXT)? else {
        return Ok(Err(format!("{CHECKPOINT} is missing")));
    };
    let Ok(text) = String::from_utf8(bytes) else {
        return Ok(Err(format!("{CHECKPOINT} is not UTF-8")));
    };
    Ok(trust.open(&text).map_err(|message| format!("{CHECKPOINT}: {message}")))
}

/// Reads one pair of files. False when one is missing, so that nothing after it is looked for.
fn add(folder: &Path, part: Part, pieces: &mut Pieces) -> Result<bool, Stop> {
    let (entries_file, envelopes_file) = (part.entries_file(), part.envelopes_file());
    let Some(entries) = read(folder, &entries_file, MAX_ENTRIES)? else {
        let message = format!("{entries_file} is missing, or larger than it can be");
        pieces.push(Step::Form { message })?;
        return Ok(false);
    };
    let Some(mut lines) = Lines::open(folder, &envelopes_file)? else {
        let message = format!("{envelopes_file} is missing");
        pieces.push(Step::Form { message })?;
        return Ok(false);
    };
    let leaves = leaves(&entries);
    if leaves.len() != usize::from(part.width) {
        let message = format!("{entries_file} does not hold {} entries and nothing else", part.width);
        pieces.push(Step::Form { message })?;
    }
    for leaf in leaves {
        pieces.push(Step::Entry {
            leaf: leaf.to_vec(),
            line: lines.next()?,
        })?;
    }
    if lines.next()?.is_some() {
        let message = format!("{envelopes_file} holds more than {} lines", part.width);
        pieces.push(Step::Form { message })?;
    }
    Ok(true)
}

fn judge(audit: &mut Audit, judged: Judged) -> Option<Passed> {
    let place = audit.size();
    match judged {
        Judged::Form { message } => {
            audit.find(Kind::Form, Some(place), message);
            None
        }
        Judged::Right { line, leaf, checked } => {
            let recorded = audit.add_checked(line.index, *checked)?;
            Some(Passed {
                leaf,
                line,
                recorded: Some(recorded),
            })
        }
        Judged::Open { leaf, line } => match line.as_deref().and_then(Line::parse) {
            Some(line) => {
                let recorded = audit.add(line.index, &leaf, line.content());
                (recorded.is_some() || !matches!(line.kept, Kept::Sealed(..))).then_some(Passed {
                    leaf,
                    line,
                    recorded,
                })
            }
            None => {
                let message = format!("the envelope line of entry {place} is missing or not in its exact form");
                audit.find(Kind::Form, Some(place), message);
                audit.add(place, &leaf, Content::Erased);
                None
            }
        },
    }
}

/// Entries taken apart; what does not fit is left over as one that cannot be an entry.
fn leaves(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut leaves = Vec::new();
    while !bytes.is_empty() {
        let taken = bytes
            .split_first_chunk::<2>()
            .and_then(|(length, rest)| rest.split_at_checked(usize::from(u16::from_be_bytes(*length))));
        let Some((leaf, rest)) = taken else {
            leaves.push(bytes);
            break;
        };
        leaves.push(leaf);
        bytes = rest;
    }
    leaves
}

/// The lines of a file, each with its newline.
struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
}

impl Lines {
    fn open(folder: &Path, name: &str) -> Result<Option<Self>, Unreadable> {
        let path = folder.join(name);
        Ok(open(&path)?.map(|file| Self {
            reader: BufReader::new(file),
            path,
        }))
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>, Unreadable> {
        let mut line = Vec::new();
        (&mut self.reader)
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)
            .map_err(|error| Unreadable {
                path: self.path.clone(),
                error,
            })?;
        Ok(Some(line).filter(|line| !line.is_empty()))
    }
}

/// A file of at most `limit` bytes; none if it is missing, larger, or not a plain file.
fn read(folder: &Path, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Unreadable> {
    let path = folder.join(name);
    let Some(file) = open(&path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Unreadable { path, error })?;
    Ok(Some(bytes).filter(|bytes| bytes.len() as u64 <= limit))
}

/// A plain file, opened; none if there is no plain file of this name.
fn open(path: &Path) -> Result<Option<File>, Unreadable> {
    let unreadable = |error| Unreadable {
        path: path.to_owned(),
        error,
    };
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => File::open(path).map(Some).map_err(unreadable),
        Ok(_) => Ok(None),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(unreadable(error)),
    }
}

/// Looks for what does not belong into the folder.
fn strangers(folder: &Path, size: u64, audit: &mut Audit) -> Result<(), Unreadable> {
    let mut folders = VecDeque::from([PathBuf::new()]);
    while let Some(relative) = folders.pop_front() {
        let path = folder.join(&relative);
        let unreadable = |error| Unreadable {
            path: path.clone(),
            error,
        };
        let mut empty = true;
        for item in fs::read_dir(&path).map_err(unreadable)? {
            let item = item.map_err(unreadable)?;
            empty = false;
            let name = relative.join(item.file_name());
            let kind = item.file_type().map_err(unreadable)?;
            if kind.is_dir() {
                // Only folders on the way to a file that belongs here; three levels are more than any tree needs.
                folders.push_back(name);
            } else if !kind.is_file() || !belongs(&name, size) {
                audit.find(
                    Kind::Form,
                    None,
                    format!("{} does not belong into the bundle", name.display()),
                );
            }
        }
        if empty {
            audit.find(Kind::Form, None, format!("{} is an empty folder", relative.display()));
        }
    }
    Ok(())
}
