//! Verifies a whole history, entry by entry, in memory that does not grow with it. Pure: the caller reads the bytes.
//!
//! Used offline on a bundle and by `fsck` on a database. The trust root is one signed checkpoint, checked by the
//! caller: the root computed here must be the checkpoint's. Who may sign what follows from the log itself, whose
//! first entry introduces the service key and whose administration entries introduce and revoke producers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ledger::{Checkpoint, Entry, Frontier, Hash, KeyId, PublicKey, Signer, leaf_hash};

use self::checked::{authenticate, unseal};
use crate::domain::keyring::{Keyring, PermissionError};
use crate::domain::parse::{ADMINISTRATION_JSON, is_never_erased};
use crate::domain::producer::Administration;
use crate::domain::{Event, Instant, ProducerName, Recorded};

mod checked;
mod report;

pub use checked::Checked;
pub use report::{Finding, Kind, Report, Unlisted, Withheld};

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
    /// They are kept from the reader, who can tell that the entry is there, and by whom, but not what it says.
    Withheld,
    /// They cannot be read; what is wrong with them was noted already.
    Unreadable,
}

/// The caller's own list of producers.
pub type Roll = HashMap<KeyId, ProducerName>;

/// A running audit.
pub struct Audit {
    frontier: Frontier,
    keyring: Keyring,
    roll: Option<Roll>,
    first: Option<u64>,
    last: u64,
    producers: BTreeMap<ProducerName, u64>,
    subjects: BTreeMap<String, u64>,
    /// Entries without content, until an entry says that it was erased.
    gone: BTreeSet<u64>,
    /// Entries with content, although an entry says that it was erased.
    kept: BTreeMap<u64, u64>,
    withheld: Withheld,
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
            roll: None,
            first: None,
            last: 0,
            producers: BTreeMap::new(),
            subjects: BTreeMap::new(),
            gone: BTreeSet::new(),
            kept: BTreeMap::new(),
            withheld: Withheld::default(),
            findings: BTreeMap::new(),
        }
    }

    /// Counts nobody as a producer who is not in this list, whatever the log registered.
    #[must_use]
    pub fn with_producers(self, roll: Option<Roll>) -> Self {
        Self { roll, ..self }
    }

    /// Number of entries seen so far: the index that must come next.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Takes the next entry. What it says comes back if nothing is wrong with it.
    pub fn add(&mut self, index: u64, leaf: &[u8], content: Content<'_>) -> Option<Recorded> {
        let place = self.put(index, leaf_hash(leaf));
        match self.check(place, leaf, content) {
            Ok(recorded) => recorded,
            Err(Fault(kind, message)) => {
                self.find(kind, Some(place), message);
                None
            }
        }
    }

    /// Takes the next entry, which was found right in itself; [`Audit::add`] would say the same of it.
    pub fn add_checked(&mut self, index: u64, checked: Checked) -> Option<Recorded> {
        let place = self.put(index, checked.leaf);
        let Checked { entry, event, .. } = checked;
        self.pass_time(place, entry.time());
        match self.place(place, &entry, event, entry.signers()) {
            Ok(recorded) => Some(recorded),
            Err(Fault(kind, message)) => {
                self.find(kind, Some(place), message);
                None
            }
        }
    }

    /// The root of the entries seen so far.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// The keys that the log has registered so far, in the order of their registration.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = PublicKey> {
        self.keyring.producers().iter().map(|producer| producer.key)
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
        let unlisted = self.unlisted();
        Report {
            erased: erasures.map(|erasure| (erasure.index, erasure.by)).collect(),
            withheld: self.withheld,
            size: self.frontier.size(),
            root: self.frontier.root(),
            producers: self.producers,
            subjects: self.subjects,
            from: self.first.map(instant),
            to: self.first.map(|_| instant(self.last)),
            unlisted,
            predecessor: self.keyring.predecessor().map(|predecessor| predecessor.note.clone()),
            findings: self.findings.into_values().collect(),
        }
    }

    /// Appends a leaf; gives its place, whatever index it claims.
    fn put(&mut self, index: u64, leaf: Hash) -> u64 {
        let place = self.frontier.size();
        if index != place {
            let message = format!("entry {index} stands where entry {place} belongs");
            self.find(Kind::Contiguity, Some(place), message);
        }
        self.frontier.append(leaf);
        place
    }

    fn unlisted(&self) -> Vec<Unlisted> {
        let Some(roll) = &self.roll else { return Vec::new() };
        let registered = self.keyring.producers().iter();
        registered
            .filter(|producer| roll.get(&producer.key.id()) != Some(&producer.name))
            .map(|producer| Unlisted {
                index: producer.registered_at_index,
                name: producer.name.clone(),
                key: producer.key.id().to_string(),
            })
            .collect()
    }

    fn check(&mut self, index: u64, leaf: &[u8], content: Content<'_>) -> Result<Option<Recorded>, Fault> {
        let entry = Entry::parse(leaf).map_err(|error| Fault(Kind::Entry, error.to_string()))?;
        self.pass_time(index, entry.time());
        let (salt, bytes) = match content {
            Content::Sealed { salt, envelope } => (salt, envelope),
            Content::Erased if is_never_erased(entry.payload_type()) => {
                self.gone.insert(index);
                let message = "it says who may do what or what an auditor asked, which is never erased, and its content is missing";
                return Err(Fault(Kind::Administration, message.to_owned()));
            }
            Content::Erased => {
                self.gone.insert(index);
                self.vouch(&entry)?;
                return self.call_the_roll(entry.signers()).map(|()| None);
            }
            Content::Withheld => {
                self.vouch(&entry)?;
                self.withhold(&entry);
                return self.call_the_roll(entry.signers()).map(|()| None);
            }
            Content::Unreadable => return Ok(None),
        };
        let (envelope, event) = unseal(&entry, salt, bytes)?;
        if index == 0 {
            self.begin(&event, entry.time())?;
        }
        let verified = authenticate(&entry, envelope, bytes, |keyid| self.keyring.candidates(keyid))?;
        self.place(index, &entry, event, verified.signers()).map(Some)
    }

    /// What depends on the place of an entry that is right in itself.
    fn place(&mut self, index: u64, entry: &Entry, event: Event, signers: &[Signer]) -> Result<Recorded, Fault> {
        let producer = self.admit(signers, &event, instant(entry.time()))?;
        if let Some(administration) = event.extension.administration.as_deref().filter(|_| index > 0) {
            self.keyring
                .apply(index, instant(entry.time()), administration)
                .map_err(|error| Fault(Kind::Administration, error.to_string()))?;
            self.erase(index, administration);
        }
        self.call_the_roll(signers)?;
        *self.producers.entry(producer.clone()).or_default() += 1;
        *self.subjects.entry(event.event_type.subject.clone()).or_default() += 1;
        Ok(Recorded {
            index,
            recorded_at: instant(entry.time()),
            producer,
            event,
        })
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

    /// Counts it; what it says of who may do what then cannot be told.
    fn withhold(&mut self, entry: &Entry) {
        self.withheld.entries += 1;
        self.withheld.administrative += u64::from(entry.payload_type() == ADMINISTRATION_JSON);
    }

    /// What an entry says is gone must be gone.
    fn erase(&mut self, by: u64, administration: &Administration) {
        if let Administration::EventErased { index, .. } = administration
            && !self.gone.remove(index)
        {
            self.kept.insert(*index, by);
        }
    }

    fn pass_time(&mut self, index: u64, time: u64) {
        self.first.get_or_insert(time);
        if time < self.last {
            let message = format!("{} is before {}", instant(time), instant(self.last));
            self.find(Kind::Time, Some(index), message);
        }
        self.last = self.last.max(time);
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
    fn admit(&self, signers: &[Signer], event: &Event, at: Instant) -> Result<ProducerName, Fault> {
        match self.keyring.admit(signers, event, at) {
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

    /// Whether every signer is one whom the caller knows, where the caller knows them.
    fn call_the_roll(&self, signers: &[Signer]) -> Result<(), Fault> {
        let Some(roll) = &self.roll else { return Ok(()) };
        for registered in signers.iter().filter_map(|signer| self.keyring.producer(&signer.key)) {
            if roll.get(&registered.key.id()) != Some(&registered.name) {
                let message = format!(
                    "signed with a key that the log registered as {} at entry {}, and your list of producers does not have it under that name",
                    registered.name, registered.registered_at_index
                );
                return Err(Fault(Kind::Producer, message));
            }
        }
        Ok(())
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
