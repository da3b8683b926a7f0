//! Where whole values stand in complete runs: of each value its hash and the place of its entry within the run.
//!
//! The hashes of a run lie in buckets, and those of one bucket beside each other for many runs, so that a value is looked up with
//! few reads in order, and many values with one read of everything. A hash is a hint: what it leads to is compared with the value.
//! How runs are merged into longer ones is in `levels.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;
use std::ops::Range;

use diesel::prelude::*;
use fnv::FnvHasher;

use super::append::{HashRow, append};
use super::connection::each;
use super::levels::Level;
use super::references::{PLACE, SEQUENCE};
use super::schema::reference_hash;
use super::{HeadRow, ReadTx, ReferenceRow, StoreError, WriteTx};

/// Buckets of a run of the lowest level.
pub const BUCKETS: usize = 128;
/// Bits of a hash, the first of which name its bucket.
const HASH_BITS: u32 = 39;
/// Bytes of what is left of a hash and the place of its entry, the greatest first: 44 bits at every level.
pub(super) const LENGTH: usize = 6;
/// Rows that one query reads, about.
const AT_ONCE: u64 = 4096;

/// The hashes of a run, bucket by bucket: in each in order, every pair of hash and place once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunHashes(Vec<Vec<u8>>);

impl RunHashes {
    /// Of these references, which are of one run.
    pub fn of<'r>(rows: impl IntoIterator<Item = &'r ReferenceRow>) -> Self {
        let mut buckets = vec![Vec::new(); BUCKETS];
        // Places and numbers are sought by what they begin with.
        let whole = rows.into_iter().filter(|row| row.kind != PLACE && row.kind != SEQUENCE);
        for row in whole {
            let sought = Sought::of(&row.value, Level::LOWEST);
            buckets[sought.bucket as usize].push(sought.at(row.idx as u64));
        }
        Self(buckets.into_iter().map(packed).collect())
    }

    /// The buckets, in order.
    pub fn buckets(&self) -> &[Vec<u8>] {
        &self.0
    }

    /// Whether these are the first buckets of a run, leaving out what some entries say. As they are stored: with their numbers.
    pub fn begin_with(&self, stored: &[(i32, Vec<u8>)], ignored: &BTreeSet<i64>) -> bool {
        let mut buckets = (0..).zip(&self.0);
        stored.iter().all(|(bucket, pairs)| {
            let without = |keys: &[u8]| without(keys, Level::LOWEST, ignored);
            let same = |known: &[u8]| without(known) == without(pairs);
            buckets
                .next()
                .is_some_and(|(number, known)| number == *bucket && same(known))
        })
    }
}

impl ReadTx<'_> {
    /// Entries of complete runs that may hold one of these values.
    pub(super) fn hashed<'v>(
        &mut self,
        values: impl Iterator<Item = &'v str> + Clone,
        head: &HeadRow,
    ) -> Result<BTreeSet<i64>, StoreError> {
        let mut found = BTreeSet::new();
        // Entries that the runs of the levels above hold.
        let mut held = 0;
        for level in Level::ALL.into_iter().rev() {
            let runs = held / level.entries()..level.complete(head);
            if runs.is_empty() {
                continue;
            }
            held = runs.end * level.entries();
            let mut wanted: BTreeMap<i32, Vec<u64>> = BTreeMap::new();
            for sought in values.clone().map(|value| Sought::of(value, level)) {
                wanted.entry(sought.bucket).or_default().push(sought.rest);
            }
            for rests in wanted.values_mut() {
                rests.sort_unstable();
                rests.dedup();
            }
            let buckets: Vec<i32> = wanted.keys().copied().collect();
            let at_once = (AT_ONCE / (runs.end - runs.start)).clamp(1, AT_ONCE / 4);
            for some in buckets.chunks(at_once as usize) {
                for (bucket, run, keys) in self.hashes(level, some, runs.start as i64..runs.end as i64)? {
                    if let Some(rests) = wanted.get(&bucket) {
                        holding(&unpacked(&keys), rests, level, |place| {
                            found.insert(run * level.entries() as i64 + place as i64);
                        });
                    }
                }
            }
        }
        Ok(found)
    }

    /// What is stored of some buckets of these runs, in order: bucket, run and keys.
    pub(super) fn hashes(
        &mut self,
        level: Level,
        buckets: &[i32],
        runs: Range<i64>,
    ) -> Result<Vec<(i32, i64, Vec<u8>)>, StoreError> {
        let query = reference_hash::table
            .filter(reference_hash::level.eq(level.number()))
            .filter(reference_hash::bucket.eq_any(buckets))
            .filter(reference_hash::run.ge(runs.start).and(reference_hash::run.lt(runs.end)))
            .order((reference_hash::bucket, reference_hash::run))
            .select((reference_hash::bucket, reference_hash::run, reference_hash::hashes));
        Ok(each!(self.connection, c => query.load(c))?)
    }

    /// The hashes of a run that are stored, by bucket.
    pub fn run_hashes(&mut self, run: u64) -> Result<Vec<(i32, Vec<u8>)>, StoreError> {
        let buckets: Vec<i32> = (0..BUCKETS as i32).collect();
        let rows = self.hashes(Level::LOWEST, &buckets, run as i64..run as i64 + 1)?;
        Ok(rows.into_iter().map(|(bucket, _, keys)| (bucket, keys)).collect())
    }
}

impl WriteTx<'_> {
    /// Adds the next buckets of a run, from `first` on.
    pub fn append_hashes(&mut self, run: u64, first: usize, buckets: &[Vec<u8>]) -> Result<(), StoreError> {
        self.append_buckets(Level::LOWEST, run as i64, first as i32, buckets)
    }

    pub(super) fn append_buckets(
        &mut self,
        level: Level,
        run: i64,
        first: i32,
        buckets: &[Vec<u8>],
    ) -> Result<(), StoreError> {
        let rows: Vec<HashRow<'_>> = (first..)
            .zip(buckets)
            .map(|(bucket, hashes)| HashRow {
                level: level.number(),
                bucket,
                run,
                hashes,
            })
            .collect();
        append::<HashRow<'_>, _>(self.connection, &rows)
    }

    /// Takes away the hashes of the values that an entry was found by.
    pub(super) fn erase_hashes(&mut self, idx: i64, values: &BTreeSet<String>) -> Result<(), StoreError> {
        for level in Level::ALL {
            let run = idx / level.entries() as i64;
            let buckets: BTreeSet<i32> = values.iter().map(|value| Sought::of(value, level).bucket).collect();
            let buckets: Vec<i32> = buckets.into_iter().collect();
            for (bucket, run, before) in self.reading().hashes(level, &buckets, run..run + 1)? {
                let after = without(&before, level, &BTreeSet::from([idx]));
                if after != before {
                    let row = reference_hash::table.find((level.number(), bucket, run));
                    let set = reference_hash::hashes.eq(after);
                    each!(&mut *self.connection, c => diesel::update(row).set(set).execute(c))?;
                }
            }
        }
        Ok(())
    }
}

/// A value that is looked up at a level: in which bucket it is, and what is left of its hash there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sought {
    level: Level,
    bucket: i32,
    rest: u64,
}

impl Sought {
    fn of(value: &str, level: Level) -> Self {
        let (hash, rest_bits) = (hash(value), level.rest_bits());
        Self {
            level,
            bucket: (hash >> rest_bits) as i32,
            rest: hash & ((1 << rest_bits) - 1),
        }
    }

    /// The key that says that an entry holds it.
    fn at(self, idx: u64) -> u64 {
        (self.rest << self.level.place_bits()) | (idx % self.level.entries())
    }
}

/// Keys as they are stored: in order, each once.
pub(super) fn packed(mut keys: Vec<u64>) -> Vec<u8> {
    keys.sort_unstable();
    keys.dedup();
    let bytes = keys.iter().map(|key| key.to_be_bytes());
    bytes.flat_map(|[_, _, rest @ ..]: [u8; 8]| rest).collect()
}

pub(super) fn unpacked(bytes: &[u8]) -> Vec<u64> {
    let (keys, _) = bytes.as_chunks::<LENGTH>();
    let keys = keys
        .iter()
        .map(|[a, b, c, d, e, f]| u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]));
    keys.collect()
}

/// Keys without those of some entries of the run.
fn without(bytes: &[u8], level: Level, indexes: &BTreeSet<i64>) -> Vec<u8> {
    let places: BTreeSet<u64> = indexes.iter().map(|idx| *idx as u64 % level.entries()).collect();
    let (_, rest) = bytes.as_chunks::<LENGTH>();
    let mut kept = unpacked(bytes);
    kept.retain(|key| !places.contains(&level.place(*key)));
    let mut kept = packed(kept);
    kept.extend(rest);
    kept
}

/// Tells the places of the keys that hold one of these hashes, both in order: the fewer are looked for among the others.
fn holding(keys: &[u64], wanted: &[u64], level: Level, mut tell: impl FnMut(u64)) {
    let rest = |key: &u64| *key >> level.place_bits();
    if wanted.len() < keys.len() / 8 {
        for hash in wanted {
            let first = keys.partition_point(|key| rest(key) < *hash);
            let same = keys.get(first..).unwrap_or_default().iter();
            same.take_while(|key| rest(key) == *hash)
                .for_each(|key| tell(level.place(*key)));
        }
    } else {
        let held = keys.iter().filter(|key| wanted.binary_search(&rest(key)).is_ok());
        held.for_each(|key| tell(level.place(*key)));
    }
}

/// Hash of a value: FNV-1a of 64 bits, folded to 39.
/// Source: <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv-17.html>.
fn hash(value: &str) -> u64 {
    let mut hasher = FnvHasher::default();
    hasher.write(value.as_bytes());
    let hash = hasher.finish();
    (hash ^ (hash >> HASH_BITS)) & ((1 << HASH_BITS) - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::RUN;

    fn row(value: &str, kind: &str, idx: i64) -> ReferenceRow {
        ReferenceRow {
            value: value.to_owned(),
            kind: kind.to_owned(),
            idx,
        }
    }

    #[test]
    fn a_value_is_hashed_as_everywhere_else() {
        // From the test vectors of the draft: 0xaf63dc4c8601ec8c.
        let folded = (0xaf63_dc4c_8601_ec8c_u64 ^ 0x015e_c7b8) & 0x7f_ffff_ffff;
        assert_eq!(hash("a"), folded);
        let places = Level::ALL.map(|level| Sought::of("a", level));
        let whole = places.map(|at| (at.bucket as u64) << at.level.rest_bits() | at.rest);
        assert_eq!(whole, [folded; 3]);
    }

    proptest! {
        #[test]
        fn every_value_is_found_in_its_bucket_and_no_other_place(
            named in proptest::collection::vec(("[a-d]{1,3}", 0..RUN as i64), 0..200),
            asked in proptest::collection::btree_set("[a-e]{1,3}", 0..100),
        ) {
            let rows: Vec<ReferenceRow> = named.iter().map(|(value, idx)| row(value, "commit", *idx)).collect();
            let hashes = RunHashes::of(&rows);
            let mut found = BTreeSet::new();
            for value in &asked {
                let sought = Sought::of(value, Level::LOWEST);
                let keys = unpacked(&hashes.buckets()[sought.bucket as usize]);
                prop_assert!(keys.is_sorted());
                holding(&keys, &[sought.rest], Level::LOWEST, |place| {
                    found.insert(place);
                });
                // The same however many are asked for.
                let mut many: Vec<u64> = (0..1000).map(|other| sought.rest ^ (other << 12)).collect();
                many.sort_unstable();
                let (mut one, mut among) = (BTreeSet::new(), BTreeSet::new());
                holding(&keys, &[sought.rest], Level::LOWEST, |place| { one.insert(place); });
                holding(&keys, &many, Level::LOWEST, |place| { among.insert(place); });
                prop_assert!(one.is_subset(&among));
            }
            let wanted = rows.iter().filter(|row| asked.contains(&row.value)).map(|row| row.idx as u64);
            prop_assert_eq!(found, wanted.collect::<BTreeSet<_>>());
        }

        #[test]
        fn without_an_entry_it_is_as_if_that_had_named_nothing(
            named in proptest::collection::vec(("[a-d]{1,3}", 0..20_i64), 0..100),
            gone in 0..20_i64,
        ) {
            let rows: Vec<ReferenceRow> = named.iter().map(|(value, idx)| row(value, "commit", *idx)).collect();
            let left = rows.iter().filter(|row| row.idx != gone);
            let (all, left) = (RunHashes::of(&rows), RunHashes::of(left));
            for (all, left) in all.buckets().iter().zip(left.buckets()) {
                prop_assert_eq!(&without(all, Level::LOWEST, &BTreeSet::from([gone])), left);
            }
        }
    }

    #[test]
    fn what_is_sought_by_its_beginning_is_not_hashed() {
        let rows = [
            row("production\u{1f}payments", PLACE, 1),
            row("ci\u{1f}\u{1f}7", SEQUENCE, 2),
        ];
        assert_eq!(RunHashes::of(&rows), RunHashes::of([]));
    }
}
