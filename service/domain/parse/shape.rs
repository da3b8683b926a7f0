//! Checks values against the shapes of the catalogue. It reads and never changes or copies.

use serde_json::{Map, Value};

use super::path::Path;
use super::{EventError, MAX_SHORT_BYTES, MAX_TEXT_BYTES};
use crate::domain::catalogue::{Member, OUTCOMES, Shape};
use crate::domain::id::is_hidden;

/// How closely to check.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// A type version before the newest known one: names and words of before 0.5.
    Older,
    /// The newest known type version.
    Current,
    /// A later one: what is unknown is let through, what must be there must be there.
    Newer,
}

/// An object with these members, and others only in a version of the type that the table does not know.
pub(super) fn members(
    object: &Map<String, Value>,
    table: &'static [Member],
    age: Age,
    at: &Path<'_>,
) -> Result<(), EventError> {
    known_members(object, table, age, age == Age::Newer, at)
}

fn known_members(
    object: &Map<String, Value>,
    table: &'static [Member],
    age: Age,
    open: bool,
    at: &Path<'_>,
) -> Result<(), EventError> {
    let mut found = 0u32;
    for (name, value) in object {
        let known = table.iter().position(|member| {
            member.name == name || (age == Age::Older && member.before.is_some_and(|before| before == name))
        });
        match known {
            Some(position) => {
                shape(value, &table[position].shape, age, &at.member(name))?;
                if found & (1 << position) != 0 {
                    return Err(EventError::invalid(
                        &at.member(name),
                        "is there under its old and its new name",
                    ));
                }
                found |= 1 << position;
            }
            None if open => {}
            None => return Err(EventError::unknown_member(&at.member(name))),
        }
    }
    for (position, member) in table.iter().enumerate() {
        if member.required && found & (1 << position) == 0 {
            let name = match (age, member.before) {
                (Age::Older, Some(before)) => before,
                _ => member.name,
            };
            return Err(EventError::missing(&at.member(name)));
        }
    }
    Ok(())
}

fn shape(value: &Value, shape: &'static Shape, age: Age, at: &Path<'_>) -> Result<(), EventError> {
    match shape {
        Shape::Text => text(value, at).map(drop),
        Shape::Filled => filled(text(value, at)?, at),
        Shape::Line => short(text(value, at)?, at),
        Shape::Id => id(value, at).map(drop),
        Shape::IdOrEmpty if value.as_str() == Some("") => Ok(()),
        Shape::IdOrEmpty => id(value, at).map(drop),
        Shape::NewUri { before } if age == Age::Older => self::shape(value, before, age, at),
        Shape::Uri | Shape::NewUri { .. } => {
            if is_absolute_uri(id(value, at)?) {
                Ok(())
            } else {
                Err(EventError::invalid(
                    at,
                    "must be an absolute URI, such as https://example.com/1",
                ))
            }
        }
        Shape::DomainId => {
            if is_domain_id(id(value, at)?) {
                Ok(())
            } else {
                Err(EventError::invalid(
                    at,
                    "must be a domain id, such as cdevents:v0:github::acme:shop:pr:42",
                ))
            }
        }
        Shape::Word(words) => match age {
            Age::Newer => short(text(value, at)?, at),
            Age::Older | Age::Current => word(value, words, at),
        },
        Shape::Outcome { before } => match age {
            Age::Older if before.is_empty() => short(text(value, at)?, at),
            Age::Older => word(value, before, at),
            Age::Current | Age::Newer => word(value, OUTCOMES, at),
        },
        Shape::Texts => {
            let items = value
                .as_array()
                .ok_or_else(|| EventError::invalid(at, "must be an array"))?;
            items.iter().enumerate().try_for_each(|(index, item)| {
                let at = at.item(index);
                short(text(item, &at)?, &at)
            })
        }
        Shape::Object(table) => known_members(object(value, at)?, table, age, age == Age::Newer, at),
        Shape::Open(table) => known_members(object(value, at)?, table, age, true, at),
    }
}

/// An object.
pub(super) fn object<'v>(value: &'v Value, at: &Path<'_>) -> Result<&'v Map<String, Value>, EventError> {
    value
        .as_object()
        .ok_or_else(|| EventError::invalid(at, "must be an object"))
}

/// A short text with something in it: what other things are joined on.
pub(super) fn id<'v>(value: &'v Value, at: &Path<'_>) -> Result<&'v str, EventError> {
    let text = text(value, at)?;
    filled(text, at)?;
    short(text, at)?;
    plain(text, at)?;
    Ok(text)
}

/// A text of bounded length.
pub(super) fn text<'v>(value: &'v Value, at: &Path<'_>) -> Result<&'v str, EventError> {
    let text = value
        .as_str()
        .ok_or_else(|| EventError::invalid(at, "must be a string"))?;
    if text.len() > MAX_TEXT_BYTES {
        return Err(EventError::invalid(
            at,
            format!("must not be longer than {MAX_TEXT_BYTES} bytes"),
        ));
    }
    Ok(text)
}

/// Not empty.
pub(super) fn filled(text: &str, at: &Path<'_>) -> Result<(), EventError> {
    if text.is_empty() {
        return Err(EventError::invalid(at, "must not be empty"));
    }
    Ok(())
}

/// At most [`MAX_SHORT_BYTES`].
pub(super) fn short(text: &str, at: &Path<'_>) -> Result<(), EventError> {
    if text.len() > MAX_SHORT_BYTES {
        return Err(EventError::invalid(
            at,
            format!("must not be longer than {MAX_SHORT_BYTES} bytes"),
        ));
    }
    Ok(())
}

/// Without characters that cannot be seen, so that two ids that look alike are alike.
pub(super) fn plain(text: &str, at: &Path<'_>) -> Result<(), EventError> {
    // Printable ASCII is the rule, and quicker to tell than to decode.
    if !text.bytes().all(|b| matches!(b, b' '..=b'~')) && text.chars().any(is_hidden) {
        return Err(EventError::invalid(
            at,
            "must not contain control, invisible or text-direction characters",
        ));
    }
    Ok(())
}

fn word(value: &Value, words: &[&str], at: &Path<'_>) -> Result<(), EventError> {
    if words.contains(&text(value, at)?) {
        Ok(())
    } else {
        Err(EventError::invalid(at, format!("must be one of {}", words.join(", "))))
    }
}

/// RFC 3986 §3: a scheme, a colon and something after it, no white space.
fn is_absolute_uri(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
            && !rest.is_empty()
            && !rest.contains(char::is_whitespace)
    })
}

/// CDEvents 0.6-draft, `schemas/links/domainid.json`: `cdevents:v0:<provider>:<provider id>:<namespace>:<groups>:<type>:<resource>`,
/// of which type and resource may not be empty, and groups neither begin nor end with a slash.
fn is_domain_id(text: &str) -> bool {
    let mut parts = text.splitn(8, ':');
    let mut next = || parts.next();
    let scheme = next() == Some("cdevents") && next() == Some("v0");
    let (_provider, _provider_id, _namespace) = (next(), next(), next());
    let groups = next().is_some_and(|groups| !groups.starts_with('/') && !groups.ends_with('/'));
    let (resource_type, resource) = (next(), next());
    scheme
        && groups
        && [resource_type, resource]
            .iter()
            .all(|part| part.is_some_and(|part| !part.is_empty()))
}
