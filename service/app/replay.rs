//! A ledger built again from verified entries alone, in a database of its own, so that documents can be made from it
//! without the service that made them first. Nothing is believed here that was not verified by the caller; nothing is
//! signed.

use ledger::{Edge, Entry, FullTile, leaf_hash};

use super::documents::{Document, DocumentQuery, Documents, DocumentsError, Format};
use crate::catalogue::Catalogue;
use crate::domain::Recorded;
use crate::domain::parse::QUESTION_JSON;
use crate::domain::question::{DOCUMENT_ASKED, DOCUMENT_ASKED_PARTS};
use crate::render::Templates;
use crate::sequencer::batch::{erasure_row, event_row, reference_rows};
use crate::store::{
    Database, EnvelopeRow, ErasureRow, EventRow, HeadRow, LogRow, RUN, ReferenceRow, RunHashes, StoreError, WriteTx,
    Writer,
};

/// Entries that are written in one transaction.
const BATCH: usize = 1024;

/// One verified entry.
#[derive(Debug)]
pub struct Replayed {
    /// Its leaf.
    pub leaf: Vec<u8>,
    /// Salt and envelope, as bytes, and what they say; none where they were erased or are withheld.
    pub content: Option<(Vec<u8>, Vec<u8>, Box<Recorded>)>,
}

/// A ledger that is being built.
pub struct Replay {
    database: Database,
    writer: Writer,
    origin: String,
    edge: Edge,
    time_ms: i64,
    waiting: Vec<Replayed>,
    /// References of the run that is not full yet.
    run: Vec<ReferenceRow>,
    runs: u64,
    /// What is gone, and by which entry.
    erasures: Vec<ErasureRow>,
}

/// A ledger that was built.
pub struct Rebuilt {
    database: Database,
    erased: Vec<(u64, u64)>,
    withheld: u64,
}

impl Replay {
    /// Begins in an empty database.
    pub fn begin(database: Database, origin: &str) -> Result<Self, StoreError> {
        let writer = database.writer()?;
        Ok(Self {
            database,
            writer,
            origin: origin.to_owned(),
            edge: Edge::empty(),
            time_ms: 0,
            waiting: Vec::with_capacity(BATCH),
            run: Vec::new(),
            runs: 0,
            erasures: Vec::new(),
        })
    }

    /// Takes the next entry.
    pub fn add(&mut self, entry: Replayed) -> Result<(), StoreError> {
        self.waiting.push(entry);
        if self.waiting.len() == BATCH {
            self.write()
        } else {
            Ok(())
        }
    }

    /// Ends it, with a checkpoint that the log signed and the size of its tree, if one is known; so many entries were withheld.
    pub fn finish(mut self, checkpoint: Option<(u64, &str)>, withheld: u64) -> Result<Rebuilt, StoreError> {
        self.write()?;
        let erasures = std::mem::take(&mut self.erasures);
        self.writer.transaction(|tx| {
            for erasure in &erasures {
                tx.erase(erasure)?;
            }
            checkpoint.map_or(Ok(()), |(size, note)| tx.append_checkpoint(size, note))
        })?;
        Ok(Rebuilt {
            database: self.database,
            withheld,
            erased: erasures
                .iter()
                .map(|row| (row.idx as u64, row.erased_by as u64))
                .collect(),
        })
    }

    fn write(&mut self) -> Result<(), StoreError> {
        let entries = std::mem::take(&mut self.waiting);
        let first = self.edge.size();
        let mut rows = Rows::default();
        for (entry, index) in entries.into_iter().zip(first..) {
            let parsed = Entry::parse(&entry.leaf).map_err(|error| StoreError::Damaged(error.to_string()))?;
            self.time_ms = self.time_ms.max(parsed.time() as i64);
            self.edge.append(leaf_hash(&entry.leaf), &mut rows.tiles);
            self.erasures.extend(rows.add(index, &parsed, entry));
        }
        let full = self.fill_runs(&mut rows, self.edge.size());
        let head = HeadRow {
            tree_size: self.edge.size(),
            root: self.edge.root(),
            edge: self.edge.encode(),
            time_ms: self.time_ms,
            runs: self.runs,
        };
        let log = (first == 0).then(|| LogRow {
            id: 0,
            origin: self.origin.clone(),
            log_key: String::new(),
            created_ms: 0,
        });
        self.writer
            .transaction(|tx| rows.write(tx, first, log.as_ref(), &full, &head))
    }

    /// The runs that became full, each in its order.
    fn fill_runs(&mut self, rows: &mut Rows, size: u64) -> Vec<(u64, Vec<ReferenceRow>)> {
        self.run.extend(rows.references.iter().cloned());
        self.run.append(&mut rows.places);
        let mut full = Vec::new();
        while size >= (self.runs + 1) * RUN {
            let end = (self.runs + 1) * RUN;
            let (mut run, later) = std::mem::take(&mut self.run)
                .into_iter()
                .partition::<Vec<_>, _>(|row| (row.idx as u64) < end);
            self.run = later;
            run.sort_unstable();
            full.push((self.runs, run));
            self.runs += 1;
        }
        full
    }
}

impl Rebuilt {
    /// A document as the service would make it from this ledger.
    pub fn document(
        &self,
        templates: &Templates,
        catalogue: &Catalogue,
        query: &DocumentQuery,
        tree_size: u64,
        format: Format,
    ) -> Result<Document, DocumentsError> {
        Documents::new(&self.database, templates, catalogue).document(query, Some(tree_size), format)
    }

    /// Entries below that tree size whose content was erased after it: a document of that size may have known it. One whose tree
    /// holds the erasure cannot, for it was made later.
    pub fn erased_since(&self, tree_size: u64) -> Vec<u64> {
        let since = self
            .erased
            .iter()
            .filter(|(index, by)| *index < tree_size && *by >= tree_size);
        since.map(|(index, _)| *index).collect()
    }

    /// Entries whose content is kept from the reader: a document may have been made from them.
    pub fn withheld(&self) -> u64 {
        self.withheld
    }
}

/// Rows of some entries.
#[derive(Default)]
struct Rows {
    leaves: Vec<Vec<u8>>,
    envelopes: Vec<EnvelopeRow>,
    events: Vec<EventRow>,
    references: Vec<ReferenceRow>,
    places: Vec<ReferenceRow>,
    tiles: Vec<FullTile>,
}

impl Rows {
    /// Adds those of an entry; the erasure that it records.
    fn add(&mut self, index: u64, entry: &Entry, replayed: Replayed) -> Option<ErasureRow> {
        let Replayed { leaf, content } = replayed;
        let (time_ms, payload_type) = (entry.time() as i64, entry.payload_type());
        self.leaves.push(leaf);
        let (salt, bytes, event, erasure) = match content {
            Some((salt, bytes, recorded)) => {
                let event = event_row(index, time_ms, recorded.producer.as_str(), &recorded.event);
                self.references.extend(reference_rows(index, &recorded.event));
                (Some(salt), Some(bytes), event, erasure_row(index, &recorded.event))
            }
            None => (None, None, unseen(index, time_ms, payload_type), None),
        };
        self.places.extend(ReferenceRow::place(&event));
        self.events.push(event);
        self.envelopes.push(EnvelopeRow {
            idx: index as i64,
            tree_size: index as i64 + 1,
            salt,
            bytes,
        });
        erasure
    }

    fn write(
        &self,
        tx: &mut WriteTx<'_>,
        first: u64,
        log: Option<&LogRow>,
        runs: &[(u64, Vec<ReferenceRow>)],
        head: &HeadRow,
    ) -> Result<(), StoreError> {
        if let Some(log) = log {
            tx.create_log(log)?;
        }
        if self.leaves.is_empty() {
            return Ok(());
        }
        tx.append_entries(first, &self.leaves)?;
        tx.append_envelopes(&self.envelopes.iter().collect::<Vec<_>>())?;
        tx.append_events(&self.events.iter().collect::<Vec<_>>())?;
        tx.append_references(&self.references)?;
        tx.append_tiles(&self.tiles)?;
        for (run, rows) in runs {
            tx.append_run(*run, rows)?;
            tx.append_hashes(*run, 0, RunHashes::of(rows).buckets())?;
        }
        tx.merge_hashes(first, head.tree_size)?;
        tx.move_head(first, head)
    }
}

/// What a leaf alone tells of an event.
fn unseen(index: u64, recorded_ms: i64, payload_type: &str) -> EventRow {
    let row = EventRow::erased(index as i64, recorded_ms);
    let [subject, predicate] = DOCUMENT_ASKED_PARTS.map(str::to_owned);
    match payload_type {
        // Reports count what was asked, also what their reader may not see.
        QUESTION_JSON => EventRow {
            event_type: DOCUMENT_ASKED.to_owned(),
            subject,
            predicate,
            ..row
        },
        _ => row,
    }
}
