//! The bundle: a whole history as a folder, format v1. Which files it has follows from the tree size alone.
//!
//! | file | holds |
//! |---|---|
//! | `README.md` | what this is, the same in every bundle |
//! | `verify.py` | a second verifier, independent of this one, the same in every bundle |
//! | `checkpoint` | the signed checkpoint, a C2SP signed note |
//! | `tile/entries/<N>[.p/<W>]` | up to 256 entries, as C2SP tlog-tiles defines entry bundles |
//! | `envelopes/<N>[.p/<W>].jsonl` | their envelopes and salts, one line each, in canonical form |
//!
//! What was erased has a line that says so, and so has what is withheld from the reader of this bundle.
//! Nothing else may be in the folder, and no file has more than one valid form.

use std::path::Path;

use base64ct::{Base64, Encoding};
use ledger::{Envelope, TilePath};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::audit::Content;

mod pipeline;
mod verification;

pub use verification::{Passed, Verdict, verify, verify_with};

/// Name of the file with the signed checkpoint.
pub const CHECKPOINT: &str = "checkpoint";
/// Files that are the same in every bundle, with what they hold.
pub const FIXED: [(&str, &str); 2] = [
    ("README.md", include_str!("bundle/README.md")),
    ("verify.py", include_str!("bundle/verify.py")),
];

/// Entries in a full file.
const WIDTH: u64 = 256;

/// One pair of files: the entries from `first` on, `width` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Number of the pair.
    pub number: u64,
    /// Index of its first entry.
    pub first: u64,
    /// Number of its entries, 1 to 256.
    pub width: u16,
}

impl Part {
    /// The pairs of a tree of this size.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        (0..size.div_ceil(WIDTH)).map(move |number| {
            let first = number * WIDTH;
            // At most 256.
            Self {
                number,
                first,
                width: (size - first).min(WIDTH) as u16,
            }
        })
    }

    /// `entries/<N>[.p/<W>]`, the path below `tile/`.
    pub fn tile_path(self) -> String {
        TilePath::Entries {
            index: self.number,
            width: self.width,
        }
        .to_string()
    }

    /// The file with the entries.
    pub fn entries_file(self) -> String {
        format!("tile/{}", self.tile_path())
    }

    /// The file with the envelopes.
    pub fn envelopes_file(self) -> String {
        let path = self.tile_path();
        format!("envelopes/{}.jsonl", path.strip_prefix("entries/").unwrap_or(&path))
    }
}

/// One line of an envelope file.
pub fn line(index: u64, salt: &[u8; 32], envelope: &str) -> String {
    format!(
        "{{\"index\":{index},\"salt\":\"{}\",\"envelope\":{envelope}}}\n",
        Base64::encode_string(salt)
    )
}

fn erased_line(index: u64) -> String {
    format!("{{\"index\":{index},\"erased\":true}}\n")
}

/// The line of an entry of which the reader of the bundle is not to see more than its leaf.
pub fn withheld_line(index: u64) -> String {
    format!("{{\"index\":{index},\"withheld\":true}}\n")
}

/// One line of an envelope file, in its exact form.
pub struct Line {
    /// Which entry.
    pub index: u64,
    /// What there is beside its leaf.
    pub kept: Kept,
}

/// What a bundle holds of an entry beside its leaf.
pub enum Kept {
    /// Salt and envelope.
    Sealed([u8; 32], String),
    /// Nothing: a later entry says that they were erased.
    Erased,
    /// Nothing: they are not for the reader of this bundle.
    Withheld,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLine<'a> {
    index: u64,
    #[serde(borrow)]
    salt: Option<&'a str>,
    #[serde(borrow)]
    envelope: Option<&'a RawValue>,
    erased: Option<bool>,
    withheld: Option<bool>,
}

impl<'a> RawLine<'a> {
    /// Salt and envelope, if it has both and nothing else.
    fn sealed(&self) -> Option<([u8; 32], &'a str)> {
        let (Some(salt), Some(envelope), None, None) = (self.salt, self.envelope, self.erased, self.withheld) else {
            return None;
        };
        let mut bytes = [0; 32];
        Some((Base64::decode(salt, &mut bytes).ok()?.try_into().ok()?, envelope.get()))
    }
}

impl Line {
    /// Reads a line and writes it again: only what comes out the same is a line.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let raw = serde_json::from_slice::<RawLine<'_>>(text).ok()?;
        let (kept, again) = match (raw.erased, raw.withheld) {
            (Some(true), None) => (Kept::Erased, erased_line(raw.index)),
            (None, Some(true)) => (Kept::Withheld, withheld_line(raw.index)),
            _ => {
                let (salt, envelope) = raw.sealed()?;
                // The audit compares the envelope with its canonical form; here it must at least be one.
                let envelope = Envelope::parse(envelope.as_bytes()).ok()?.to_json();
                let again = line(raw.index, &salt, &envelope);
                (Kept::Sealed(salt, envelope), again)
            }
        };
        let index = raw.index;
        (again.as_bytes() == text).then_some(Self { index, kept })
    }

    fn content(&self) -> Content<'_> {
        match &self.kept {
            Kept::Sealed(salt, envelope) => Content::Sealed {
                salt,
                envelope: envelope.as_bytes(),
            },
            Kept::Erased => Content::Erased,
            Kept::Withheld => Content::Withheld,
        }
    }
}

/// Whether a bundle of a tree of this size has a file of this name.
fn belongs(name: &Path, size: u64) -> bool {
    let Some(name) = name.to_str() else { return false };
    if name == CHECKPOINT || FIXED.iter().any(|(fixed, _)| name == *fixed) {
        return true;
    }
    let tile = match (name.strip_prefix("tile/entries/"), name.strip_prefix("envelopes/")) {
        (Some(rest), _) => rest,
        (None, Some(rest)) => match rest.strip_suffix(".jsonl") {
            Some(rest) => rest,
            None => return false,
        },
        (None, None) => return false,
    };
    match TilePath::parse(&format!("entries/{tile}")) {
        Ok(TilePath::Entries { index, width }) => index
            .checked_mul(WIDTH)
            .is_some_and(|first| first < size && u64::from(width) == (size - first).min(WIDTH)),
        Ok(TilePath::Hashes { .. }) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests;
