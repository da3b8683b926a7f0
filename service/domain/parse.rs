//! Reads a CDEvent, bare or inside a structured CloudEvent, into an [`Event`].
//!
//! It refuses what the published schemas refuse and names the place by JSON pointer. It must never panic, guess, or look anything
//! up: `schemaUri` is not fetched. Spec versions 0.3, 0.4, 0.5 and 0.6-draft are read into one form.
//! Sources: CDEvents `spec.md` and `schemas/`; CDEvents `cloudevents-binding.md`; CloudEvents 1.0.2 §3, JSON format §3.

mod body;
mod context;
mod extension;
mod fit;
mod path;
mod shape;

use serde_json::{Map, Value};

use self::context::{Context, Subject};
use self::fit::About;
use self::path::Path;
use super::artifact::Artifact;
use super::event::{Body, Event};
use super::extension::Extension;
use super::id::{NameError, ServiceName};
use super::instant::Instant;
use super::pointer::excerpt;

/// Payload type of a bare CDEvent.
pub const CDEVENT_JSON: &str = "application/vnd.cdevents+json";
/// Payload type of a structured CloudEvent whose data is a CDEvent.
pub const CLOUDEVENT_JSON: &str = "application/cloudevents+json";

/// Payload type of a bare CDEvent that says who may do what: of the service alone, and of nothing else. The leaf of an entry names
/// it, so that such an entry is known for what it is without its content, which is never destroyed.
pub const ADMINISTRATION_JSON: &str = "application/vnd.shipslog.administration+json";
/// Payload type of a bare CDEvent that says what an auditor asked for: of the service alone, and of nothing else. What is asked is
/// withheld from those whom it does not concern; the leaf still says that something was asked.
pub const QUESTION_JSON: &str = "application/vnd.shipslog.question+json";

/// Longest id, name, URI or other short text, in bytes. The database indexes these.
pub const MAX_SHORT_BYTES: usize = 1024;
/// Longest free text, in bytes.
pub const MAX_TEXT_BYTES: usize = 256 * 1024;
/// Most items in a list: commits, pull requests, tickets, links.
pub const MAX_ITEMS: usize = 5000;

/// Why a payload is not an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if pointer.is_empty() { String::new() } else { format!("{pointer}: ") })]
pub struct EventError {
    /// JSON pointer to what is wrong; empty for the whole payload.
    pub pointer: String,
    /// What is wrong with it.
    pub message: String,
    /// What sort of fault it is.
    pub kind: EventErrorKind,
}

/// What sort of fault an [`EventError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventErrorKind {
    /// Not strict JSON.
    Malformed,
    /// A payload type that is not read here.
    UnknownPayloadType,
    /// JSON, but not a valid event.
    Invalid,
}

/// Reads the payload of a verified envelope.
pub fn parse(payload_type: &str, payload: &[u8]) -> Result<Event, EventError> {
    let event = match payload_type {
        CDEVENT_JSON | ADMINISTRATION_JSON | QUESTION_JSON => cdevent(document(payload)?, &Path::Root),
        CLOUDEVENT_JSON => cloudevent(document(payload)?),
        other => Err(EventError {
            pointer: String::new(),
            message: format!(
                "the payload type is {:?}; it must be {CDEVENT_JSON} or {CLOUDEVENT_JSON}",
                excerpt(other)
            ),
            kind: EventErrorKind::UnknownPayloadType,
        }),
    }?;
    let extension = &event.extension;
    let members = [
        (
            "administration",
            ADMINISTRATION_JSON,
            extension.administration.is_some(),
        ),
        ("question", QUESTION_JSON, extension.question.is_some()),
    ];
    let Some((member, of, _)) = members.iter().find(|(_, of, given)| (payload_type == *of) != *given) else {
        return Ok(event);
    };
    let root = Path::Root;
    let data = root.member("customData");
    let ours = data.member("shipslog");
    Err(EventError::invalid(
        &ours.member(member),
        format!("belongs to events of the service with the payload type {of}, and to no others"),
    ))
}

/// Whether the content of an entry with this payload type stays for ever: rights follow from it, or it says what auditors asked.
pub fn is_never_erased(payload_type: &str) -> bool {
    [ADMINISTRATION_JSON, QUESTION_JSON].contains(&payload_type)
}

impl EventError {
    fn invalid(at: &Path<'_>, message: impl Into<String>) -> Self {
        Self {
            pointer: at.to_string(),
            message: excerpt(&message.into()).to_owned(),
            kind: EventErrorKind::Invalid,
        }
    }

    fn missing(at: &Path<'_>) -> Self {
        Self::invalid(at, "is required")
    }

    fn unknown_member(at: &Path<'_>) -> Self {
        Self::invalid(at, "is not a member that is known here")
    }
}

fn document(payload: &[u8]) -> Result<Value, EventError> {
    let value = ledger::json::parse(payload).map_err(|error| EventError {
        message: error.to_string(),
        pointer: error.pointer,
        kind: EventErrorKind::Malformed,
    })?;
    // A string can only hold U+0000 where the text has this escape, so the walk is for the rare payload that might.
    if payload
        .split(|byte| *byte == b'\\')
        .skip(1)
        .any(|escape| escape.starts_with(b"u0000"))
    {
        without_nul(&value, &Path::Root)?;
    }
    Ok(value)
}

/// PostgreSQL has no text with U+0000 in it, so no event has.
fn without_nul(value: &Value, at: &Path<'_>) -> Result<(), EventError> {
    let refuse = |text: &str, at: &Path<'_>| match text.contains('\0') {
        true => Err(EventError::invalid(at, "must not contain U+0000")),
        false => Ok(()),
    };
    match value {
        Value::String(text) => refuse(text, at),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| without_nul(item, &at.item(index))),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            let at = at.member(name);
            refuse(name, &at)?;
            without_nul(value, &at)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn cdevent(value: Value, at: &Path<'_>) -> Result<Event, EventError> {
    let mut document = into_object(value, at)?;
    if document.contains_key("linkType") {
        return Err(EventError::invalid(
            &at.member("linkType"),
            "a standalone link is not an event; put links into the context of one",
        ));
    }
    let context_at = at.member("context");
    let context = take(&mut document, "context", &context_at)?;
    let context = Context::read(into_object(context, &context_at)?, &context_at)?;
    let subject_at = at.member("subject");
    let subject = take(&mut document, "subject", &subject_at)?;
    let subject = Subject::read(into_object(subject, &subject_at)?, &context, &subject_at)?;
    let data_at = at.member("customData");
    let extension = match document.remove("customData") {
        Some(data) => extension::read(data, &data_at)?,
        None => Extension::default(),
    };
    match document.remove("customDataContentType") {
        None | Some(Value::String(_)) => {}
        Some(_) => {
            return Err(EventError::invalid(
                &at.member("customDataContentType"),
                "must be a string",
            ));
        }
    }
    if let Some(name) = document.keys().next()
        && !context.is_newer()
    {
        return Err(EventError::unknown_member(&at.member(name)));
    }
    assemble(context, subject, extension, at)
}

/// Puts the parts together and settles what stands in more than one of them.
fn assemble(context: Context, subject: Subject, extension: Extension, at: &Path<'_>) -> Result<Event, EventError> {
    let content = match context.kind {
        Some(kind) => body::read(kind, subject.content, &subject.id),
        None => body::custom(&context.event_type.text, subject.content),
    };
    let (subject_at, data_at) = (at.member("subject"), at.member("customData"));
    let (content_at, ours_at) = (subject_at.member("content"), data_at.member("shipslog"));

    let ours = ours_at.member("service");
    let reference_at = content_at.member("service");
    let given_at = if context.is_about("service") {
        subject_at.member("id")
    } else {
        reference_at.member("id")
    };
    let mut service = one_name(content.service, &given_at, &extension.service, &ours)?;
    if let (None, Body::Deployment { artifact, .. }) = (&service, &content.body) {
        service = Some(service_of(artifact, &ours)?);
    }

    let ours = ours_at.member("environment");
    let reference_at = content_at.member("environment");
    let given_at = if context.is_about("environment") {
        subject_at.member("id")
    } else {
        reference_at.member("id")
    };
    let environment = one_name(content.environment, &given_at, &extension.environment, &ours)?;

    let about = About {
        event_type: &context.event_type.text,
        body: &content.body,
        occurred_at: context.occurred_at,
        service: service.as_ref(),
        has_environment: environment.is_some(),
    };
    fit::fits(&about, &extension, &ours_at)?;
    if let Some(administration) = &extension.administration
        && administration.event_type() != context.event_type.text
    {
        return Err(EventError::invalid(
            &ours_at.member("administration").member("action"),
            format!("does not belong to an event of type {}", context.event_type.text),
        ));
    }
    Ok(Event {
        id: context.id,
        source: context.source,
        event_type: context.event_type,
        spec_version: context.spec_version,
        occurred_at: context.occurred_at,
        chain_id: context.chain_id,
        subject_id: subject.id,
        subject_source: subject.source,
        service,
        environment,
        body: content.body,
        extension,
    })
}

/// A deployment that names no service is of the service that its package is called after.
fn service_of(artifact: &Artifact, at: &Path<'_>) -> Result<ServiceName, EventError> {
    let name = artifact.name.clone().filter(|_| artifact.id.starts_with("pkg:"));
    let name = name
        .ok_or_else(|| EventError::invalid(at, "is required, because the artifact is not a package URL with a name"))?;
    ServiceName::try_from(name)
        .map_err(|error| EventError::invalid(at, format!("is required: the package name {error}")))
}

/// The name that CDEvents gives, or else the one that the extension gives; both must agree.
fn one_name<N>(
    given: Option<String>,
    at: &Path<'_>,
    ours: &Option<N>,
    ours_at: &Path<'_>,
) -> Result<Option<N>, EventError>
where
    N: TryFrom<String, Error = NameError> + PartialEq + Clone,
{
    let Some(given) = given else {
        return Ok(ours.clone());
    };
    let given = N::try_from(given).map_err(|error| EventError::invalid(at, error.to_string()))?;
    match ours {
        Some(ours) if *ours != given => Err(EventError::invalid(ours_at, format!("must be the same as {at}"))),
        _ => Ok(Some(given)),
    }
}

/// CloudEvents attributes that a CDEvent inside repeats: CDEvents CloudEvents binding, "Context".
fn cloudevent(value: Value) -> Result<Event, EventError> {
    let root = Path::Root;
    let mut outer = into_object(value, &root)?;
    for name in ["id", "source", "type"] {
        let at = root.member(name);
        shape::id(outer.get(name).ok_or_else(|| EventError::missing(&at))?, &at)?;
    }
    let at = root.member("specversion");
    match outer.get("specversion") {
        Some(Value::String(version)) if version == "1.0" => {}
        Some(_) => return Err(EventError::invalid(&at, "must be \"1.0\"")),
        None => return Err(EventError::missing(&at)),
    }
    let at = root.member("time");
    if let Some(time) = outer.get("time") {
        Instant::parse(shape::id(time, &at)?).map_err(|error| EventError::invalid(&at, error.to_string()))?;
    }
    let at = root.member("datacontenttype");
    if let Some(media) = outer.get("datacontenttype") {
        let media = shape::id(media, &at)?.to_ascii_lowercase();
        let essence = media.split(';').next().unwrap_or_default().trim();
        if essence != "application/json" && !essence.ends_with("+json") {
            return Err(EventError::invalid(&at, "must be a JSON media type"));
        }
    }
    let at = root.member("data_base64");
    if outer.contains_key("data_base64") {
        return Err(EventError::invalid(
            &at,
            "is not accepted; put the CDEvent into data as JSON",
        ));
    }
    let at = root.member("data");
    let data = take(&mut outer, "data", &at)?;
    let event = cdevent(data, &at)?;
    let repeated = [
        ("id", &event.id),
        ("source", &event.source),
        ("type", &event.event_type.text),
        ("subject", &event.subject_id),
    ];
    for (name, inner) in repeated {
        match outer.get(name) {
            None => {}
            Some(Value::String(outer)) if outer == inner => {}
            Some(Value::String(_)) => {
                return Err(EventError::invalid(
                    &root.member(name),
                    "is not the same as in the event in data",
                ));
            }
            Some(_) => return Err(EventError::invalid(&root.member(name), "must be a string")),
        }
    }
    Ok(event)
}

fn into_object(value: Value, at: &Path<'_>) -> Result<Map<String, Value>, EventError> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(EventError::invalid(at, "must be an object")),
    }
}

fn take(members: &mut Map<String, Value>, name: &str, at: &Path<'_>) -> Result<Value, EventError> {
    members.remove(name).ok_or_else(|| EventError::missing(at))
}
