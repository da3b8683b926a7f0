//! The read models: one row of columns for each event, and the values it can be found by.

use std::collections::BTreeSet;

use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, ValidGrouping, is_aggregate};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{Bool, HasSqlType, Text};

use super::append::append;
use super::connection::each;
use super::places::coalesce;
use super::references::{PLACE, after, place};
use super::schema::{event, reference_run};
use super::{ROWS_PER_INSERT, ReadTx, StoreError, WriteTx};

/// Runs that one query for the events of a place looks into: few enough that a page of a long list reads no more.
const RUNS_AT_ONCE: usize = 64;

/// What an event says, in columns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Queryable, QueryableByName, Insertable, Selectable)]
#[diesel(table_name = event, treat_none_as_default_value = false)]
pub struct EventRow {
    /// Index of its entry.
    pub idx: i64,
    /// `context.id`.
    pub event_id: String,
    /// `context.source`.
    pub source: String,
    /// Who signed it.
    pub producer: String,
    /// `context.type`.
    pub event_type: String,
    /// Subject part of the type.
    pub subject: String,
    /// Predicate part of the type.
    pub predicate: String,
    /// `subject.id`.
    pub subject_id: String,
    /// The deployment or the incident that it says something about.
    pub about: Option<String>,
    /// `context.chainId`, where it says something about a deployment.
    pub chain: Option<String>,
    /// The deployment, incident or change that it names: as what it repairs, as its cause, or as what was decided about.
    pub names: Option<String>,
    /// The service it is about.
    pub service: Option<String>,
    /// The environment it is about.
    pub environment: Option<String>,
    /// How it ended, for what ends.
    pub outcome: Option<String>,
    /// When it happened, as claimed, Unix ms.
    pub occurred_ms: i64,
    /// When it was sequenced, Unix ms.
    pub recorded_ms: i64,
    /// Whether it changes who may do what.
    pub administrative: bool,
}

/// Which events to list. Every part that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// The service they are about.
    pub service: Option<String>,
    /// The environment they are about.
    pub environment: Option<String>,
    /// Their whole type.
    pub event_type: Option<String>,
    /// Who signed them.
    pub producer: Option<String>,
    /// Claimed not before this, Unix ms.
    pub from_ms: Option<i64>,
    /// Claimed before this, Unix ms.
    pub to_ms: Option<i64>,
}

/// An entry that holds an event id: event id, source, producer, index.
pub type Known = (String, String, String, i64);

impl ReadTx<'_> {
    /// Events below `before`, newest first, at most `limit`.
    pub fn events(&mut self, filter: &EventFilter, before: u64, limit: i64) -> Result<Vec<EventRow>, StoreError> {
        if filter.environment.is_none() {
            return self.events_among(filter, None, 0, before, limit);
        }
        // What is in no run yet is little; before that, the runs name the events of a place.
        let runs = self.runs()?;
        let mut rows = self.events_among(filter, None, after(&runs), before, limit)?;
        for some in runs.rchunks(RUNS_AT_ONCE) {
            let missing = limit.saturating_sub(rows.len() as i64);
            if missing <= 0 {
                break;
            }
            rows.extend(self.events_among(filter, Some(some), 0, before, missing)?);
        }
        Ok(rows)
    }

    /// Events from `start` below `before` that the filter lets through, newest first; of those that `runs` name, if given.
    fn events_among(
        &mut self,
        filter: &EventFilter,
        runs: Option<&[i64]>,
        start: i64,
        before: u64,
        limit: i64,
    ) -> Result<Vec<EventRow>, StoreError> {
        let environment = filter.environment.as_deref().unwrap_or_default();
        let named = |runs| {
            let first = place(environment, filter.service.as_deref().unwrap_or_default());
            let last = if filter.service.is_none() {
                end_of(&first)
            } else {
                first.clone()
            };
            reference_run::table
                .filter(reference_run::run.eq_any(runs))
                .filter(reference_run::value.ge(first).and(reference_run::value.le(last)))
                .filter(reference_run::kind.eq(PLACE))
                .select(reference_run::idx)
        };
        Ok(each!(self.connection, c => {
            let mut query = event::table.select(EventRow::as_select()).into_boxed();
            query = query.filter(event::idx.ge(start).and(event::idx.lt(before as i64)));
            if let Some(runs) = runs {
                query = query.filter(event::idx.eq_any(named(runs)));
            }
            if let Some(service) = &filter.service {
                query = query.filter(event::service.eq(service));
            }
            if let Some(environment) = &filter.environment {
                // The planner would rather read all of the environment than go back through the log.
                query = query.filter(coalesce(event::environment, "").eq(environment));
            }
            if let Some(event_type) = &filter.event_type {
                query = query.filter(event::event_type.eq(event_type));
            }
            if let Some(producer) = &filter.producer {
                query = query.filter(event::producer.eq(producer));
            }
            if let Some(from_ms) = filter.from_ms {
                query = query.filter(event::occurred_ms.ge(from_ms));
            }
            if let Some(to_ms) = filter.to_ms {
                query = query.filter(event::occurred_ms.lt(to_ms));
            }
            query.order(event::idx.desc()).limit(limit).load(c)
        })?)
    }

    /// Rows from `start`, in order, at most `count`.
    pub fn event_range(&mut self, start: u64, count: u64) -> Result<Vec<EventRow>, StoreError> {
        let query = event::table
            .filter(
                event::idx
                    .ge(start as i64)
                    .and(event::idx.lt(start.saturating_add(count) as i64)),
            )
            .order(event::idx);
        Ok(each!(self.connection, c => query.select(EventRow::as_select()).load(c))?)
    }

    /// The rows of the given entries, in order of index.
    pub fn events_of(&mut self, indexes: &BTreeSet<i64>) -> Result<Vec<EventRow>, StoreError> {
        let indexes: Vec<i64> = indexes.iter().copied().collect();
        let mut rows = Vec::with_capacity(indexes.len());
        for some in indexes.chunks(ROWS_PER_INSERT) {
            let query = event::table.filter(event::idx.eq_any(some)).order(event::idx);
            let part: Vec<EventRow> = each!(self.connection, c => query.select(EventRow::as_select()).load(c))?;
            rows.extend(part);
        }
        Ok(rows)
    }

    /// Ids of the subjects of those of the given entries that are about subjects of a kind.
    pub fn subject_ids(&mut self, subject: &str, indexes: &BTreeSet<i64>) -> Result<BTreeSet<String>, StoreError> {
        let indexes: Vec<i64> = indexes.iter().copied().collect();
        let mut ids = BTreeSet::new();
        for some in indexes.chunks(ROWS_PER_INSERT) {
            let query = event::table
                .filter(event::idx.eq_any(some).and(event::subject.eq(subject)))
                .select(event::subject_id);
            let part: Vec<String> = each!(self.connection, c => query.load(c))?;
            ids.extend(part);
        }
        Ok(ids)
    }

    /// Indexes of events that change who may do what, from `start` on, in order.
    pub fn administrative(&mut self, start: u64) -> Result<Vec<i64>, StoreError> {
        let query = event::table
            .filter(event::administrative)
            .filter(event::idx.ge(start as i64))
            .order(event::idx)
            .select(event::idx);
        Ok(each!(self.connection, c => query.load(c))?)
    }

    /// The entries that already hold one of these event ids.
    pub fn known(&mut self, event_ids: &[&str]) -> Result<Vec<Known>, StoreError> {
        let mut known = Vec::new();
        for some in event_ids.chunks(OneOf::COUNT) {
            let query =
                event::table
                    .filter(OneOf(some))
                    .select((event::event_id, event::source, event::producer, event::idx));
            let part: Vec<Known> = each!(self.connection, c => query.load(c))?;
            known.extend(part);
        }
        Ok(known)
    }

    /// Events below `tree_size` whose own id lies in this range, both ends included, as many as one insert has rows.
    pub fn named_events(&mut self, first: &str, last: &str, tree_size: u64) -> Result<Vec<i64>, StoreError> {
        let query = event::table
            .filter(event::event_id.ge(first).and(event::event_id.le(last)))
            // An erased event has no id any more, and no producer.
            .filter(event::idx.lt(tree_size as i64).and(event::producer.ne("")))
            .order((event::event_id, event::idx))
            .limit(ROWS_PER_INSERT as i64)
            .select(event::idx);
        Ok(each!(self.connection, c => query.load(c))?)
    }
}

/// Whether an event has one of some ids, at most as many as [`OneOf::COUNT`]. A list of always the same length stays prepared;
/// diesel prepares its own lists anew each time, which costs more than looking the ids up.
struct OneOf<'a>(&'a [&'a str]);

impl OneOf<'_> {
    const COUNT: usize = 16;
}

impl<DB> QueryFragment<DB> for OneOf<'_>
where
    DB: Backend + HasSqlType<Text>,
    str: ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let mut separator = "event.event_id IN (";
        for place in 0..Self::COUNT {
            out.push_sql(separator);
            // A shorter list names its last id again.
            let id = self.0.get(place).or(self.0.last()).copied().unwrap_or_default();
            out.push_bind_param::<Text, str>(id)?;
            separator = ", ";
        }
        out.push_sql(")");
        Ok(())
    }
}

impl QueryId for OneOf<'_> {
    type QueryId = OneOf<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Expression for OneOf<'_> {
    type SqlType = Bool;
}

impl AppearsOnTable<event::table> for OneOf<'_> {}

impl<G> ValidGrouping<G> for OneOf<'_> {
    type IsAggregate = is_aggregate::No;
}

/// The greatest text that begins like this: the greatest character closes the range in byte order, which is the order of both
/// databases here.
pub fn end_of(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

impl WriteTx<'_> {
    /// Adds events to the read model.
    pub fn append_events(&mut self, rows: &[&EventRow]) -> Result<(), StoreError> {
        append::<EventRow, _>(self.connection, rows)
    }
}
