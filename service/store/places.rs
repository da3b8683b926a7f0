//! What is known of places: which there are, what ended there and when, and everything that was said about it. Each question
//! is a seek in an index, so it costs what its answer costs, however long the log is.

use std::collections::BTreeSet;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::connection::each;
use super::schema::event;
use super::{EventRow, ROWS_PER_INSERT, ReadTx, StoreError};

/// Most milliseconds between the time that an event claims and the time at which it was recorded, for those that are found
/// near either; the index over all others, `event_astray`, says the same.
pub(super) const STRAY_MS: i64 = 86_400_000;
/// Whether an event is among the others, as that index has it.
pub(super) const IS_ASTRAY: &str = "event.recorded_ms - event.occurred_ms NOT BETWEEN -86400000 AND 86400000";
/// Names that are looked up one by one: of few events any is said, so of more all that name anything are read.
const MOST_NAMES: usize = 5000;
/// Whether an event says that a deployment ended well, or that the service runs or no longer runs, which is the same.
pub(super) const IS_SUCCESS: &str =
    "(event.about IS NOT NULL AND (event.outcome = 'success' OR event.subject = 'service'))";
/// Whether an event says something about a deployment.
pub(super) const IS_OF_DEPLOYMENT: &str =
    "(event.about IS NOT NULL AND event.subject IN ('deployment', 'shipslog-deployment', 'service'))";
/// What there is little of, as the indexes over it have it.
pub(super) const IS_RARE: &str = "event.subject IN ('environment', 'incident', 'shipslog-alias', 'shipslog-attestation', \
                       'shipslog-conclusion', 'shipslog-dependencies', 'shipslog-document', 'shipslog-exception', \
                       'shipslog-link', 'shipslog-service')";

/// What speaks for deployments or against them, as the index over it has it.
pub(super) const IS_EVIDENCE: &str = "event.subject IN ('approval', 'shipslog-gate', 'testcaserun', 'testsuiterun')";

/// A subject of events that there are few of, for each of which there is an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rare {
    /// Environments, and what they are for.
    Environment,
    /// Incidents.
    Incident,
    /// What services need.
    Dependencies,
    /// What people decided about links.
    Link,
    /// What services declare about themselves.
    Declaration,
    /// What is declared about people.
    Alias,
    /// Accepted deviations, and their revocations.
    Exception,
    /// What people attest, and their revocations.
    Attestation,
    /// Documents that were issued.
    Document,
    /// What auditors asked for.
    Question,
    /// What auditors conclude of samples.
    Conclusion,
}

/// A service in an environment.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The service.
    pub service: &'a str,
    /// The environment.
    pub environment: &'a str,
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Index {
    #[diesel(sql_type = BigInt)]
    idx: i64,
}

impl ReadTx<'_> {
    /// Names of the services that events below `tree_size` are about.
    pub fn services(&mut self, tree_size: u64) -> Result<Vec<String>, StoreError> {
        let query = diesel::sql_query(SERVICES).bind::<BigInt, _>(tree_size as i64);
        let names: Vec<Name> = each!(self.connection, c => query.load(c))?;
        Ok(names.into_iter().map(|row| row.name).collect())
    }

    /// Names of the environments that events below `tree_size` are about.
    pub fn environments(&mut self, tree_size: u64) -> Result<Vec<String>, StoreError> {
        let query = diesel::sql_query(ENVIRONMENTS).bind::<BigInt, _>(tree_size as i64);
        let names: Vec<Name> = each!(self.connection, c => query.load(c))?;
        Ok(names.into_iter().map(|row| row.name).collect())
    }

    /// The last success of each service of an environment, by index: of those that claim to have happened by `at_ms`, if given.
    pub fn newest_successes(
        &mut self,
        environment: &str,
        at_ms: Option<i64>,
        tree_size: u64,
    ) -> Result<BTreeSet<i64>, StoreError> {
        let size = tree_size as i64;
        let near = match at_ms {
            Some(at_ms) => self.index_after(at_ms.saturating_add(STRAY_MS))?.min(size),
            None => size,
        };
        let query = diesel::sql_query(newest_successes())
            .bind::<Text, _>(environment)
            .bind::<BigInt, _>(near)
            .bind::<BigInt, _>(size)
            .bind::<BigInt, _>(at_ms.unwrap_or(i64::MAX));
        let rows: Vec<Index> = each!(self.connection, c => query.load(c))?;
        Ok(rows.into_iter().map(|row| row.idx).collect())
    }

    /// Successes in a place from index `start` below `before`, newest first, at most `limit`: of those that claim to have happened
    /// by `at_ms`, if given.
    pub fn successes(
        &mut self,
        place: Place<'_>,
        start: i64,
        before: i64,
        at_ms: Option<i64>,
        limit: usize,
    ) -> Result<Vec<EventRow>, StoreError> {
        let query = event::table
            .filter(event::environment.eq(place.environment))
            .filter(event::service.eq(place.service))
            .filter(event::idx.ge(start).and(event::idx.lt(before)))
            .filter(event::occurred_ms.le(at_ms.unwrap_or(i64::MAX)))
            .filter(sql::<Bool>(IS_SUCCESS))
            .order(event::idx.desc())
            .limit(most(limit));
        Ok(each!(self.connection, c => query.select(EventRow::as_select()).load(c))?)
    }

    /// Entries that are about deployments with these ids, or about any of these chains, anywhere: told without reading them.
    pub fn said_of(&mut self, ids: &[String], chains: &[String], tree_size: u64) -> Result<BTreeSet<i64>, StoreError> {
        let mut indexes = BTreeSet::new();
        let below = || event::table.filter(event::idx.lt(tree_size as i64)).select(event::idx);
        for some in ids.chunks(ROWS_PER_INSERT) {
            let query = below().filter(event::about.eq_any(some));
            let part: Vec<i64> = each!(self.connection, c => query.load(c))?;
            indexes.extend(part);
        }
        for some in chains.chunks(ROWS_PER_INSERT) {
            let query = below().filter(event::chain.eq_any(some));
            let part: Vec<i64> = each!(self.connection, c => query.load(c))?;
            indexes.extend(part);
        }
        Ok(indexes)
    }

    /// Events that are about deployments or incidents with these ids, anywhere.
    pub fn about(&mut self, ids: &[&str], tree_size: u64) -> Result<Vec<EventRow>, StoreError> {
        let mut rows = Vec::new();
        for some in ids.chunks(ROWS_PER_INSERT) {
            let query = event::table
                .filter(event::about.eq_any(some))
                .filter(event::idx.lt(tree_size as i64));
            let part: Vec<EventRow> = each!(self.connection, c => query.select(EventRow::as_select()).load(c))?;
            rows.extend(part);
        }
        Ok(rows)
    }

    /// What was said about deployments of a place from index `start` below `before`, and below `tree_size`.
    pub fn said_in(
        &mut self,
        place: Place<'_>,
        start: i64,
        before: i64,
        tree_size: u64,
    ) -> Result<Vec<EventRow>, StoreError> {
        let query = event::table
            .filter(event::environment.eq(place.environment))
            .filter(event::service.eq(place.service))
            .filter(event::idx.ge(start).and(event::idx.lt(before.min(tree_size as i64))))
            .filter(sql::<Bool>(IS_OF_DEPLOYMENT));
        Ok(each!(self.connection, c => query.select(EventRow::as_select()).load(c))?)
    }

    /// What was said from index `start` on about deployments of a place that repair something, oldest first, at most `limit`.
    pub fn repairs_after(
        &mut self,
        place: Place<'_>,
        start: i64,
        tree_size: u64,
        limit: usize,
    ) -> Result<Vec<EventRow>, StoreError> {
        let query = event::table
            .filter(event::environment.eq(place.environment))
            .filter(event::service.eq(place.service))
            .filter(event::idx.ge(start).and(event::idx.lt(tree_size as i64)))
            .filter(event::names.is_not_null())
            .filter(sql::<Bool>(IS_OF_DEPLOYMENT))
            .order(event::idx)
            .limit(most(limit));
        Ok(each!(self.connection, c => query.select(EventRow::as_select()).load(c))?)
    }

    /// Events that name one of these: deployments as what they repair, incidents as their cause, decisions as what they judge.
    pub fn naming(&mut self, names: &[&str], tree_size: u64) -> Result<Vec<EventRow>, StoreError> {
        let mut rows = Vec::new();
        if names.len() > MOST_NAMES {
            let query = event::table
                .filter(event::names.is_not_null())
                .filter(event::idx.lt(tree_size as i64));
            rows = each!(self.connection, c => query.select(EventRow::as_select()).load(c))?;
            let names: BTreeSet<&str> = names.iter().copied().collect();
            rows.retain(|row: &EventRow| row.names.as_deref().is_some_and(|name| names.contains(name)));
            return Ok(rows);
        }
        for some in names.chunks(ROWS_PER_INSERT) {
            let query = event::table
                .filter(event::names.eq_any(some))
                .filter(event::idx.lt(tree_size as i64));
            let part: Vec<EventRow> = each!(self.connection, c => query.select(EventRow::as_select()).load(c))?;
            rows.extend(part);
        }
        Ok(rows)
    }

    /// What was said about deployments below `before`, newest first, at most `limit`.
    pub fn said_before(
        &mut self,
        service: Option<&str>,
        environment: Option<&str>,
        before: u64,
        limit: usize,
    ) -> Result<Vec<EventRow>, StoreError> {
        if let (Some(service), None) = (service, environment) {
            // Place by place: there are few environments, and of a rare service little is near the end of the log.
            let mut rows = Vec::new();
            for environment in self.environments(before)? {
                rows.extend(self.said_before(Some(service), Some(&environment), before, limit)?);
            }
            rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.idx));
            rows.truncate(limit);
            return Ok(rows);
        }
        Ok(each!(self.connection, c => {
            let mut query = event::table.select(EventRow::as_select()).into_boxed();
            query = query.filter(event::idx.lt(before as i64)).filter(sql::<Bool>(IS_OF_DEPLOYMENT));
            match (service, environment) {
                (Some(service), Some(environment)) => {
                    query = query.filter(event::environment.eq(environment).and(event::service.eq(service)));
                }
                (None, Some(environment)) => query = query.filter(coalesce(event::environment, "").eq(environment)),
                (_, None) => {}
            }
            query.order(event::idx.desc()).limit(most(limit)).load(c)
        })?)
    }

    /// Events of a rare subject below `before`, newest first, at most `limit`; of these services, if any are named.
    pub fn rare(
        &mut self,
        subject: Rare,
        services: &[&str],
        before: u64,
        limit: i64,
    ) -> Result<Vec<EventRow>, StoreError> {
        Ok(each!(self.connection, c => {
            let mut query = event::table.select(EventRow::as_select()).into_boxed();
            query = query.filter(sql::<Bool>(IS_RARE)).filter(sql::<Bool>(subject.is()));
            if !services.is_empty() {
                query = query.filter(event::service.eq_any(services));
            }
            query.filter(event::idx.lt(before as i64)).order(event::idx.desc()).limit(limit).load(c)
        })?)
    }

    /// Ids of the incidents that any word about them says to be of one of these services (or all, where none is named), but those
    /// that were over before a time and of which nothing claims to have happened later.
    pub fn incidents_since(
        &mut self,
        services: &[&str],
        since_ms: i64,
        tree_size: u64,
    ) -> Result<Vec<String>, StoreError> {
        let of_incidents =
            || event::table.filter(sql::<Bool>(Rare::Incident.is()).and(event::idx.lt(tree_size as i64)));
        // A word that no end came after is of an incident that goes on.
        let goes_on = "(event.predicate <> 'resolved' AND NOT EXISTS (
            SELECT 1 FROM event AS later WHERE later.about = event.about AND later.idx > event.idx
            AND later.subject = 'incident' AND later.predicate = 'resolved' AND later.idx < ";
        let goes_on = sql::<Bool>(goes_on).bind::<BigInt, _>(tree_size as i64).sql("))");
        let since = event::occurred_ms.ge(since_ms).or(goes_on);
        let mut found: Vec<Option<String>> = Vec::new();
        if services.is_empty() {
            // In an index that says all that is asked here.
            let query = of_incidents().filter(since);
            let query = query.select(event::about).distinct();
            found = each!(self.connection, c => query.load(c))?;
        } else {
            let query = of_incidents().filter(sql::<Bool>(IS_RARE).and(event::service.eq_any(services)));
            let query = query.select(event::about).distinct();
            let theirs: Vec<Option<String>> = each!(self.connection, c => query.load(c))?;
            for some in theirs.chunks(ROWS_PER_INSERT) {
                let query = of_incidents().filter(event::about.eq_any(some).and(since.clone()));
                let query = query.select(event::about).distinct();
                let part: Vec<Option<String>> = each!(self.connection, c => query.load(c))?;
                found.extend(part);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// Digests, commits and other artifacts of which any test failed.
    pub fn failed_contents(&mut self, tree_size: u64) -> Result<BTreeSet<String>, StoreError> {
        let query = diesel::sql_query(FAILED_CONTENTS).bind::<BigInt, _>(tree_size as i64);
        let found: Vec<Name> = each!(self.connection, c => query.load(c))?;
        Ok(found.into_iter().map(|row| row.name).collect())
    }

    /// Index of the first entry that was recorded after this time; the size of the log if none was.
    fn index_after(&mut self, ms: i64) -> Result<i64, StoreError> {
        let query = event::table
            .filter(event::recorded_ms.gt(ms))
            .order((event::recorded_ms, event::idx))
            .select(event::idx);
        let found: Option<i64> = each!(self.connection, c => query.first(c).optional())?;
        Ok(found.unwrap_or(i64::MAX))
    }
}

/// A limit, as the databases take it: PostgreSQL knows no negative ones.
fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

impl Rare {
    const fn is(self) -> &'static str {
        match self {
            Self::Environment => "event.subject = 'environment'",
            Self::Incident => "event.subject = 'incident'",
            Self::Dependencies => "event.subject = 'shipslog-dependencies'",
            Self::Link => "event.subject = 'shipslog-link'",
            Self::Declaration => "event.subject = 'shipslog-service'",
            Self::Alias => "event.subject = 'shipslog-alias'",
            Self::Exception => "event.subject = 'shipslog-exception'",
            Self::Attestation => "event.subject = 'shipslog-attestation'",
            Self::Document => "event.subject = 'shipslog-document' AND event.predicate = 'issued'",
            Self::Question => "event.subject = 'shipslog-document' AND event.predicate = 'asked'",
            Self::Conclusion => "event.subject = 'shipslog-conclusion'",
        }
    }
}

diesel::define_sql_function! {
    /// The first that is not null. A query that compares a column through it finds its rows by something else: by the column, the
    /// planner would rather read everything of an environment.
    fn coalesce(value: Nullable<Text>, other: Text) -> Text;
}

const FAILED_CONTENTS: &str = "
SELECT value AS name FROM reference
WHERE kind IN ('digest', 'artifact', 'commit') AND idx IN (
    SELECT event.idx FROM event
    WHERE event.subject IN ('testsuiterun', 'testcaserun') AND event.outcome IN ('failure', 'error') AND event.idx < $1)";

const ENVIRONMENTS: &str = "
WITH RECURSIVE environments (name) AS (
    SELECT min(environment) FROM event
    UNION ALL
    SELECT (SELECT min(event.environment) FROM event WHERE event.environment > environments.name)
    FROM environments WHERE name IS NOT NULL
)
SELECT name FROM environments
WHERE name IS NOT NULL AND EXISTS (SELECT 1 FROM event WHERE event.environment = environments.name AND event.idx < $1)
ORDER BY name";

/// By environment, and then those that are in none.
const SERVICES: &str = "
WITH RECURSIVE environments (name) AS (
    SELECT min(environment) FROM event
    UNION ALL
    SELECT (SELECT min(event.environment) FROM event WHERE event.environment > environments.name)
    FROM environments WHERE name IS NOT NULL
), places (environment, service) AS (
    SELECT name, (SELECT min(event.service) FROM event WHERE event.environment = environments.name)
    FROM environments WHERE name IS NOT NULL
    UNION ALL
    SELECT environment, (SELECT min(event.service) FROM event
                         WHERE event.environment = places.environment AND event.service > places.service)
    FROM places WHERE service IS NOT NULL
), others (service) AS (
    SELECT min(service) FROM event WHERE environment IS NULL
    UNION ALL
    SELECT (SELECT min(event.service) FROM event WHERE event.environment IS NULL AND event.service > others.service)
    FROM others WHERE service IS NOT NULL
)
SELECT service AS name FROM places
WHERE service IS NOT NULL AND EXISTS (
    SELECT 1 FROM event
    WHERE event.environment = places.environment AND event.service = places.service AND event.idx < $1)
UNION
SELECT service FROM others
WHERE service IS NOT NULL AND EXISTS (
    SELECT 1 FROM event WHERE event.environment IS NULL AND event.service = others.service AND event.idx < $1)
ORDER BY name";

/// Services of an environment one after the other, each with its last success: an astray one from `near` on, else one before.
fn newest_successes() -> String {
    format!(
        "
WITH RECURSIVE places (service) AS (
    SELECT min(service) FROM event WHERE environment = $1
    UNION ALL
    SELECT (SELECT min(event.service) FROM event WHERE event.environment = $1 AND event.service > places.service)
    FROM places WHERE service IS NOT NULL
), newest (idx) AS (
    SELECT coalesce(
        (SELECT event.idx FROM event
         WHERE event.environment = $1 AND event.service = places.service AND event.idx >= $2 AND event.idx < $3
           AND event.occurred_ms <= $4 AND {IS_ASTRAY} AND {IS_SUCCESS}
         ORDER BY event.idx DESC LIMIT 1),
        (SELECT event.idx FROM event
         WHERE event.environment = $1 AND event.service = places.service AND event.idx < $2
           AND event.occurred_ms <= $4 AND {IS_SUCCESS}
         ORDER BY event.idx DESC LIMIT 1))
    FROM places WHERE service IS NOT NULL
)
SELECT idx FROM newest WHERE idx IS NOT NULL"
    )
}
