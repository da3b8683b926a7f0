//! What can be said once all entries were read: the head, the log's own row, the erasures, and rows that belong to no entry.

use std::collections::BTreeMap;

use ledger::{Checkpoint, SignedNote};

use super::Check;
use crate::audit::{Kind, Report};
use crate::store::{Database, RUN, StoreError};

impl Check<'_> {
    pub(super) fn finish(mut self, database: &Database) -> Result<Report, StoreError> {
        self.forgive(database)?;
        self.head(database)?;
        self.log(database)?;
        self.pending_run(database, true)?;
        self.erasures(database)?;
        self.strays(database)?;
        let size = self.audit.size();
        if size == 0 {
            return Ok(self.audit.close());
        }
        let note = self.ask(None, database.read(|tx| tx.checkpoint(size)))?.flatten();
        let opened = note
            .and_then(|note| SignedNote::parse(&note).ok())
            .and_then(|note| Checkpoint::open(&note, self.log_key).ok());
        Ok(match opened {
            Some(checkpoint) => self.audit.finish(&checkpoint),
            None => {
                let message = format!("no valid checkpoint of size {size} is stored");
                self.audit.find(Kind::Checkpoint, Some(size - 1), message);
                self.audit.close()
            }
        })
    }

    /// What was erased after it was read is gone by now.
    fn forgive(&mut self, database: &Database) -> Result<(), StoreError> {
        for index in self.audit.kept() {
            let rows = self.ask(Some(index), database.read(|tx| tx.envelopes(index, 1)))?;
            if rows.is_some_and(|rows| rows.iter().all(|row| row.salt.is_none() && row.bytes.is_none())) {
                self.audit.is_gone(index);
            }
        }
        Ok(())
    }

    fn head(&mut self, database: &Database) -> Result<(), StoreError> {
        let ids = self.ask(None, database.read(|tx| tx.heads()))?;
        let last = self.audit.size().checked_sub(1);
        if ids.is_some_and(|ids| ids != [0]) {
            self.audit
                .find(Kind::Head, last, "there is not exactly one head, with the id 0".into());
        }
        let Some(head) = self.head.take().filter(|head| head.tree_size == self.audit.size()) else {
            return Ok(());
        };
        let mut wrong = Vec::new();
        if head.root != self.edge.root() {
            wrong.push("root");
        }
        if head.edge != self.edge.encode() {
            wrong.push("edge");
        }
        if self.times.is_some_and(|(_, last)| last != head.time_ms) {
            wrong.push("time_ms");
        }
        // A run is complete long before the next one is full.
        let full = head.tree_size / RUN;
        if head.runs > full || head.runs + 1 < full {
            wrong.push("runs");
        }
        if !wrong.is_empty() {
            let message = format!("the head is not what the entries give: {}", wrong.join(", "));
            self.audit.find(Kind::Head, last, message);
        }
        Ok(())
    }

    /// What the log is called must be what its key, its first entry and the caller say.
    fn log(&mut self, database: &Database) -> Result<(), StoreError> {
        let Some(rows) = self.ask(None, database.read(|tx| tx.logs()))? else {
            return Ok(());
        };
        let wrong = match rows.as_slice() {
            [row] if row.id != 0 => "its row has another id than 0",
            [row] if row.log_key != self.log_key.to_string() => "it names another key than the one given",
            [row] if row.origin != self.log_key.name() => "it names another origin than its key does",
            [row] if self.audit.keyring().origin().is_some_and(|origin| origin != row.origin) => {
                "it names another origin than the first entry does"
            }
            [row] if self.times.is_some_and(|(first, _)| row.created_ms > first) => {
                "it is younger than its first entry"
            }
            [_] => return Ok(()),
            [] => "there is no row that says what the log is",
            _ => "there are several rows that say what the log is",
        };
        self.audit.find(Kind::Head, Some(0), format!("log: {wrong}"));
        Ok(())
    }

    /// The list of erasures is that of the log.
    fn erasures(&mut self, database: &Database) -> Result<(), StoreError> {
        let size = self.audit.size();
        let Some(rows) = self.ask(None, database.read(|tx| tx.erasures(0, size)))? else {
            return Ok(());
        };
        let stored: BTreeMap<u64, (u64, String)> = rows
            .into_iter()
            .map(|row| (row.idx as u64, (row.erased_by as u64, row.reason)))
            // Later ones are for the next time.
            .filter(|(_, (by, _))| *by < size)
            .collect();
        let erasures = self.audit.keyring().erasures().all();
        let wanted: BTreeMap<u64, (u64, String)> = erasures
            .map(|erasure| (erasure.index, (erasure.by, erasure.reason.as_str().to_owned())))
            .collect();
        let every = stored.keys().chain(wanted.keys());
        let different: Vec<u64> = every
            .copied()
            .filter(|index| stored.get(index) != wanted.get(index))
            .collect();
        for index in different {
            let what = match (stored.contains_key(&index), wanted.contains_key(&index)) {
                (true, true) => "is not what the log says",
                (true, false) => "is in no entry of the log",
                (false, _) => "is missing",
            };
            self.audit
                .find(Kind::Erasure, Some(index), format!("the row of its erasure {what}"));
        }
        Ok(())
    }

    fn strays(&mut self, database: &Database) -> Result<(), StoreError> {
        let found = database.read(|tx| {
            let (size, runs) = tx.head()?.map_or((0, 0), |head| (head.tree_size, head.runs));
            tx.strays(size, runs)
        });
        for stray in self.ask(None, found)?.unwrap_or_default() {
            let message = format!(
                "a row of {} stands at {}, where it belongs to no entry",
                stray.table, stray.place
            );
            self.audit.find(Kind::Stray, u64::try_from(stray.place).ok(), message);
        }
        Ok(())
    }
}
