//! Reads `customData.shipslog`. Members that it does not know are refused with their path; `customData` beside it is the producer's.

use serde::Deserialize as _;
use serde_json::Value;

use super::path::Path;
use super::shape::{filled, plain, short, text};
use super::{EventError, EventErrorKind, MAX_ITEMS, into_object};
use crate::domain::artifact::is_commit;
use crate::domain::extension::Extension;
use crate::domain::pointer;

/// Reads `customData`: an object, or anything else in base64, which then holds nothing of ours.
pub(super) fn read(data: Value, at: &Path<'_>) -> Result<Extension, EventError> {
    if data.is_string() {
        return Ok(Extension::default());
    }
    let mut members = into_object(data, at)?;
    let at = at.member("shipslog");
    let Some(ours) = members.remove("shipslog") else {
        return Ok(Extension::default());
    };
    if !ours.is_object() {
        return Err(EventError::invalid(&at, "must be an object"));
    }
    // Following the path costs time, so it is followed only when something is wrong.
    let extension = Extension::deserialize(&ours).map_err(|error| explain(&ours, &at, &error))?;
    bounded(&ours, Rule::Id, &at)?;
    Ok(extension)
}

fn explain(ours: &Value, at: &Path<'_>, error: &serde_json::Error) -> EventError {
    let mut place = at.to_string();
    let mut message = error.to_string();
    if let Err(error) = serde_path_to_error::deserialize::<_, Extension>(ours) {
        place.push_str(&pointer::of(error.path()));
        message = error.into_inner().to_string();
    }
    // serde tells which member is missing in words only.
    if let Some(name) = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        pointer::push(&mut place, name);
        message = "is required".to_owned();
    } else if message.starts_with("unknown field") {
        message = "is not a member that is known here".to_owned();
    }
    EventError {
        pointer: place,
        message: pointer::excerpt(&message).to_owned(),
        kind: EventErrorKind::Invalid,
    }
}

/// What a text of the extension may be, told by the member it is in.
#[derive(Clone, Copy)]
enum Rule {
    /// What people wrote, of any length.
    Prose,
    /// What people wrote, on one line.
    Line,
    /// The id of a commit.
    Commit,
    /// An id, a URL, a version: what other things are joined on.
    Id,
    /// What the service itself wrote, or text whose type has been read already.
    Free,
}

fn rule(member: &str, parent: Rule) -> Rule {
    match member {
        "message"
        | "reason"
        | "override_reason"
        | "impact"
        | "highlights"
        | "text"
        | "compensating_control"
        | "statement" => Rule::Prose,
        "title" | "name" | "author" | "approved_by" | "merged_by" | "severity" | "role" | "kind" | "team"
        | "strategy" => Rule::Line,
        "commit" | "merge_commit" | "commits" => Rule::Commit,
        "body" | "administration" => Rule::Free,
        // The id of a commit stands in an item of the list of commits.
        "id" => match parent {
            Rule::Commit => Rule::Commit,
            Rule::Prose | Rule::Line | Rule::Id | Rule::Free => Rule::Id,
        },
        _ => Rule::Id,
    }
}

fn bounded(value: &Value, rule_here: Rule, at: &Path<'_>) -> Result<(), EventError> {
    match (value, rule_here) {
        (_, Rule::Free) => Ok(()),
        (Value::Object(members), _) => members
            .iter()
            .try_for_each(|(name, value)| bounded(value, rule(name, rule_here), &at.member(name))),
        (Value::Array(items), _) if items.len() > MAX_ITEMS => Err(EventError::invalid(
            at,
            format!("must not have more than {MAX_ITEMS} items"),
        )),
        (Value::Array(items), _) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| bounded(item, rule_here, &at.item(index))),
        (Value::String(_), Rule::Prose) => text(value, at).map(drop),
        (Value::String(line), Rule::Line) => short(line, at),
        (Value::String(commit), Rule::Commit) if !is_commit(commit) => Err(EventError::invalid(
            at,
            "must be the id of a commit, 7 to 64 hexadecimal digits",
        )),
        (Value::String(id), Rule::Id) => {
            filled(id, at)?;
            short(id, at)?;
            plain(id, at)
        }
        _ => Ok(()),
    }
}
