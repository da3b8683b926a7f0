//! Where whole values stand in complete runs: of each value its hash and the place of its entry within the run.
//!
//! The hashes of a run lie in buckets, and those of one bucket beside each other for all runs, so that a value is looked up with
//! one read in order, and many values with one read of everything. A hash is a hint: what it leads to is compared with the value.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;

use diesel::prelude::*;
use fnv::FnvHasher;

use super::append::{HashRow, append};
use super::connection::each;
use super::references::{PLACE, SEQUENCE};
use super::schema::reference_hash;
use super::{RUN, ReadTx, ReferenceRow, StoreError, WriteTx};

/// Buckets of a run.
pub const BUCKETS: usize = 128;
/// Bytes of a hash with its place: four and two, the greatest first.
const LENGTH: usize = 6;
/// Buckets that one query reads.
const AT_ONCE: usize = 16;

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
            let (bucket, hash) = hash(&row.value);
            buckets[usize::from(bucket)].push(pair(hash, row.idx));
        }
        let sorted = buckets.into_iter().map(|mut pairs: Vec<[u8; LENGTH]>| {
            pairs.sort_unstable();
            pairs.dedup();
            pairs.concat()
        });
        Self(sorted.collect())
    }

    /// The buckets, in order.
    pub fn buckets(&self) -> &[Vec<u8>] {
        &self.0
    }

    /// Whether these are the first buckets of a run, leaving out what some entries say. As they are stored: with their numbers.
    pub fn begin_with(&self, stored: &[(i32, Vec<u8>)], ignored: &BTreeSet<i64>) -> bool {
        let mut buckets = (0..).zip(&self.0);
        stored.iter().all(|(bucket, pairs)| {
            let same = |known: &[u8]| without(known, ignored) == without(pairs, ignored);
            buckets
                .next()
                .is_some_and(|(number, known)| number == *bucket && same(known))
        })
    }
}

impl ReadTx<'_> {
    /// Entries of the first `runs` runs that may hold one of these values.
    pub(super) fn hashed<'v>(
        &mut self,
        values: impl Iterator<Item = &'v str>,
        runs: i64,
    ) -> Result<BTreeSet<i64>, StoreError> {
        if runs == 0 {
            return Ok(BTreeSet::new());
        }
        let mut wanted: BTreeMap<i32, Vec<u32>> = BTreeMap::new();
        for (bucket, hash) in values.map(hash) {
            wanted.entry(i32::from(bucket)).or_default().push(hash);
        }
        for hashes in wanted.values_mut() {
            hashes.sort_unstable();
            hashes.dedup();
        }
        let buckets: Vec<i32> = wanted.keys().copied().collect();
        let mut found = BTreeSet::new();
        for some in buckets.chunks(AT_ONCE) {
            let query = reference_hash::table
                .filter(reference_hash::bucket.eq_any(some).and(reference_hash::run.lt(runs)))
                .select((reference_hash::bucket, reference_hash::run, reference_hash::hashes));
            let rows: Vec<(i32, i64, Vec<u8>)> = each!(self.connection, c => query.load(c))?;
            for (bucket, run, hashes) in rows {
                let (pairs, _) = hashes.as_chunks::<LENGTH>();
                if let Some(wanted) = wanted.get(&bucket) {
                    holding(pairs, wanted, |place| {
                        found.insert(run * RUN as i64 + i64::from(place));
                    });
                }
            }
        }
        Ok(found)
    }

    /// The hashes of a run that are stored, by bucket.
    pub fn run_hashes(&mut self, run: u64) -> Result<Vec<(i32, Vec<u8>)>, StoreError> {
        let query = reference_hash::table
            .filter(reference_hash::bucket.eq_any(0..BUCKETS as i32))
            .filter(reference_hash::run.eq(run as i64))
            .order(reference_hash::bucket)
            .select((reference_hash::bucket, reference_hash::hashes));
        Ok(each!(self.connection, c => query.load(c))?)
    }
}

impl WriteTx<'_> {
    /// Adds the next buckets of a run, from `first` on.
    pub fn append_hashes(&mut self, run: u64, first: usize, buckets: &[Vec<u8>]) -> Result<(), StoreError> {
        let rows: Vec<HashRow<'_>> = (first..)
            .zip(buckets)
            .map(|(bucket, hashes)| HashRow {
                bucket: bucket as i32,
                run: run as i64,
                hashes,
            })
            .collect();
        append::<HashRow<'_>, _>(self.connection, &rows)
    }

    /// Takes away the hashes of what an entry is found by.
    pub(super) fn erase_hashes(&mut self, idx: i64) -> Result<(), StoreError> {
        let run = idx / RUN as i64;
        let erased = BTreeSet::from([idx]);
        for (bucket, before) in self.reading().run_hashes(run as u64)? {
            let after = without(&before, &erased);
            if after != before {
                let row = reference_hash::table.find((bucket, run));
                let set = reference_hash::hashes.eq(after);
                each!(&mut *self.connection, c => diesel::update(row).set(set).execute(c))?;
            }
        }
        Ok(())
    }
}

/// Pairs without those of some entries of the run.
fn without(pairs: &[u8], indexes: &BTreeSet<i64>) -> Vec<u8> {
    let places: BTreeSet<u16> = indexes.iter().map(|idx| place_of(*idx)).collect();
    let (whole, rest) = pairs.as_chunks::<LENGTH>();
    let kept = whole.iter().filter(|pair| !places.contains(&parts(pair).1));
    let mut kept: Vec<u8> = kept.flatten().copied().collect();
    kept.extend(rest);
    kept
}

/// Tells the places of the pairs that hold one of these hashes, both in order: the fewer are looked for among the others.
fn holding(pairs: &[[u8; LENGTH]], wanted: &[u32], mut tell: impl FnMut(u16)) {
    if wanted.len() < pairs.len() / 8 {
        for hash in wanted {
            let first = pairs.partition_point(|pair| parts(pair).0 < *hash);
            let same = pairs.get(first..).unwrap_or_default().iter().map(parts);
            same.take_while(|(found, _)| found == hash)
                .for_each(|(_, place)| tell(place));
        }
    } else {
        let held = pairs.iter().map(parts);
        held.filter(|(hash, _)| wanted.binary_search(hash).is_ok())
            .for_each(|(_, place)| tell(place));
    }
}

/// Bucket and hash of a value: FNV-1a of 64 bits, folded and cut to 39.
/// Source: <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv-17.html>.
fn hash(value: &str) -> (u8, u32) {
    let mut hasher = FnvHasher::default();
    hasher.write(value.as_bytes());
    let hash = hasher.finish();
    let folded = hash ^ (hash >> 40);
    (folded as u8 % BUCKETS as u8, (folded >> 8) as u32)
}

fn place_of(idx: i64) -> u16 {
    (idx % RUN as i64) as u16
}

fn pair(hash: u32, idx: i64) -> [u8; LENGTH] {
    let ([a, b, c, d], [e, f]) = (hash.to_be_bytes(), place_of(idx).to_be_bytes());
    [a, b, c, d, e, f]
}

fn parts(&[a, b, c, d, e, f]: &[u8; LENGTH]) -> (u32, u16) {
    (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([e, f]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        let folded: u64 = 0xaf63_dc4c_8601_ec8c ^ 0x00af_63dc;
        assert_eq!(hash("a"), (folded as u8 % 128, (folded >> 8) as u32));
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
                let (bucket, hash) = hash(value);
                let (pairs, rest) = hashes.buckets()[usize::from(bucket)].as_chunks::<LENGTH>();
                prop_assert!(rest.is_empty() && pairs.is_sorted());
                holding(pairs, &[hash], |place| {
                    found.insert(place);
                });
                // The same however many are asked for.
                let mut many: Vec<u32> = (0..1000).map(|other| hash ^ (other << 12)).collect();
                many.sort_unstable();
                let (mut one, mut among) = (BTreeSet::new(), BTreeSet::new());
                holding(pairs, &[hash], |place| { one.insert(place); });
                holding(pairs, &many, |place| { among.insert(place); });
                prop_assert!(one.is_subset(&among));
            }
            let wanted = rows.iter().filter(|row| asked.contains(&row.value)).map(|row| place_of(row.idx));
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
                prop_assert_eq!(&without(all, &BTreeSet::from([gone])), left);
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
