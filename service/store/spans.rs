//! What was said in many places, by one question for all of them: PostgreSQL takes longer to be asked than to answer. Each place
//! is sought in an index, as in `places.rs`.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::connection::{Connection, each};
use super::places::{IS_ASTRAY, IS_EVIDENCE, IS_OF_DEPLOYMENT, IS_RARE, IS_SUCCESS, STRAY_MS};
use super::{EventRow, Place, ReadTx, StoreError};

/// A part of what was said in a place: from an index or a time up to, and not including, another.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// The place.
    pub place: Place<'a>,
    /// Where it begins: an index, or Unix ms.
    pub from: i64,
    /// What it ends before.
    pub to: i64,
}

impl<'a> Span<'a> {
    /// All of a place, below a tree size.
    pub fn whole(place: Place<'a>, tree_size: u64) -> Self {
        Self {
            place,
            from: 0,
            to: tree_size as i64,
        }
    }

    /// What is after a part of the log, below a tree size.
    pub fn after(&self, tree_size: u64) -> Self {
        Self {
            from: self.to,
            to: tree_size as i64,
            ..*self
        }
    }

    /// What is before a part of the log.
    pub fn before(&self) -> Self {
        Self {
            from: 0,
            to: self.from,
            ..*self
        }
    }
}

/// A commit that an entry names.
#[derive(Debug, QueryableByName)]
pub struct Named {
    /// The commit.
    #[diesel(sql_type = Text)]
    pub value: String,
    /// The entry.
    #[diesel(sql_type = BigInt)]
    pub idx: i64,
}

impl ReadTx<'_> {
    /// What was said about deployments and claims to have happened in one of these times.
    pub fn said_between(&mut self, times: &[Span<'_>], tree_size: u64) -> Result<Vec<EventRow>, StoreError> {
        let rows = self.claimed_in(IS_OF_DEPLOYMENT, tree_size);
        self.rows_among(times, &rows)
    }

    /// The same, of what says that a deployment has yet to end.
    pub fn announced_between(&mut self, times: &[Span<'_>], tree_size: u64) -> Result<Vec<EventRow>, StoreError> {
        let announces = format!("{IS_OF_DEPLOYMENT} AND event.predicate IN ('queued', 'started')");
        let rows = self.claimed_in(&announces, tree_size);
        self.rows_among(times, &rows)
    }

    /// What was last said about deployments of each of these places before a time, by claim and by record; at most `limit` of each.
    pub fn last_said_before(
        &mut self,
        times: &[Span<'_>],
        tree_size: u64,
        limit: usize,
    ) -> Result<Vec<EventRow>, StoreError> {
        let wanted = format!(
            "event.environment = near.environment AND event.service = near.service \
             AND event.idx < near.from_idx AND event.idx < {tree_size} AND event.occurred_ms < near.low AND {IS_OF_DEPLOYMENT}"
        );
        let begin = after("asked.low - 1", tree_size);
        let rows = format!(
            "WITH near AS MATERIALIZED (SELECT asked.*, {begin} AS from_idx FROM asked) {}",
            self.of_each("near", &wanted, Some(Most::Last(limit)))
        );
        self.rows_among(times, &rows)
    }

    /// What was said about deployments and recorded in one of these times, and claims to have happened at another.
    pub fn recorded_between(&mut self, times: &[Span<'_>], tree_size: u64) -> Result<Vec<EventRow>, StoreError> {
        let elsewhere =
            format!("{IS_OF_DEPLOYMENT} AND NOT (event.occurred_ms >= near.low AND event.occurred_ms < near.high)");
        let rows = self.recorded_in(&elsewhere, tree_size);
        self.rows_among(times, &rows)
    }

    /// The commits that deployments are said to have brought, of what claims to have happened in one of these times.
    pub fn commits_between(&mut self, times: &[Span<'_>], tree_size: u64) -> Result<Vec<Named>, StoreError> {
        let rows = self.claimed_in(IS_OF_DEPLOYMENT, tree_size);
        let named = format!(
            "SELECT value, idx FROM reference WHERE kind = 'commit' AND idx IN (SELECT idx FROM ({rows}) AS said)"
        );
        self.among(times, &named)
    }

    /// Evidence about these places that was recorded in one of these times: of this subject.
    pub fn evidence_between(
        &mut self,
        times: &[Span<'_>],
        subject: &'static str,
        tree_size: u64,
    ) -> Result<Vec<EventRow>, StoreError> {
        let rows = self.recorded_in(&format!("{IS_EVIDENCE} AND event.subject = '{subject}'"), tree_size);
        self.rows_among(times, &rows)
    }

    /// Successes in these parts of the log.
    pub fn successes_within(&mut self, spans: &[Span<'_>]) -> Result<Vec<EventRow>, StoreError> {
        self.some_of_each(spans, IS_SUCCESS, None)
    }

    /// The last successes of each part of the log, at most `limit` of each.
    pub fn last_successes(&mut self, spans: &[Span<'_>], limit: usize) -> Result<Vec<EventRow>, StoreError> {
        self.some_of_each(spans, IS_SUCCESS, Some(Most::Last(limit)))
    }

    /// The first successes of each part of the log, at most `limit` of each.
    pub fn first_successes(&mut self, spans: &[Span<'_>], limit: usize) -> Result<Vec<EventRow>, StoreError> {
        self.some_of_each(spans, IS_SUCCESS, Some(Most::First(limit)))
    }

    /// What was last said about deployments in each part of the log, at most `limit` of each.
    pub fn last_said(&mut self, spans: &[Span<'_>], limit: usize) -> Result<Vec<EventRow>, StoreError> {
        self.some_of_each(spans, IS_OF_DEPLOYMENT, Some(Most::Last(limit)))
    }

    /// The newest evidence of a type, by its subject and predicate, about the service of each part of the log: in its environment,
    /// and in none. At most `limit` of each.
    pub fn last_evidence(
        &mut self,
        spans: &[Span<'_>],
        (subject, predicate): (&'static str, &'static str),
        limit: usize,
    ) -> Result<Vec<EventRow>, StoreError> {
        let kind = format!("{IS_EVIDENCE} AND event.subject = '{subject}' AND event.predicate = '{predicate}'");
        let mut rows = self.some_of_each(spans, &kind, Some(Most::Last(limit)))?;
        rows.extend(self.some_where(spans, &in_span(NOWHERE), &kind, Some(Most::Last(limit)))?);
        Ok(rows)
    }

    /// The newest words about incidents of the service of each part of the log, at most `limit` of each.
    pub fn last_incidents(&mut self, spans: &[Span<'_>], limit: usize) -> Result<Vec<EventRow>, StoreError> {
        let incident = "event.subject = 'incident'";
        self.some_where(spans, &in_span(IS_RARE), incident, Some(Most::Last(limit)))
    }

    /// The newest changes of the service of each part of the log that were merged, at most `limit` of each.
    pub fn last_merged(&mut self, spans: &[Span<'_>], limit: usize) -> Result<Vec<EventRow>, StoreError> {
        let merged = "event.subject = 'change' AND event.predicate = 'merged'";
        self.some_where(spans, &in_span(NOWHERE), merged, Some(Most::Last(limit)))
    }

    fn some_of_each(
        &mut self,
        spans: &[Span<'_>],
        kind: &str,
        most: Option<Most>,
    ) -> Result<Vec<EventRow>, StoreError> {
        self.some_where(spans, &in_span("event.environment = asked.environment"), kind, most)
    }

    fn some_where(
        &mut self,
        spans: &[Span<'_>],
        there: &str,
        kind: &str,
        most: Option<Most>,
    ) -> Result<Vec<EventRow>, StoreError> {
        let rows = self.of_each("asked", &format!("{there} AND {kind}"), most);
        self.rows_among(spans, &rows)
    }

    /// The events that are wanted of each row of a table.
    fn of_each(&self, table: &str, wanted: &str, most: Option<Most>) -> String {
        let limit = most.map(Most::limit).unwrap_or_default();
        match (&self.connection, most) {
            (Connection::Sqlite(_), None) => format!("SELECT event.* FROM {table} CROSS JOIN event WHERE {wanted}"),
            (Connection::Sqlite(_), Some(_)) => format!(
                "SELECT each.* FROM {table} CROSS JOIN event AS each \
                 WHERE each.idx IN (SELECT event.idx FROM event WHERE {wanted} {limit})"
            ),
            // An offset keeps the planner from joining all events with the table.
            (Connection::Postgres(_), _) => format!(
                "SELECT each.* FROM {table} \
                 CROSS JOIN LATERAL (SELECT event.* FROM event WHERE {wanted} {limit} OFFSET 0) AS each"
            ),
        }
    }

    /// Events of a kind that claim to have happened between the times asked for: those recorded near then, and those
    /// astray.
    fn claimed_in(&self, kind: &str, tree_size: u64) -> String {
        let here = "event.environment = near.environment AND event.service = near.service \
                    AND event.occurred_ms >= near.low AND event.occurred_ms < near.high";
        let recorded_near = format!(
            "{here} AND event.idx >= near.first_idx AND event.idx < near.last_idx AND event.idx < {tree_size} AND {kind}"
        );
        let astray = format!("{here} AND event.idx < {tree_size} AND {IS_ASTRAY} AND {kind}");
        format!(
            "{} {} UNION ALL {}",
            near(tree_size),
            self.of_each("near", &recorded_near, None),
            self.of_each("near", &astray, None),
        )
    }

    /// Events of a kind that were recorded between the times asked for.
    fn recorded_in(&self, kind: &str, tree_size: u64) -> String {
        let recorded = format!(
            "event.environment = near.environment AND event.service = near.service \
             AND event.idx >= near.first_idx AND event.idx < near.last_idx AND event.idx < {tree_size} \
             AND event.recorded_ms >= near.low AND event.recorded_ms < near.high AND {kind}"
        );
        format!("{} {}", near(tree_size), self.of_each("near", &recorded, None))
    }

    /// Each event once, in order of index.
    fn rows_among(&mut self, spans: &[Span<'_>], query: &str) -> Result<Vec<EventRow>, StoreError> {
        let mut rows: Vec<EventRow> = self.among(spans, query)?;
        rows.sort_unstable_by_key(|row| row.idx);
        rows.dedup_by_key(|row| row.idx);
        Ok(rows)
    }

    /// What a query gives that may speak of the spans as a table `asked`.
    fn among<T>(&mut self, spans: &[Span<'_>], query: &str) -> Result<Vec<T>, StoreError>
    where
        T: QueryableByName<diesel::sqlite::Sqlite> + QueryableByName<diesel::pg::Pg> + Send + 'static,
    {
        if spans.is_empty() {
            return Ok(Vec::new());
        }
        let list = |span: &Span<'_>| {
            let Place { service, environment } = span.place;
            serde_json::json!([environment, service, span.from, span.to])
        };
        let list = serde_json::Value::from_iter(spans.iter().map(list)).to_string();
        let elements = match self.connection {
            Connection::Sqlite(_) => "json_each($1)",
            Connection::Postgres(_) => "jsonb_array_elements(CAST($1 AS jsonb)) AS element (value)",
        };
        let query = format!(
            "WITH asked (environment, service, low, high) AS MATERIALIZED (
                 SELECT value ->> 0, value ->> 1, CAST(value ->> 2 AS BIGINT), CAST(value ->> 3 AS BIGINT)
                 FROM {elements}
             ) SELECT * FROM ({query}) AS wanted"
        );
        let query = diesel::sql_query(query).bind::<Text, _>(list);
        Ok(each!(self.connection, c => query.load(c))?)
    }
}

/// How many of each, and which.
#[derive(Debug, Clone, Copy)]
enum Most {
    First(usize),
    Last(usize),
}

impl Most {
    fn limit(self) -> String {
        match self {
            Self::First(limit) => format!("ORDER BY event.idx LIMIT {limit}"),
            Self::Last(limit) => format!("ORDER BY event.idx DESC LIMIT {limit}"),
        }
    }
}

/// Whether an event is of no environment.
const NOWHERE: &str = "event.environment IS NULL";

/// Whether an event is of the service and between the indexes that are asked for, where something holds of its environment.
fn in_span(environment: &str) -> String {
    format!("{environment} AND event.service = asked.service AND event.idx >= asked.low AND event.idx < asked.high")
}

/// The times that are asked for, each with the part of the log that was recorded near it, as a table `near`.
fn near(tree_size: u64) -> String {
    format!(
        "WITH near AS MATERIALIZED (SELECT asked.*, {} AS first_idx, {} AS last_idx FROM asked)",
        after(&format!("asked.low - {}", STRAY_MS + 1), tree_size),
        after(&format!("asked.high + {STRAY_MS}"), tree_size),
    )
}

/// Index of the first entry that was recorded after a time.
fn after(ms: &str, tree_size: u64) -> String {
    format!(
        "coalesce((SELECT event.idx FROM event WHERE event.recorded_ms > {ms}
                   ORDER BY event.recorded_ms, event.idx LIMIT 1), {tree_size})"
    )
}
