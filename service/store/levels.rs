//! Runs of hashes on levels, as in a log-structured merge tree: sixteen runs of a level become one of the next, so that a value is
//! looked up in few runs however long the log is. What is merged when follows from the size of the log alone: every 256 entries
//! one bucket of each level is, so that no batch waits for a whole run, and no state says how far it is.
//! Source: P. O'Neil et al., "The log-structured merge-tree", Acta Informatica 33 (1996).

use diesel::prelude::*;

use super::connection::each;
use super::hashes::{packed, unpacked};
use super::schema::reference_hash;
use super::{HeadRow, RUN, ReadTx, StoreError, WriteTx};

/// Runs that are merged into one, and buckets that one of them becomes: so many bits of a hash.
const FAN_BITS: u32 = 4;
const FAN: u64 = 1 << FAN_BITS;
/// Entries from one merge to the next.
const PACE: u64 = 256;

/// A level of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(u32);

impl Level {
    pub(super) const LOWEST: Self = Self(0);
    pub(super) const ALL: [Self; 3] = [Self::LOWEST, Self(1), Self(2)];

    /// As it is stored.
    pub const fn number(self) -> i32 {
        self.0 as i32
    }

    /// Entries of one of its runs.
    pub const fn entries(self) -> u64 {
        RUN << (FAN_BITS * self.0)
    }

    /// Bits of the place of an entry within a run.
    pub(super) const fn place_bits(self) -> u32 {
        RUN.trailing_zeros() + FAN_BITS * self.0
    }

    /// Bits of a hash that its bucket leaves.
    pub(super) const fn rest_bits(self) -> u32 {
        32 - FAN_BITS * self.0
    }

    /// Place of the entry that a key is of.
    pub(super) const fn place(self, key: u64) -> u64 {
        key & (self.entries() - 1)
    }

    /// Complete runs.
    pub(super) const fn complete(self, head: &HeadRow) -> u64 {
        match self.0 {
            0 => head.runs,
            _ => self.next(head.tree_size).0 as u64,
        }
    }

    /// The run that is written next, and its first bucket that is not there, in a log of this size. Not of the lowest level.
    const fn next(self, tree_size: u64) -> (i64, i32) {
        // The runs below are complete by then, and this one before the next of its length is full.
        let begin = self.entries() + self.entries() / 8;
        let Some(since) = tree_size.checked_sub(begin) else {
            return (0, 0);
        };
        let (run, merges) = (since / self.entries(), since % self.entries() / PACE + 1);
        let of_run = super::BUCKETS as u64 * FAN.pow(self.0) / FAN;
        if merges < of_run {
            (run as i64, (merges * FAN) as i32)
        } else {
            (run as i64 + 1, 0)
        }
    }
}

/// A bucket of sixteen runs that becomes sixteen buckets of one run, a level higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    from: Level,
    bucket: i32,
    /// The run that comes of it.
    run: i64,
}

impl Merge {
    /// What is merged when the log grows from one size to another.
    pub fn due(before: u64, after: u64) -> impl Iterator<Item = Self> {
        let steps = (before / PACE + 1..=after / PACE).map(|step| step * PACE);
        steps.flat_map(|size| {
            let pairs = Level::ALL.into_iter().zip(Level::ALL.into_iter().skip(1));
            pairs.filter_map(move |(from, to)| {
                let (run, bucket) = to.next(size - 1);
                (to.next(size) != (run, bucket)).then_some(Self {
                    from,
                    bucket: bucket / FAN as i32,
                    run,
                })
            })
        })
    }

    /// The level of the run that comes of it.
    pub const fn level(self) -> Level {
        Level(self.from.0 + 1)
    }

    /// The run that comes of it.
    pub const fn run(self) -> u64 {
        self.run as u64
    }

    /// The first bucket that comes of it.
    const fn first(self) -> i32 {
        self.bucket * FAN as i32
    }

    /// The buckets that come of it, of those of these runs.
    fn merged(self, runs: &[(i64, Vec<u8>)]) -> Vec<Vec<u8>> {
        let mut buckets = vec![Vec::new(); FAN as usize];
        let (place_bits, rest_bits) = (self.from.place_bits(), self.level().rest_bits());
        for (run, keys) in runs {
            for key in unpacked(keys) {
                let rest = key >> place_bits;
                let (bucket, rest) = (rest >> rest_bits, rest & ((1 << rest_bits) - 1));
                let place = ((*run as u64 % FAN) << place_bits) | self.from.place(key);
                if let Some(bucket) = buckets.get_mut(bucket as usize) {
                    bucket.push((rest << (place_bits + FAN_BITS)) | place);
                }
            }
        }
        buckets.into_iter().map(packed).collect()
    }
}

impl ReadTx<'_> {
    /// Whether the buckets that came of a merge are there, and are what it gives.
    pub fn is_merged(&mut self, merge: Merge) -> Result<bool, StoreError> {
        let buckets: Vec<i32> = (merge.first()..).take(FAN as usize).collect();
        let stored = self.hashes(merge.level(), &buckets, merge.run..merge.run + 1)?;
        let stored = stored.into_iter().map(|(bucket, _, keys)| (bucket, keys));
        Ok(stored.eq((merge.first()..).zip(self.merge(merge)?)))
    }

    /// The run of a row that nothing is behind in a log of this size, of which so many runs are begun.
    pub(super) fn stray_hashes(&mut self, tree_size: u64, begun: i64) -> Result<Option<i64>, StoreError> {
        let levels = reference_hash::level
            .lt(0)
            .or(reference_hash::level.ge(Level::ALL.len() as i32));
        let query = reference_hash::table.filter(levels).select(reference_hash::run);
        let unknown: Option<i64> = each!(self.connection, c => query.first(c).optional())?;
        if unknown.is_some() {
            return Ok(unknown);
        }
        for level in Level::ALL {
            let (run, bucket) = match level.0 {
                0 => (begun, 0),
                _ => level.next(tree_size),
            };
            let later = reference_hash::run
                .gt(run)
                .or(reference_hash::run.eq(run).and(reference_hash::bucket.ge(bucket)));
            let query = reference_hash::table
                .filter(reference_hash::level.eq(level.number()))
                .filter(reference_hash::run.lt(0).or(later))
                .select(reference_hash::run);
            let found: Option<i64> = each!(self.connection, c => query.first(c).optional())?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn merge(&mut self, merge: Merge) -> Result<Vec<Vec<u8>>, StoreError> {
        let first = merge.run * FAN as i64;
        let rows = self.hashes(merge.from, &[merge.bucket], first..first + FAN as i64)?;
        let rows: Vec<_> = rows.into_iter().map(|(_, run, keys)| (run, keys)).collect();
        Ok(merge.merged(&rows))
    }
}

impl WriteTx<'_> {
    /// Merges what is due when the log grows from one size to another.
    pub fn merge_hashes(&mut self, before: u64, after: u64) -> Result<(), StoreError> {
        for merge in Merge::due(before, after) {
            let buckets = self.reading().merge(merge)?;
            self.append_buckets(merge.level(), merge.run, merge.first(), &buckets)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use diesel::connection::SimpleConnection;
    use ledger::Edge;
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;
    use crate::store::connection::Connection;
    use crate::store::{Connect, Database, DatabaseUrl, ReferenceRow, RunHashes, Writer};

    /// A log of this size with all runs of the lowest level that are full.
    fn head(tree_size: u64) -> HeadRow {
        HeadRow {
            tree_size,
            root: Edge::empty().root(),
            edge: Vec::new(),
            time_ms: 0,
            runs: tree_size / RUN,
        }
    }

    proptest! {
        #[test]
        fn each_bucket_is_merged_once_and_when_all_below_it_is_there(
            growths in proptest::collection::vec(1..512_u64, 5_000..12_000),
        ) {
            let mut next: BTreeMap<i32, (i64, i32)> = BTreeMap::new();
            let mut size = 0;
            for growth in growths {
                for merge in Merge::due(size, size + growth) {
                    let (run, bucket) = next.entry(merge.level().number()).or_default();
                    prop_assert_eq!((merge.run, merge.bucket), (*run, *bucket));
                    // A run of the lowest level takes until the next one is full.
                    let before = HeadRow { runs: (size / RUN).saturating_sub(1), ..head(size) };
                    let below = (merge.run + 1) as u64 * FAN;
                    prop_assert!(merge.from.complete(&before) >= below);
                    *bucket += 1;
                    if *bucket == 128 << (4 * merge.from.number()) {
                        (*run, *bucket) = (*run + 1, 0);
                    }
                }
                size += growth;
                for level in Level::ALL.into_iter().skip(1) {
                    let (run, bucket) = next.get(&level.number()).copied().unwrap_or_default();
                    prop_assert_eq!(level.next(size), (run, bucket * FAN as i32));
                    prop_assert!((run + 2) as u64 * level.entries() > size);
                }
            }
        }
    }

    /// What entry `idx` names: some of it others name as well.
    fn named(idx: u64) -> [String; 2] {
        [format!("v{idx}"), format!("w{}", idx % 1000)]
    }

    /// A log in which every 97th entry names something.
    struct Log {
        database: Database,
        writer: Writer,
        size: u64,
        _folder: TempDir,
    }

    impl Log {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let url = DatabaseUrl::Sqlite(folder.path().join("log.db"));
            let database = Database::open(Connect::new(url, None).unwrap()).unwrap();
            let mut writer = database.writer().unwrap();
            let Connection::Sqlite(sqlite) = &mut writer.connection else {
                unreachable!("it is SQLite")
            };
            sqlite.batch_execute("DROP TRIGGER reference_hash_no_update").unwrap();
            Self {
                database,
                writer,
                size: 0,
                _folder: folder,
            }
        }

        fn grow(&mut self, runs: u64) {
            for _ in 0..runs {
                let (before, after) = (self.size, self.size + RUN);
                let rows = (before..after).filter(|idx| idx % 97 == 0).flat_map(|idx| {
                    named(idx).map(|value| ReferenceRow {
                        value,
                        kind: "commit".into(),
                        idx: idx as i64,
                    })
                });
                let hashes = RunHashes::of(&rows.collect::<Vec<_>>());
                self.size = after;
                self.writer
                    .transaction(|tx| {
                        tx.append_hashes(before / RUN, 0, hashes.buckets())?;
                        tx.merge_hashes(before, after)
                    })
                    .unwrap();
            }
        }

        fn found(&self, value: &str) -> BTreeSet<i64> {
            let head = head(self.size);
            self.database.read(|tx| tx.hashed([value].into_iter(), &head)).unwrap()
        }

        /// Whether every merge that is due gave what the runs below give.
        #[track_caller]
        fn assert_merged(&self) {
            for merge in Merge::due(0, self.size) {
                assert!(self.database.read(|tx| tx.is_merged(merge)).unwrap(), "{merge:?}");
            }
        }

        fn naming(&self, value: &str) -> BTreeSet<i64> {
            let all = (0..self.size).filter(|idx| idx % 97 == 0 && named(*idx).iter().any(|name| name == value));
            all.map(|idx| idx as i64).collect()
        }
    }

    #[test]
    fn values_are_found_wherever_they_were_merged_to_until_they_are_erased() {
        let mut log = Log::new();
        // Within the third run of the second level, and with the first of the third.
        for (runs, complete) in [(40, [40, 1, 0]), (379, [419, 25, 1])] {
            log.grow(runs);
            assert_eq!(Level::ALL.map(|level| level.complete(&head(log.size))), complete);
            for value in ["v0", "v97", "v65572", "v162960", "w0", "w500", "w999"] {
                assert_eq!(log.found(value), log.naming(value), "{value} of {} entries", log.size);
            }
            assert_eq!(log.found("v1"), BTreeSet::new());
            log.assert_merged();
            assert_eq!(
                log.database
                    .read(|tx| tx.stray_hashes(log.size, log.size as i64 / RUN as i64))
                    .unwrap(),
                None
            );
        }
        // One that no run above the lowest level holds, one of the level above, and one of the highest.
        for idx in [97 * 17_003, 97 * 11_002, 97] {
            let [alone, shared] = named(idx);
            let mut others = log.naming(&shared);
            assert!(others.remove(&(idx as i64)));
            let values = BTreeSet::from([alone.clone(), shared.clone()]);
            log.writer
                .transaction(|tx| tx.erase_hashes(idx as i64, &values))
                .unwrap();
            assert_eq!(log.found(&alone), BTreeSet::new());
            assert_eq!(log.found(&shared), others);
        }
        // Erased at every level that holds it: what was merged is still what the runs below give.
        log.assert_merged();
    }

    #[test]
    fn a_change_of_what_was_merged_and_a_row_too_many_are_told() {
        let mut log = Log::new();
        log.grow(20);
        let merges: Vec<Merge> = Merge::due(0, log.size).collect();
        let next = merges.len() * FAN as usize;
        for (sql, expected) in [
            (String::new(), (0, None)),
            (
                "DELETE FROM reference_hash WHERE level = 1 AND bucket = 3".to_owned(),
                (1, None),
            ),
            (
                "UPDATE reference_hash SET hashes = zeroblob(6) WHERE level = 1 AND bucket = 40".to_owned(),
                (1, None),
            ),
            (
                "UPDATE reference_hash SET hashes = zeroblob(6) WHERE level = 0 AND bucket = 1 AND run = 3".to_owned(),
                (1, None),
            ),
            (
                format!("INSERT INTO reference_hash VALUES (1, {next}, 0, x'')"),
                (0, Some(0)),
            ),
            (
                "INSERT INTO reference_hash VALUES (1, 0, 1, x'')".to_owned(),
                (0, Some(1)),
            ),
            (
                "INSERT INTO reference_hash VALUES (2, 0, 0, x'')".to_owned(),
                (0, Some(0)),
            ),
            (
                "INSERT INTO reference_hash VALUES (0, 0, 20, x'')".to_owned(),
                (0, Some(20)),
            ),
        ] {
            let outcome: Result<(), StoreError> = log.writer.transaction(|tx| {
                let Connection::Sqlite(sqlite) = &mut *tx.connection else {
                    unreachable!("it is SQLite")
                };
                sqlite.batch_execute(&format!("DROP TRIGGER IF EXISTS reference_hash_no_delete; {sql}"))?;
                assert_eq!(faults(&merges, tx, 20 * RUN), expected, "{sql}");
                Err(StoreError::HeadMoved)
            });
            assert!(matches!(outcome, Err(StoreError::HeadMoved)));
        }
    }

    /// How many of these merges are wrong, and the first stray row.
    fn faults(merges: &[Merge], tx: &mut WriteTx<'_>, size: u64) -> (usize, Option<i64>) {
        let mut reading = tx.reading();
        let wrong = merges
            .iter()
            .filter(|merge| !reading.is_merged(**merge).unwrap())
            .count();
        (wrong, reading.stray_hashes(size, (size / RUN) as i64).unwrap())
    }
}
