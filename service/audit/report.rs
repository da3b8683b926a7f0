//! What an audit says: what it saw, and the first divergence of each kind.

use std::collections::BTreeMap;

use ledger::Hash;

use crate::domain::{Instant, ProducerName};

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
    /// A key that the log registered signed, and the caller's list of producers does not have it.
    Producer,
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
    /// The log does not continue the checkpoint that the caller remembers.
    Consistency,
    /// A stored tile is not what the entries give, is missing, or is one too many.
    Tile,
    /// The stored head, or what the log is called there, is not what the entries give.
    Head,
    /// A stored checkpoint is missing, not signed by the log, or signs another tree.
    Checkpoint,
    /// A publication is of a checkpoint that is not there.
    Publication,
    /// A stored cosignature does not verify.
    Cosignature,
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
            Self::Producer => "producer",
            Self::Event => "event",
            Self::Scope => "scope",
            Self::Administration => "administration",
            Self::Origin => "origin",
            Self::Root => "root",
            Self::Consistency => "consistency",
            Self::Tile => "tile",
            Self::Head => "head",
            Self::Checkpoint => "checkpoint",
            Self::Publication => "publication",
            Self::Cosignature => "cosignature",
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
    /// Entries whose content is kept from the reader.
    #[serde(skip_serializing_if = "Withheld::is_none")]
    pub withheld: Withheld,
    /// Entries whose content was erased, each with the entry that says so.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub erased: BTreeMap<u64, u64>,
    /// Verified entries by what they are about: `deployment`, `incident`, …
    pub subjects: BTreeMap<String, u64>,
    /// Time of the first entry.
    pub from: Option<Instant>,
    /// Time of the last entry.
    pub to: Option<Instant>,
    /// Keys that the log registered and the caller does not know, where the caller brought a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unlisted: Vec<Unlisted>,
    /// The last checkpoint of the log that this one says it continues, as published. That log's key must be checked elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predecessor: Option<String>,
    /// What is wrong, the first of each kind. Empty: everything is as it was recorded.
    pub findings: Vec<Finding>,
}

fn as_base64<S: serde::Serializer>(root: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&root.to_base64())
}

/// A key that the log registered and the caller's list of producers does not have, or has under another name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Unlisted {
    /// Index of the entry that registered it.
    pub index: u64,
    /// What the log calls it.
    pub name: ProducerName,
    /// Its id: SHA-256 of the DER SubjectPublicKeyInfo, in hex.
    pub key: String,
}

/// How much is kept from the reader of what was audited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Withheld {
    /// Entries of which no more than the leaf is there.
    pub entries: u64,
    /// Those among them that say who may do what: what they changed about who may sign cannot be told.
    pub administrative: u64,
}

impl Withheld {
    /// Whether nothing is kept from the reader.
    pub fn is_none(&self) -> bool {
        self.entries == 0
    }

    /// What of a verdict does not stand for them, where there are any.
    pub fn omission(&self) -> Option<String> {
        (!self.is_none()).then(|| {
            format!(
                "what {} entries say, which are withheld: that they are there, when, and which keys they name is proven, and \
                 no signature of them was checked; {} of them say who may do what",
                self.entries, self.administrative
            )
        })
    }
}
