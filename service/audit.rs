//! Verifies a whole history, entry by entry, in memory that does not grow with it. Pure: the caller reads the bytes.
//!
//! Used offline on a bundle and by `fsck` on a database. The trust root is one signed checkpoint, checked by the
//! caller: the root computed here must be the checkpoint's. Who may sign what follows from the log itself, whose
//! first entry introduces the service key and whose administration entries introduce and revoke producers.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Checkpoint, Entry, Envelope, Frontier, Hash, Verified, commitment, leaf_hash};

use crate::domain::keyring::{Keyring, PermissionError};
use crate::domain::parse::parse;
use crate::domain::producer::Administration;
use crate::domain::{Event, Instant, ProducerName, Recorded};

/// What is kept of one entry beside its leaf.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// The salt and the envelope in canonical form: the accepted signatures in order, no white space.
    Sealed {
        /// The salt of the commitment.
        salt: &'a [u8; 32],
        /// The envelope's bytes.
        envelope: &'a [u8],
    },
    /// Salt and envelope are gone; a later entry must say so.
    Erased,
    /// They cannot be read; what is wrong with them was noted already.
    Unreadable,
}

/// What can be wrong, in the order in which it is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The form of what is verified, before any of it is looked at: file names, lengths, lines.
    Form,
    /// Entries are missing, repeated or out of order.
    Contiguity,
    /// A leaf is not an entry.
    Entry,
    /// An entry is earlier than the one before it.
    Time,
    /// Content is gone and no record in the log says that it was erased, or it is there although one does.
    Erased,
    /// An envelope is malformed or not in its canonical form.
    Envelope,
    /// An envelope is not what its entry commits to.
    Commitment,
    /// A signature does not verify, or its key was not valid at this place of the log.
    Signature,
    /// The payload is not an event.
    Event,
    /// The producer had no right to record this event.
    Scope,
    /// An administration entry contradicts those before it, or its signer may not make one.
    Administration,
    /// The log calls itself otherwise than its checkpoint does.
    Origin,
    /// The tree of all entries has another root than the checkpoint.
    Root,
    /// A stored tile is not what the entries give, is missing, or is one too many.
    Tile,
    /// The stored head, or what the log is called there, is not what the entries give.
    Head,
    /// A stored checkpoint is missing, not signed by the log, or signs another tree.
    Checkpoint,
    /// A publication is of a checkpoint that is not there.
    Publication,
    /// The columns of an event do not say what the signed event says.
    ReadModel,
    /// An event is not known again by its producer, source and id, or is known by those of another.
    Identity,
    /// What an event is found by is not what the signed event says.
    Reference,
    /// The sorted runs of references are not the references.
    Run,
    /// The list of erasures is not what the log says.
    Erasure,
    /// A row belongs to no entry.
    Stray,
    /// The database cannot read what it holds.
    Database,
}

impl Kind {
    /// The kind in words, for a list of findings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Contiguity => "contiguity",
            Self::Entry => "entry",
            Self::Time => "time",
            Self::Erased => "erased",
            Self::Envelope => "envelope",
            Self::Commitment => "commitment",
            Self::Signature => "signature",
            Self::Event => "event",
            Self::Scope => "scope",
            Self::Administration => "administration",
            Self::Origin => "origin",
            Self::Root => "root",
            Self::Tile => "tile",
            Self::Head => "head",
            Self::Checkpoint => "checkpoint",
            Self::Publication => "publication",
            Self::ReadModel => "read model",
            Self::Identity => "identity",
            Self::Reference => "reference",
            Self::Run => "run of references",
            Self::Erasure => "erasure",
            Self::Stray => "stray row",
            Self::Database => "database",
        }
    }
}

/// The first divergence of one kind, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: Kind,
    /// Index of the first entry concerned, if it is about an entry.
    pub index: Option<u64>,
    /// What is wrong there.
    pub message: String,
    /// How many entries are concerned.
    pub count: u64,
}

/// The result of an audit.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Report {
    /// Number of entries seen.
    pub size: u64,
    /// Root of the tree of them, in base64.
    #[serde(serialize_with = "as_base64")]
    pub root: Hash,
    /// Verified entries by producer.
    pub producers: BTreeMap<ProducerName, u64>,
    /// Entries whose content was erased, each with the entry that says so.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub erased: BTreeMap<u64, u64>,
    /// Verified entries by what they are about: `deployment`, `incident`, …
    pub subjects: BTreeMap<String, u64>,
    /// Time of the first entry.
    pub from: Option<Instant>,
    /// Time of the last entry.
    pub to: Option<Instant>,
    /// The last checkpoint of the log that this one says it continues, as published. That log's key must be checked elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predecessor: Option<String>,
    /// What is wrong, the first of each kind. Empty: everything is as it was recorded.
    pub findings: Vec<Finding>,
}

fn as_base64<S: serde::Serializer>(root: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&root.to_base64())
}

/// A running audit.
pub struct Audit {
    frontier: Frontier,
    keyring: Keyring,
    first: Option<u64>,
    last: u64,
    producers: BTreeMap<ProducerName, u64>,
    subjects: BTreeMap<String, u64>,
    /// Entries without content, until an entry says that it was erased.
    gone: BTreeSet<u64>,
    /// Entries with content, although an entry says that it was erased.
    kept: BTreeMap<u64, u64>,
    findings: BTreeMap<Kind, Finding>,
}

/// The leaf hash of an entry that is not there: no entry has it.
const MISSING: Hash = Hash([0; 32]);

/// One thing that is wrong with one entry.
struct Fault(Kind, String);

impl Default for Audit {
    fn default() -> Self {
        Self::new()
    }
}

impl Audit {
    /// Before the first entry.
    pub fn new() -> Self {
        Self {
            frontier: Frontier::empty(),
            keyring: Keyring::default(),
            first: None,
            last: 0,
            producers: BTreeMap::new(),
            subjects: BTreeMap::new(),
            gone: BTreeSet::new(),
            kept: BTreeMap::new(),
            findings: BTreeMap::new(),
        }
    }

    /// Number of entries seen so far: the index that must come next.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Takes the next entry. What it says comes back if nothing is wrong with it.
    pub fn add(&mut self, index: u64, leaf: &[u8], content: Content<'_>) -> Option<Recorded> {
        let place = self.frontier.size();
        if index != place {
            self.find(
                Kind::Contiguity,
                Some(place),
                format!("entry {index} stands where entry {place} belongs"),
            );
        }
        self.frontier.append(leaf_hash(leaf));
        match self.check(place, leaf, content) {
            Ok(recorded) => recorded,
            Err(Fault(kind, message)) => {
                self.find(kind, Some(place), message);
                None
            }
        }
    }

    /// Takes the place of an entry that is missing, so that those after it stand at theirs.
    pub fn skip(&mut self) {
        self.frontier.append(MISSING);
    }

    /// Entries whose content is gone, as long as nothing says why.
    pub fn gone(&self) -> impl Iterator<Item = u64> {
        self.gone.iter().copied()
    }

    /// Entries whose content was there when they were read, although a later entry says that it was erased.
    pub fn kept(&self) -> Vec<u64> {
        self.kept.keys().copied().collect()
    }

    /// The content of one of them is gone by now.
    pub fn is_gone(&mut self, index: u64) {
        self.kept.remove(&index);
    }

    /// Who may do what, as of the entries so far.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Notes something that the reader of the bytes found.
    pub fn find(&mut self, kind: Kind, index: Option<u64>, message: String) {
        self.findings
            .entry(kind)
            .and_modify(|finding| finding.count += 1)
            .or_insert(Finding {
                kind,
                index,
                message,
                count: 1,
            });
    }

    /// Compares the tree with a checkpoint whose signature the caller has verified, and closes the audit.
    pub fn finish(mut self, checkpoint: &Checkpoint) -> Report {
        let (size, root) = (self.frontier.size(), self.frontier.root());
        if size != checkpoint.size {
            self.find(
                Kind::Contiguity,
                None,
                format!("there are {size} entries; the checkpoint covers {}", checkpoint.size),
            );
        }
        if root != checkpoint.root {
            self.find(
                Kind::Root,
                None,
                format!(
                    "the root is {}; the checkpoint says {}",
                    root.to_base64(),
                    checkpoint.root.to_base64()
                ),
            );
        }
        if let Some(origin) = self.keyring.origin().filter(|origin| *origin != checkpoint.origin) {
            let message = format!(
                "the first entry calls the log \"{origin}\", the checkpoint \"{}\"",
                checkpoint.origin
            );
            self.find(Kind::Origin, Some(0), message);
        }
        self.close()
    }

    /// Closes the audit without a checkpoint to compare with; the findings say why there is none.
    pub fn close(mut self) -> Report {
        for (index, by) in std::mem::take(&mut self.kept) {
            let message = format!("entry {by} says that its content was erased, but it is there");
            self.find(Kind::Erased, Some(index), message);
        }
        if let Some(first) = self.gone.first() {
            let message = "the envelope is gone, and no record says that it was erased".to_owned();
            let finding = Finding {
                kind: Kind::Erased,
                index: Some(*first),
                message,
                count: self.gone.len() as u64,
            };
            // What is there although it was erased may have been noted before.
            self.findings
                .entry(Kind::Erased)
                .and_modify(|known| known.count += finding.count)
                .or_insert(finding);
        }
        let erasures = self.keyring.erasures().all();
        Report {
            erased: erasures.map(|erasure| (erasure.index, erasure.by)).collect(),
            size: self.frontier.size(),
            root: self.frontier.root(),
            producers: self.producers,
            subjects: self.subjects,
            from: self.first.map(instant),
            to: self.first.map(|_| instant(self.last)),
            predecessor: self.keyring.predecessor().map(|predecessor| predecessor.note.clone()),
            findings: self.findings.into_values().collect(),
        }
    }

    fn check(&mut self, index: u64, leaf: &[u8], content: Content<'_>) -> Result<Option<Recorded>, Fault> {
        let entry = Entry::parse(leaf).map_err(|error| Fault(Kind::Entry, error.to_string()))?;
        self.first.get_or_insert(entry.time());
        if entry.time() < self.last {
            let message = format!("{} is before {}", instant(entry.time()), instant(self.last));
            self.find(Kind::Time, Some(index), message);
        }
        self.last = self.last.max(entry.time());
        let (salt, bytes) = match content {
            Content::Sealed { salt, envelope } => (salt, envelope),
            Content::Erased => {
                self.gone.insert(index);
                return self.vouch(&entry).map(|()| None);
            }
            Content::Unreadable => return Ok(None),
        };
        let envelope = Envelope::parse(bytes).map_err(|error| Fault(Kind::Envelope, error.to_string()))?;
        if commitment(salt, &envelope.pae()) != entry.commitment() || envelope.payload_type != entry.payload_type() {
            return Err(Fault(
                Kind::Commitment,
                "the envelope is not the one that the entry commits to".to_owned(),
            ));
        }
        let event =
            parse(&envelope.payload_type, &envelope.payload).map_err(|error| Fault(Kind::Event, error.to_string()))?;
        if index == 0 {
            self.begin(&event, entry.time())?;
        }
        let verified = envelope
            .verify(|keyid| self.keyring.candidates(keyid))
            .map_err(|error| Fault(Kind::Signature, error.to_string()))?;
        if verified.signers() != entry.signers() {
            return Err(Fault(
                Kind::Commitment,
                "the signatures are not those that the entry commits to".to_owned(),
            ));
        }
        if verified.envelope().to_json().as_bytes() != bytes {
            return Err(Fault(
                Kind::Envelope,
                "the envelope is not in its canonical form".to_owned(),
            ));
        }
        let producer = self.admit(&verified, &event, instant(entry.time()))?;
        if let Some(administration) = event.extension.administration.as_deref().filter(|_| index > 0) {
            self.keyring
                .apply(index, instant(entry.time()), administration)
                .map_err(|error| Fault(Kind::Administration, error.to_string()))?;
            self.erase(index, administration);
        }
        *self.producers.entry(producer.clone()).or_default() += 1;
        *self.subjects.entry(event.event_type.subject.clone()).or_default() += 1;
        Ok(Some(Recorded {
            index,
            recorded_at: instant(entry.time()),
            producer,
            event,
        }))
    }

    /// All that can be said of who signed what is gone: each of them could sign something then.
    fn vouch(&self, entry: &Entry) -> Result<(), Fault> {
        for signer in entry.signers() {
            self.keyring
                .valid(&signer.key, instant(entry.time()))
                .map_err(|error| Fault(Kind::Signature, error.to_string()))?;
        }
        Ok(())
    }

    /// What an entry says is gone must be gone.
    fn erase(&mut self, by: u64, administration: &Administration) {
        if let Administration::EventErased { index, .. } = administration
            && !self.gone.remove(index)
        {
            self.kept.insert(*index, by);
        }
    }

    /// The first entry introduces the key that signs it.
    fn begin(&mut self, event: &Event, time: u64) -> Result<(), Fault> {
        let fault = |message: String| Fault(Kind::Administration, message);
        let administration = event
            .extension
            .administration
            .as_deref()
            .ok_or_else(|| fault("the first entry does not introduce the log".to_owned()))?;
        self.keyring
            .apply(0, instant(time), administration)
            .map_err(|error| fault(error.to_string()))
    }

    /// The producer of an event, as when it was recorded.
    fn admit(&self, verified: &Verified, event: &Event, at: Instant) -> Result<ProducerName, Fault> {
        match self.keyring.admit(verified.signers(), event, at) {
            Ok(producer) => Ok(producer.name.clone()),
            Err(error) => Err(match error {
                PermissionError::Scope(_) => Fault(Kind::Scope, error.to_string()),
                PermissionError::Reserved(_) => Fault(Kind::Administration, error.to_string()),
                PermissionError::Unknown(_)
                | PermissionError::Unsigned
                | PermissionError::Revoked(..)
                | PermissionError::NotYet(..)
                | PermissionError::Expired(..) => Fault(Kind::Signature, error.to_string()),
            }),
        }
    }
}

/// Entry times are Unix milliseconds; one beyond the range of instants is clamped, and only shown.
fn instant(time: u64) -> Instant {
    Instant::from_millis(i64::try_from(time).unwrap_or(i64::MAX))
}

#[cfg(test)]
pub mod fixture;
#[cfg(test)]
mod tests;
