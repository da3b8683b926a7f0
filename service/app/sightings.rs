//! Loads what completeness of a time is told from: what was seen and deployed then, and more of the services of which anything was
//! found. It tells the same as the whole ledger, and costs what happened in the time.

use std::collections::{BTreeMap, BTreeSet};

use super::completeness::numbers;
use super::deployed::{Deployed, at};
use super::metrics::recorded_until;
use super::period::places;
use crate::domain::sequence::{MOST, Numbered, Sequence};
use crate::domain::snapshot::{self, Snapshot};
use crate::domain::{EnvironmentName, Instant, ServiceName};
use crate::reconcile::{Completeness, Finding, Heard, Input, Query, ROLLOUT_MS, SKEW_MS, reconcile, troubled};
use crate::store::{EventRow, ReadTx, Span, StoreError};

/// Snapshots before the time, or after it, that are read first. The sources of those before it may be silent since.
const BESIDE: i64 = 64;
/// The last statements of a place before the time, whose sources may be silent since too. One after which others said so much is taken for
/// replaced.
const LAST_SAID: usize = 20;

/// The answer to a question about a time that begins at `from`.
pub(super) fn of_time(
    tx: &mut ReadTx<'_>,
    query: &Query,
    from: Instant,
    size: u64,
) -> Result<Completeness, StoreError> {
    let (mut seen, taken, earlier) = Sightings::of(tx, query, from, size)?;
    let mut deployed = Deployed::new(tx, size);
    let mut asked = add_deployments(&mut deployed, query, seen.begin().min(from))?;
    asked.retain(|row| query.contains(Instant::from_millis(row.occurred_ms)));
    asked.extend(taken);
    let before = heard_before(deployed.tx, query, from, earlier, size)?;
    let heard = heard(deployed.tx, asked)?;
    let numbered = numbered(deployed.tx, &heard, size)?;
    let recorded_until = recorded_until(deployed.tx, size)?;
    let rest = Input {
        tree_size: size,
        recorded_until,
        deployments: &[],
        snapshots: &[],
        heard: &heard,
        heard_before: &before,
        numbered: &numbered,
    };
    let services = troubled(
        query,
        &Input {
            deployments: &deployed.fold(),
            snapshots: &seen.snapshots,
            ..rest
        },
    );
    for service in &services {
        // Whatever was ever deployed of these counts.
        let rows = deployed
            .tx
            .said_in(at(service, &query.environment), 0, size as i64, size)?;
        deployed.add(rows)?;
    }
    loop {
        let answer = reconcile(
            query,
            &Input {
                deployments: &deployed.fold(),
                snapshots: &seen.snapshots,
                ..rest
            },
        );
        if services.is_empty() || !seen.extend(deployed.tx, &answer, &services)? {
            return Ok(answer);
        }
    }
}

/// Snapshots of an environment, from one time to another.
struct Sightings {
    environment: EnvironmentName,
    size: u64,
    /// In ledger order.
    snapshots: Vec<Snapshot>,
    /// Those taken before this were not read, where there are any; Unix ms.
    first_ms: Option<i64>,
    /// Nor those from this on.
    next_ms: Option<i64>,
    /// How many are read next.
    reach: i64,
}

impl Sightings {
    /// Those of the time, and some before; and the rows of both.
    fn of(
        tx: &mut ReadTx<'_>,
        query: &Query,
        from: Instant,
        size: u64,
    ) -> Result<(Self, Vec<EventRow>, Vec<EventRow>), StoreError> {
        let (from_ms, next_ms) = (from.as_millis(), query.to.map(Instant::as_millis));
        let environment = query.environment.as_str();
        let taken = tx.snapshots_between(environment, (from_ms, next_ms.unwrap_or(i64::MAX)), size)?;
        let before = tx.snapshots_before(environment, from_ms, size, BESIDE)?;
        let mut seen = Self {
            environment: query.environment.clone(),
            size,
            snapshots: Vec::new(),
            first_ms: before.first().map(|row| row.occurred_ms),
            next_ms,
            reach: BESIDE * 4,
        };
        seen.add(tx, before.clone(), |snapshot| snapshot)?;
        seen.add(tx, taken.clone(), |snapshot| snapshot)?;
        Ok((seen, taken, before))
    }

    /// When the first was taken.
    fn begin(&self) -> Instant {
        let times = self.snapshots.iter().map(|snapshot| snapshot.observed_at);
        times.min().unwrap_or(Instant::from_millis(i64::MAX))
    }

    /// Reads more of these services, if what was found may have begun before the first or ended after the last. Whether there is more.
    fn extend(
        &mut self,
        tx: &mut ReadTx<'_>,
        answer: &Completeness,
        services: &BTreeSet<ServiceName>,
    ) -> Result<bool, StoreError> {
        let (environment, size, reach) = (self.environment.as_str(), self.size, self.reach);
        let mut rows = Vec::new();
        if let Some(first_ms) = self.first_ms
            && answer.findings.iter().any(|finding| self.began_with(finding))
        {
            rows = tx.snapshots_before(environment, first_ms, size, reach)?;
            self.first_ms = rows.first().map(|row| row.occurred_ms);
        }
        if let Some(next_ms) = self.next_ms
            && answer.open > 0
        {
            let after = tx.snapshots_from(environment, next_ms, size, reach)?;
            self.next_ms = after.last().map(|row| row.occurred_ms + 1);
            rows.extend(after);
        }
        self.reach *= 4;
        let more = !rows.is_empty();
        self.add(tx, rows, |snapshot| snapshot.limited_to(services))?;
        Ok(more)
    }

    /// Whether the first snapshot of the service shows it.
    fn began_with(&self, finding: &Finding) -> bool {
        let theirs = self
            .snapshots
            .iter()
            .filter(|snapshot| snapshot.speaks_of(&finding.service));
        let first = theirs.min_by_key(|snapshot| (snapshot.observed_at, snapshot.index));
        first.is_some_and(|first| first.index == finding.opened.index)
    }

    fn add(
        &mut self,
        tx: &mut ReadTx<'_>,
        rows: Vec<EventRow>,
        taken_as: impl Fn(Snapshot) -> Snapshot,
    ) -> Result<(), StoreError> {
        let read = snapshot::fold(&tx.recorded_rows(&rows)?);
        self.snapshots.extend(read.into_iter().map(taken_as));
        self.snapshots.sort_unstable_by_key(|snapshot| snapshot.index);
        Ok(())
    }
}

/// Adds what ran from a time on, and before it on every place. Gives what was said from shortly before it.
fn add_deployments(
    deployed: &mut Deployed<'_, '_>,
    query: &Query,
    first: Instant,
) -> Result<Vec<EventRow>, StoreError> {
    let (tx, size) = (&mut *deployed.tx, deployed.size);
    let services = tx.services(size)?;
    let here = BTreeSet::from([query.environment.clone()]);
    let from = first.plus_millis(-ROLLOUT_MS - SKEW_MS);
    let to = query.to.map_or(i64::MAX / 2, |to| to.plus_millis(SKEW_MS).as_millis());
    let times = places(&services, &here).map(|place| Span {
        place,
        from: from.as_millis(),
        to,
    });
    let said = tx.said_between(&times.collect::<Vec<_>>(), size)?;
    let before = tx.newest_successes(query.environment.as_str(), Some(from.as_millis()), size)?;
    let mut rows = tx.events_of(&before)?;
    rows.extend(said.iter().cloned());
    deployed.add(rows)?;
    deployed.add_history(|_| true)?;
    Ok(said)
}

/// What was last sent before the time about each place, beside these snapshots; and what was recorded in the time and claims to be
/// older.
fn heard_before(
    tx: &mut ReadTx<'_>,
    query: &Query,
    from: Instant,
    mut rows: Vec<EventRow>,
    size: u64,
) -> Result<Vec<Heard>, StoreError> {
    let (services, here) = (tx.services(size)?, BTreeSet::from([query.environment.clone()]));
    let (from_ms, to_ms) = (from.as_millis(), query.to.map_or(i64::MAX / 2, Instant::as_millis));
    let spans = places(&services, &here).map(|place| Span {
        place,
        from: from_ms,
        to: to_ms,
    });
    let spans: Vec<Span<'_>> = spans.collect();
    rows.extend(tx.recorded_between(&spans, size)?);
    rows.extend(tx.last_said_before(&spans, size, LAST_SAID)?);
    rows.retain(|row| row.occurred_ms < from_ms && row.recorded_ms < to_ms);
    tx.count_as_read(&rows);
    heard(tx, rows)
}

/// That these entries were sent. How long a source may be silent is read from the last of each.
fn heard(tx: &mut ReadTx<'_>, mut rows: Vec<EventRow>) -> Result<Vec<Heard>, StoreError> {
    rows.sort_unstable_by_key(|row| row.idx);
    rows.dedup_by_key(|row| row.idx);
    let last: BTreeMap<&str, i64> = rows.iter().map(|row| (row.source.as_str(), row.idx)).collect();
    let last = tx.recorded(&last.into_values().collect())?;
    let last: BTreeMap<u64, Heard> = last.iter().map(|record| (record.index, Heard::of(record))).collect();
    let heard = rows.into_iter().map(|row| {
        let index = row.idx as u64;
        let found = last.get(&index).cloned();
        found.unwrap_or_else(|| Heard {
            index,
            source: row.source,
            producer: row.producer.parse().ok(),
            recorded_at: Instant::from_millis(row.recorded_ms),
            next_within_s: None,
        })
    });
    Ok(heard.collect())
}

/// The numbers that these sources gave between the first and the last of what was heard, and the next on either side.
fn numbered(tx: &mut ReadTx<'_>, heard: &[Heard], size: u64) -> Result<Vec<Numbered>, StoreError> {
    let indexes: Vec<i64> = heard.iter().map(|heard| heard.index as i64).collect();
    let values = tx.numbers_of(&indexes)?;
    let theirs = values
        .iter()
        .filter_map(|(value, index)| Numbered::parse(value, *index as u64));
    let mut bounds: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    for one in theirs {
        let number = one.number;
        let (first, last) = bounds.entry((one.source, one.series)).or_insert((number, number));
        (*first, *last) = (number.min(*first), number.max(*last));
    }
    let mut all = Vec::new();
    for ((source, series), (first, last)) in bounds {
        let mut between = |first: u64, last: u64| {
            let value = |number| Sequence::value_of(&source, &series, number);
            numbers(tx, &value(first), &value(last), size)
        };
        all.extend(between(first, last)?);
        let (mut before, mut after, mut step) = (Vec::new(), Vec::new(), 1);
        while before.is_empty() && step / 16 < first {
            before = between(first.saturating_sub(step), first - 1)?;
            step *= 16;
        }
        step = 1;
        while after.is_empty() && last < MOST && step < MOST {
            after = between(last + 1, (last + step).min(MOST))?;
            step *= 16;
        }
        all.extend(before);
        all.extend(after);
    }
    Ok(all)
}
