//! Which release notes a query asks for: of one service, or over several.

use super::super::problem::Problem;
use super::documents::{NotesParameters, notes_query};
use super::query::{invalid, name, read, take};
use crate::app::{App, Document, DocumentsError, Format, Html, NotesQuery, ReleaseQuery};
use crate::document::parse_instant;
use crate::domain::Instant;

/// Most services that one document speaks of.
const MOST_SERVICES: usize = 50;

/// What is asked for, and how.
pub(in super::super) struct Asked {
    /// What was given, the first service alone.
    pub(in super::super) parameters: NotesParameters,
    wanted: Wanted,
}

enum Wanted {
    One(NotesQuery),
    Several(ReleaseQuery),
}

impl Asked {
    /// Reads a query string, in which `service` may be there several times.
    pub(in super::super) fn read(query: &str) -> Result<Self, Problem> {
        let (mut services, rest) = take(query.as_bytes(), "service");
        if services.len() < 2 {
            let parameters: NotesParameters = read(query.as_bytes())?;
            let wanted = Wanted::One(notes_query(&parameters)?);
            return Ok(Self { parameters, wanted });
        }
        if services.len() > MOST_SERVICES {
            let most = format!("may be named at most {MOST_SERVICES} times");
            return Err(invalid("service", &most));
        }
        let others = services.split_off(1);
        let first = form_urlencoded::Serializer::new(rest)
            .append_pair("service", &services[0])
            .finish();
        let parameters: NotesParameters = read(first.as_bytes())?;
        let wanted = Wanted::Several(release_query(&parameters, &others)?);
        Ok(Self { parameters, wanted })
    }

    /// The question in the words of the command line.
    pub(in super::super) fn words(&self) -> &str {
        match &self.wanted {
            Wanted::One(query) => &query.words,
            Wanted::Several(query) => &query.words,
        }
    }

    pub(in super::super) fn document(&self, app: &App, format: Format) -> Result<Document, DocumentsError> {
        let tree_size = self.parameters.tree_size;
        match &self.wanted {
            Wanted::One(query) => app.release_notes(query, tree_size, format),
            Wanted::Several(query) => app.release(query, tree_size, format),
        }
    }

    pub(in super::super) fn html(&self, app: &App) -> Result<Html, DocumentsError> {
        let tree_size = self.parameters.tree_size;
        match &self.wanted {
            Wanted::One(query) => app.release_notes_html(query, tree_size),
            Wanted::Several(query) => app.release_html(query, tree_size),
        }
    }
}

fn release_query(query: &NotesParameters, others: &[String]) -> Result<ReleaseQuery, Problem> {
    if query.deployment.is_some() {
        return Err(invalid("deployment", &"is of one service; several need from and to"));
    }
    for (at, other) in others.iter().enumerate() {
        if *other == query.service || others[..at].contains(other) {
            return Err(invalid("service", &format!("names {other} twice")));
        }
    }
    let time = |parameter: &'static str, given: &Option<String>| -> Result<Instant, Problem> {
        let text = given.as_deref().unwrap_or_default();
        parse_instant(text).ok_or_else(|| {
            let message =
                "must be a date such as 2026-01-31, or a date and time with a zone, where several services are named";
            invalid(parameter, &message)
        })
    };
    let (from, to) = (time("from", &query.from)?, time("to", &query.to)?);
    if from > to {
        return Err(invalid("to", &"must not be before from"));
    }
    let named = [std::slice::from_ref(&query.service), others].concat();
    let mut words = format!("shipslog notes {} {}", named.join(","), query.environment);
    words.push_str(&format!(
        " --from {} --to {}",
        query.from.as_deref().unwrap_or_default(),
        query.to.as_deref().unwrap_or_default()
    ));
    words.push_str(&audience_words(query));
    Ok(ReleaseQuery {
        first: name("service", &query.service)?,
        others: others
            .iter()
            .map(|other| name("service", other))
            .collect::<Result<_, _>>()?,
        environment: name("environment", &query.environment)?,
        from,
        to,
        audience: query.audience.unwrap_or_default(),
        words,
    })
}

/// The audience in the words of the command line, where one was named.
pub(super) fn audience_words(query: &NotesParameters) -> String {
    query
        .audience
        .map_or_else(String::new, |audience| format!(" --audience {}", audience.as_str()))
}
