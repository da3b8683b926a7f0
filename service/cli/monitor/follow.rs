//! One look at a log: its checkpoint against the one remembered, its new entries, its tiles, its records.

use std::path::{Path, PathBuf};
use std::pin::pin;

use futures_util::StreamExt;
use ledger::{AddCheckpoint, Checkpoint, Hash, SignedNote, TilePath};

use super::commitments::Commitments;
use super::conflict::{Relation, relation};
use super::state::{Place, State};
use crate::cli::Failure;
use crate::cli::bundle::Part;
use crate::cli::client::Client;
use crate::cli::tiles::{Rebuilt, ServedLog, full_path};
use crate::cli::trust::{Opened, Trust, forked, shorter};
use crate::fork;

/// Who looks, and with what.
pub struct Follower<'a> {
    /// The service.
    pub client: &'a Client,
    /// Whom to believe.
    pub trust: &'a Trust,
    /// What is remembered, of all logs.
    pub state: &'a Path,
}

/// A log that is as it should be.
#[derive(Debug)]
pub struct Seen {
    /// Its checkpoint. Where it lacks what the caller wants, it is the log's all the same.
    pub opened: Opened,
    /// Entries that were not there before.
    pub new_entries: u64,
    /// Their records, if there is a token to see them with.
    pub commitments: Option<Commitments>,
    /// Something to know that is not wrong.
    pub remark: Option<String>,
}

/// Why a look did not end well.
#[derive(Debug)]
pub enum Halt {
    /// Something is not as the log signed it.
    Wrong {
        /// What.
        message: String,
        /// Where the checkpoints that contradict each other are kept.
        evidence: Option<PathBuf>,
    },
    /// It cannot be told.
    Unclear(String),
}

impl Halt {
    /// Without evidence to keep.
    pub fn wrong(message: impl Into<String>) -> Self {
        Self::Wrong {
            message: message.into(),
            evidence: None,
        }
    }
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Unclear(failure.to_string())
    }
}

impl Follower<'_> {
    /// Looks once. What is believed afterwards is remembered.
    pub async fn follow(&self) -> Result<Seen, Halt> {
        let found = ServedLog::find(self.client).await?;
        let (log, bytes) = found.ok_or_else(|| Halt::Unclear("nothing is published there".to_owned()))?;
        let text = String::from_utf8(bytes).map_err(|_| Halt::wrong("the checkpoint is not UTF-8"))?;
        let wrong = |error: String| Halt::wrong(format!("the checkpoint: {error}"));
        let opened = self.trust.open(&text).map_err(wrong)?;
        let note = SignedNote::parse(&text).map_err(|error| wrong(error.to_string()))?;
        let place = Place::of(self.state, &opened.checkpoint.origin);
        let held = State::load(&place, self.trust)?;
        if let Some(held) = &held
            && held.checkpoint.size >= opened.checkpoint.size
        {
            self.continues_kept(&log, &place, &opened.checkpoint, &note).await?;
            return self.not_larger(&log, &place, held, note, opened).await;
        }
        let (edge, time) = match &held {
            Some(held) => (held.edge.clone(), held.time),
            None => (ledger::Edge::empty(), 0),
        };
        let before = edge.size();
        let mut tree = Rebuilt::resume(edge, time);
        let commitments = match self.extend(&log, &mut tree, &opened.checkpoint).await {
            Ok(commitments) => commitments,
            Err(Halt::Wrong { message, .. }) => {
                return Err(convict(&log, &place, held.as_ref(), &note, message).await);
            }
            Err(unclear) => return Err(unclear),
        };
        self.continues_kept(&log, &place, &opened.checkpoint, &note).await?;
        let (edge, time) = tree.into_parts();
        let state = State {
            note,
            checkpoint: opened.checkpoint.clone(),
            edge,
            time,
        };
        state.save(&place)?;
        Ok(Seen {
            new_entries: opened.checkpoint.size - before,
            opened,
            commitments,
            remark: None,
        })
    }

    /// Derives the tree of the new checkpoint from its entries, and compares every new tile.
    async fn extend(
        &self,
        log: &ServedLog,
        tree: &mut Rebuilt,
        checkpoint: &Checkpoint,
    ) -> Result<Option<Commitments>, Halt> {
        let before = tree.size();
        let mut commitments = self.client.has_token().then(Commitments::default);
        let parts = Part::all(checkpoint.size).skip_while(|part| part.first + u64::from(part.width) <= before);
        let mut bundles = pin!(log.bundles(parts));
        while let Some((part, bytes)) = bundles.next().await {
            let bytes = implied(part.path(), bytes?)?;
            for tile in tree.add(part, &bytes, |_, _| Ok(())).map_err(Halt::wrong)? {
                compare(log, full_path(&tile), tile.bytes()).await?;
            }
            if let Some(commitments) = &mut commitments {
                commitments.add(self.client, part, &bytes, before).await?;
            }
        }
        if tree.root() != checkpoint.root {
            return Err(Halt::wrong(format!(
                "the entries have root {}; the checkpoint of {} entries says {}",
                tree.root().to_base64(),
                checkpoint.size,
                checkpoint.root.to_base64()
            )));
        }
        for (path, bytes) in tree.partial_tiles() {
            compare(log, path, bytes).await?;
        }
        Ok(commitments)
    }

    /// The checkpoint that the caller kept must be on the way to the one that is shown, whatever was believed since.
    async fn continues_kept(
        &self,
        log: &ServedLog,
        place: &Place,
        now: &Checkpoint,
        note: &SignedNote,
    ) -> Result<(), Halt> {
        let Some((kept, kept_note)) = self.trust.held_note_of(now) else {
            return Ok(());
        };
        if kept.size > now.size {
            return Err(keep(place, kept_note, note, None, shorter(kept, now)));
        }
        if kept.size == now.size {
            return match kept.root == now.root {
                true => Ok(()),
                false => Err(keep(place, kept_note, note, None, forked(kept, &now.root))),
            };
        }
        match relation(log, kept, now, None).await? {
            Relation::Continued => Ok(()),
            Relation::Forked { proof, root } => {
                let proof = shown(kept.size, proof, root, note);
                Err(keep(place, kept_note, note, proof, forked(kept, &root)))
            }
            Relation::Unknown => {
                let message = format!(
                    "its tiles do not lead to its checkpoint from the one of {} entries that you kept",
                    kept.size
                );
                Err(Halt::wrong(message))
            }
        }
    }

    /// The log shows no more than it did.
    async fn not_larger(
        &self,
        log: &ServedLog,
        place: &Place,
        held: &State,
        note: SignedNote,
        opened: Opened,
    ) -> Result<Seen, Halt> {
        let (before, now) = (&held.checkpoint, &opened.checkpoint);
        let seen = |opened: Opened, remark: Option<String>| Seen {
            opened,
            new_entries: 0,
            commitments: self.client.has_token().then(Commitments::default),
            remark,
        };
        if before.size == now.size {
            if before.root != now.root {
                let message = format!(
                    "the log has FORKED: it has signed two roots for {} entries, {} and {}",
                    now.size,
                    before.root.to_base64(),
                    now.root.to_base64()
                );
                return Err(keep(place, &held.note, &note, None, message));
            }
            return Ok(seen(opened, None));
        }
        let back = format!("it showed {} entries before and shows {} now", before.size, now.size);
        match relation(log, now, before, Some(&held.edge)).await? {
            Relation::Continued if still_there(log, held).await? => Ok(seen(opened, Some(back))),
            Relation::Continued | Relation::Unknown => {
                let message = format!("the log has gone back: {back}, and what lies between is no longer there");
                Err(keep(place, &held.note, &note, None, message))
            }
            Relation::Forked { proof, root } => {
                let proof = shown(now.size, proof, root, &held.note);
                let message = format!("the log has FORKED: {back}, and the smaller tree is not part of the larger");
                Err(keep(place, &held.note, &note, proof, message))
            }
        }
    }
}

/// Something new is wrong: finds out whether the log contradicts what it signed before, and keeps both if so.
async fn convict(log: &ServedLog, place: &Place, held: Option<&State>, note: &SignedNote, message: String) -> Halt {
    let Some(held) = held else {
        return Halt::wrong(message);
    };
    let Ok(checkpoint) = Checkpoint::parse(note.text()) else {
        return Halt::wrong(message);
    };
    match relation(log, &held.checkpoint, &checkpoint, None).await {
        // The signed trees agree; what is served is not what was signed.
        Ok(Relation::Continued) => Halt::wrong(message),
        Ok(Relation::Forked { proof, root }) => {
            let proof = shown(held.checkpoint.size, proof, root, note);
            let message = format!(
                "the log has FORKED: its tree of {} entries does not continue the one of {} that it signed before ({message})",
                checkpoint.size, held.checkpoint.size
            );
            keep(place, &held.note, note, proof, message)
        }
        Ok(Relation::Unknown) | Err(_) => keep(place, &held.note, note, None, message),
    }
}

/// Whether the newest part of the tree that was believed is still served.
async fn still_there(log: &ServedLog, held: &State) -> Result<bool, Halt> {
    let Some(last) = Part::all(held.checkpoint.size).last() else {
        return Ok(true);
    };
    let Some(bytes) = log.tile(last.path()).await? else {
        return Ok(false);
    };
    // Every entry is compared with the edge, none is added.
    let mut tree = Rebuilt::resume(held.edge.clone(), held.time);
    Ok(tree.add(last, &bytes, |_, _| Ok(())).is_ok())
}

fn shown(smaller: u64, proof: Vec<Hash>, root: Hash, larger: &SignedNote) -> Option<fork::Proof> {
    // It was verified, so it is one.
    let request = AddCheckpoint::new(smaller, proof, larger.clone()).ok()?;
    Some(fork::Proof { request, root })
}

fn keep(place: &Place, held: &SignedNote, offered: &SignedNote, proof: Option<fork::Proof>, message: String) -> Halt {
    match fork::keep(&place.evidence(), held, offered, proof.as_ref()) {
        Ok(path) => Halt::Wrong {
            message,
            evidence: Some(path),
        },
        // The verdict stands all the same.
        Err(error) => Halt::wrong(format!("{message} (the evidence could not be kept: {error})")),
    }
}

fn implied(path: TilePath, found: Option<Vec<u8>>) -> Result<Vec<u8>, Halt> {
    found.ok_or_else(|| Halt::Unclear(format!("tile/{path} is missing, which the checkpoint implies")))
}

async fn compare(log: &ServedLog, path: TilePath, expected: &[u8]) -> Result<(), Halt> {
    if implied(path, log.tile(path).await?)? == expected {
        Ok(())
    } else {
        Err(Halt::wrong(format!("tile/{path} is not what the entries give")))
    }
}
