//! Reads `context` and the outside of `subject`: CDEvents `spec.md`, "CDEvents context" and "CDEvent subject".

use serde_json::{Map, Value};

use super::path::Path;
use super::shape::{self, Age};
use super::{EventError, MAX_ITEMS, into_object, take};
use crate::domain::catalogue::{self, Kind, Version};
use crate::domain::event::EventType;
use crate::domain::instant::Instant;

const STANDARD: &str = "dev.cdevents.";
const CUSTOM: &str = "dev.cdeventsx.";

/// What `context` says.
pub(super) struct Context {
    pub(super) id: String,
    pub(super) source: String,
    pub(super) event_type: EventType,
    pub(super) spec_version: String,
    pub(super) occurred_at: Instant,
    pub(super) chain_id: Option<String>,
    /// The row of the catalogue, for types that have one.
    pub(super) kind: Option<&'static Kind>,
    age: Age,
    form: Form,
}

/// What `subject` says around its content, which has been checked but not read.
pub(super) struct Subject {
    pub(super) id: String,
    pub(super) source: Option<String>,
    pub(super) content: Map<String, Value>,
}

/// The two forms of the envelope.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// 0.3 and 0.4: `context.version` and a required `subject.type`.
    Old,
    /// 0.5.0 with `context.version`: three of its schemas ask for it by mistake.
    Mixed,
    /// Since 0.5: `context.specversion` and no `subject.type`.
    New,
}

impl Context {
    pub(super) fn read(mut members: Map<String, Value>, at: &Path<'_>) -> Result<Self, EventError> {
        let type_at = at.member("type");
        let text = id(&mut members, "type", &type_at)?;
        let (event_type, kind, age) = event_type(text, &type_at)?;
        let (spec_version, form) = spec_version(&mut members, at)?;
        let timestamp_at = at.member("timestamp");
        let occurred_at = Instant::parse(&id(&mut members, "timestamp", &timestamp_at)?)
            .map_err(|error| EventError::invalid(&timestamp_at, error.to_string()))?;
        let links_at = at.member("links");
        if let Some(value) = members.remove("links") {
            links(&value, age, &links_at)?;
        }
        let schema_at = at.member("schemaUri");
        if let Some(value) = members.remove("schemaUri") {
            shape::id(&value, &schema_at)?;
        }
        let context = Self {
            id: id(&mut members, "id", &at.member("id"))?,
            source: id(&mut members, "source", &at.member("source"))?,
            chain_id: optional_id(&mut members, "chainId", &at.member("chainId"))?,
            event_type,
            spec_version,
            occurred_at,
            kind,
            age,
            form,
        };
        context.nothing_left(&members, at)?;
        Ok(context)
    }

    /// Whether the type is of this subject of the CDEvents vocabulary.
    pub(super) fn is_about(&self, subject: &str) -> bool {
        self.kind.is_some_and(|kind| kind.subject == subject)
    }

    /// Whether the event may have members that are not known yet.
    pub(super) fn is_newer(&self) -> bool {
        self.age == Age::Newer
    }

    fn nothing_left(&self, members: &Map<String, Value>, at: &Path<'_>) -> Result<(), EventError> {
        match members.keys().next() {
            Some(name) if !self.is_newer() => Err(EventError::unknown_member(&at.member(name))),
            _ => Ok(()),
        }
    }
}

impl Subject {
    pub(super) fn read(mut members: Map<String, Value>, context: &Context, at: &Path<'_>) -> Result<Self, EventError> {
        let type_at = at.member("type");
        match (optional_id(&mut members, "type", &type_at)?, context.form) {
            (None, Form::Old) => return Err(EventError::missing(&type_at)),
            (None, Form::Mixed | Form::New) => {}
            (Some(_), Form::New) if !is_closed_ticket(context.kind) && !context.is_newer() => {
                return Err(EventError::invalid(&type_at, "is not a member since CDEvents 0.5"));
            }
            (Some(given), _) => is_type(&given, context, &type_at)?,
        }
        let content_at = at.member("content");
        let content = into_object(take(&mut members, "content", &content_at)?, &content_at)?;
        if let Some(kind) = context.kind {
            shape::members(&content, kind.content, context.age, &content_at)?;
        }
        if is_test(context.kind) && members.get("source").and_then(Value::as_str) == Some("") {
            members.remove("source");
        }
        let subject = Self {
            id: id(&mut members, "id", &at.member("id"))?,
            source: optional_id(&mut members, "source", &at.member("source"))?,
            content,
        };
        context.nothing_left(&members, at)?;
        Ok(subject)
    }
}

/// `ticket.closed` kept `subject.type` when the others dropped it.
fn is_closed_ticket(kind: Option<&Kind>) -> bool {
    kind.is_some_and(|kind| kind.subject == "ticket" && kind.predicate == "closed")
}

/// The source of a test's subject may be empty, which says as much as none.
fn is_test(kind: Option<&Kind>) -> bool {
    kind.is_some_and(|kind| kind.subject.starts_with("test"))
}

/// `subject.type` repeats the subject of the event's type, in camel case: `pipelineRun` for `pipelinerun`.
fn is_type(given: &str, context: &Context, at: &Path<'_>) -> Result<(), EventError> {
    let subject = &context.event_type.subject;
    let text = context.event_type.text.as_str();
    let written = text.strip_prefix(CUSTOM).and_then(grammar).map(|(subject, ..)| subject);
    if context.event_type.version.is_empty() || given.eq_ignore_ascii_case(subject) || written == Some(given) {
        Ok(())
    } else {
        Err(EventError::invalid(
            at,
            format!("is not the subject of the event's type, {subject}"),
        ))
    }
}

/// Takes a type apart and looks it up.
fn event_type(text: String, at: &Path<'_>) -> Result<(EventType, Option<&'static Kind>, Age), EventError> {
    if let Some(rest) = text.strip_prefix(STANDARD) {
        let Some((subject, predicate, version)) = grammar(rest).filter(|(subject, ..)| !subject.contains('.')) else {
            return Err(EventError::invalid(
                at,
                "must be dev.cdevents.<subject>.<predicate>.<major>.<minor>.<patch>",
            ));
        };
        let kind = catalogue::kind(subject, predicate);
        return Ok(known(&text, subject, predicate, version, kind));
    }
    if let Some((subject, predicate, version)) = text.strip_prefix(CUSTOM).and_then(grammar) {
        if let Some(kind) = catalogue::twin(subject, predicate) {
            return Ok(known(&text, kind.subject, predicate, version, Some(kind)));
        }
        let event_type = EventType {
            subject: subject.to_owned(),
            predicate: predicate.to_owned(),
            version: version.to_owned(),
            standard: false,
            text,
        };
        return Ok((event_type, None, Age::Current));
    }
    // Other prefixes are in use too: such a type is a word and nothing more.
    let event_type = EventType {
        subject: text.clone(),
        predicate: String::new(),
        version: String::new(),
        standard: false,
        text,
    };
    Ok((event_type, None, Age::Current))
}

fn known(
    text: &str,
    subject: &str,
    predicate: &str,
    version: &str,
    kind: Option<&'static Kind>,
) -> (EventType, Option<&'static Kind>, Age) {
    let age = match (kind, triple(version)) {
        (Some(kind), Some(version)) => match version.cmp(&kind.newest) {
            std::cmp::Ordering::Less => Age::Older,
            std::cmp::Ordering::Equal => Age::Current,
            std::cmp::Ordering::Greater => Age::Newer,
        },
        // A type that CDEvents has and this table has not is of a later specification.
        _ => Age::Newer,
    };
    let event_type = EventType {
        text: text.to_owned(),
        subject: subject.to_owned(),
        predicate: predicate.to_owned(),
        version: version.to_owned(),
        standard: kind.is_some(),
    };
    (event_type, kind, age)
}

/// `<subject>.<predicate>.<major>.<minor>.<patch>`: the subject of a custom type has its own dots at times.
fn grammar(rest: &str) -> Option<(&str, &str, &str)> {
    let start = rest
        .char_indices()
        .rev()
        .filter(|(_, c)| *c == '.')
        .nth(2)
        .map(|(at, _)| at)?;
    let (names, version) = (&rest[..start], &rest[start + 1..]);
    triple(version)?;
    let (subject, predicate) = names.rsplit_once('.')?;
    (!subject.is_empty() && !predicate.is_empty()).then_some((subject, predicate, version))
}

/// Three numbers; what follows a hyphen in the last, as in `0.3.0-draft`, does not order.
fn triple(version: &str) -> Option<Version> {
    let number = |text: &str| match text.len() {
        1..=6 if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    let numbers = version.split_once('-').map_or(version, |(numbers, _)| numbers);
    let mut parts = numbers.split('.');
    let triple = [number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?];
    parts.next().is_none().then_some(triple)
}

/// The version of the specification, and the form of the envelope that comes with it.
fn spec_version(members: &mut Map<String, Value>, at: &Path<'_>) -> Result<(String, Form), EventError> {
    let (new_at, old_at) = (at.member("specversion"), at.member("version"));
    let (text, old, at) = match (members.remove("specversion"), members.remove("version")) {
        (Some(_), Some(_)) => {
            return Err(EventError::invalid(
                &old_at,
                "is the old name of specversion, which is there",
            ));
        }
        (Some(value), None) => (value, false, &new_at),
        (None, Some(value)) => (value, true, &old_at),
        (None, None) => return Err(EventError::missing(&new_at)),
    };
    shape::id(&text, at)?;
    let Value::String(text) = text else {
        return Err(EventError::missing(at));
    };
    let form = match (triple(&text), old) {
        (Some([0, 3 | 4, _]), true) => Form::Old,
        (Some([0, 5, _]), true) => Form::Mixed,
        (Some([0, 5 | 6, _]), false) => Form::New,
        (Some([0, 3 | 4, _]), false) => {
            return Err(EventError::invalid(at, "is called version in CDEvents 0.3 and 0.4"));
        }
        (Some([0, 6, _]), true) => return Err(EventError::invalid(at, "is called specversion since CDEvents 0.5")),
        _ => {
            return Err(EventError::invalid(
                at,
                "must be a version of CDEvents from 0.3 to 0.6, such as 0.5.1",
            ));
        }
    };
    Ok((text, form))
}

/// Links embedded in the context: CDEvents `links.md`.
fn links(value: &Value, age: Age, at: &Path<'_>) -> Result<(), EventError> {
    let items = value
        .as_array()
        .ok_or_else(|| EventError::invalid(at, "must be an array"))?;
    if items.len() > MAX_ITEMS {
        return Err(EventError::invalid(
            at,
            format!("must not have more than {MAX_ITEMS} items"),
        ));
    }
    for (index, item) in items.iter().enumerate() {
        let at = at.item(index);
        let link = shape::object(item, &at)?;
        let type_at = at.member("linkType");
        let link_type = shape::id(
            link.get("linkType").ok_or_else(|| EventError::missing(&type_at))?,
            &type_at,
        )?;
        let table = catalogue::link(link_type)
            .ok_or_else(|| EventError::invalid(&type_at, "must be one of END, PATH, RELATION"))?;
        shape::members(link, table, age, &at)?;
        if let Some(from) = link.get("from").and_then(Value::as_object)
            && !from.contains_key("contextId")
            && !from.contains_key("domainId")
        {
            return Err(EventError::missing(&at.member("from").member("contextId")));
        }
    }
    Ok(())
}

fn id(members: &mut Map<String, Value>, name: &str, at: &Path<'_>) -> Result<String, EventError> {
    optional_id(members, name, at)?.ok_or_else(|| EventError::missing(at))
}

fn optional_id(members: &mut Map<String, Value>, name: &str, at: &Path<'_>) -> Result<Option<String>, EventError> {
    let Some(value) = members.remove(name) else {
        return Ok(None);
    };
    shape::id(&value, at)?;
    Ok(into_string(value))
}

fn into_string(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}
