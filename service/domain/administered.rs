//! What was changed about who may do what, and of who is whom: keys, tokens, names, roles and exceptions, with who did it and who gains by it.

use serde::Serialize;

use super::event::Recorded;
use super::instant::Instant;
use super::producer::Administration;

/// A change of who may do what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Administered {
    /// Index of its entry.
    pub index: u64,
    /// When, as claimed.
    pub at: Instant,
    /// What was done, in words.
    pub what: &'static str,
    /// Who did it, where the event tells.
    pub by: Option<String>,
    /// Who may do more by it, where somebody may.
    pub gains: Option<String>,
}

/// The changes among events, ascending by index and of any mixture.
pub fn fold(records: &[Recorded]) -> Vec<Administered> {
    records.iter().filter_map(administered).collect()
}

fn administered(record: &Recorded) -> Option<Administered> {
    let extension = &record.event.extension;
    let actor = extension.actor.as_ref();
    let named = || actor.map(|actor| actor.name.clone().unwrap_or_else(|| actor.id.clone()));
    let (what, by, gains) = if let Some(administration) = &extension.administration {
        let (what, gains) = changed(administration)?;
        (what, named(), gains)
    } else if let Some(grant) = &extension.exception {
        let by = actor.map_or_else(|| grant.approved_by.clone(), |actor| actor.id.clone());
        ("exception granted", Some(by), Some(grant.requested_by.clone()))
    } else {
        let alias = extension.alias.as_ref()?;
        let what = match alias.roles.is_empty() {
            true => "names declared",
            false => "role declared",
        };
        (what, actor.map(|actor| actor.id.clone()), Some(alias.person.clone()))
    };
    Some(Administered {
        index: record.index,
        at: record.event.occurred_at,
        what,
        by,
        gains,
    })
}

/// What an administration event changes about who may do what, and who gains by it.
fn changed(administration: &Administration) -> Option<(&'static str, Option<String>)> {
    match administration {
        Administration::ProducerRegistered { name, .. } => Some(("key registered", Some(name.to_string()))),
        Administration::ProducerRevoked { .. } => Some(("key revoked", None)),
        Administration::TokenIssued { name, .. } => Some(("token issued", Some(name.clone()))),
        Administration::TokenRevoked { .. } => Some(("token revoked", None)),
        Administration::LogCreated { .. }
        | Administration::LogContinued { .. }
        | Administration::GuardAccepted { .. }
        | Administration::EventErased { .. } => None,
    }
}
