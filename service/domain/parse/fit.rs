//! What the extension may hold depends on the type of the event that it comes with.

use super::EventError;
use super::path::Path;
use crate::domain::Instant;
use crate::domain::alias::ALIAS_DECLARED;
use crate::domain::attestation::{ATTESTATION_MADE, ATTESTATION_REVOKED};
use crate::domain::conclusion::CONCLUSION_DRAWN;
use crate::domain::dependency::DEPENDENCIES_DECLARED;
use crate::domain::event::Body;
use crate::domain::exception::{EXCEPTION_GRANTED, EXCEPTION_REVOKED};
use crate::domain::extension::{DependencyChange, Extension};
use crate::domain::gate::{GATE_ASKED, GATE_DECIDED};
use crate::domain::highlight::HIGHLIGHT_WRITTEN;
use crate::domain::id::ServiceName;
use crate::domain::issued::DOCUMENT_ISSUED;
use crate::domain::link::LINK_DECIDED;
use crate::domain::question::DOCUMENT_ASKED;
use crate::domain::sequence::MOST;
use crate::domain::service::{Declaration, MAX_HALF_LIFE_MINUTES, SERVICE_DECLARED};
use crate::domain::snapshot::{RuntimeSnapshot, SNAPSHOT_TAKEN};

/// What an event is about, beside its extension.
pub(super) struct About<'a> {
    pub(super) event_type: &'a str,
    pub(super) body: &'a Body,
    pub(super) occurred_at: Instant,
    pub(super) service: Option<&'a ServiceName>,
    pub(super) has_environment: bool,
}

/// Whether an extension fits the event that it comes with.
pub(super) fn fits(about: &About<'_>, extension: &Extension, at: &Path<'_>) -> Result<(), EventError> {
    let members = [
        ("link", LINK_DECIDED, extension.link.is_some()),
        ("document", DOCUMENT_ISSUED, extension.document.is_some()),
        ("question", DOCUMENT_ASKED, extension.question.is_some()),
        ("depends_on", DEPENDENCIES_DECLARED, extension.depends_on.is_some()),
        ("declaration", SERVICE_DECLARED, extension.declaration.is_some()),
        ("highlight", HIGHLIGHT_WRITTEN, extension.highlight.is_some()),
        ("alias", ALIAS_DECLARED, extension.alias.is_some()),
        ("exception", EXCEPTION_GRANTED, extension.exception.is_some()),
        ("attestation", ATTESTATION_MADE, extension.attestation.is_some()),
        ("conclusion", CONCLUSION_DRAWN, extension.conclusion.is_some()),
        ("gate_question", GATE_ASKED, extension.gate_question.is_some()),
        ("gate", GATE_DECIDED, extension.gate.is_some()),
        ("snapshot", SNAPSHOT_TAKEN, extension.snapshot.is_some()),
    ];
    for (name, of_type, given) in members {
        match (about.event_type == of_type, given) {
            (true, false) => return Err(EventError::missing(&at.member(name))),
            (false, true) => {
                let message = format!("belongs to events of type {of_type}");
                return Err(EventError::invalid(&at.member(name), message));
            }
            (true, true) | (false, false) => {}
        }
    }
    let highlight = extension.highlight.is_some();
    let declares = extension.depends_on.is_some() || extension.declaration.is_some();
    let gate = extension.gate_question.is_some() || extension.gate.is_some();
    let explained = [EXCEPTION_GRANTED, EXCEPTION_REVOKED, ATTESTATION_REVOKED].contains(&about.event_type);
    let placed = highlight || gate || extension.snapshot.is_some();
    let needed = [
        ("service", (declares || highlight || gate) && about.service.is_none()),
        ("environment", placed && !about.has_environment),
        ("deployment_id", highlight && extension.deployment_id.is_none()),
        ("artifact", gate && extension.artifact.is_none()),
        ("actor", extension.attestation.is_some() && extension.actor.is_none()),
        (
            "reason",
            explained && extension.reason.as_ref().is_none_or(|reason| reason.trim().is_empty()),
        ),
    ];
    if let Some((name, _)) = needed.iter().find(|(_, missing)| *missing) {
        return Err(EventError::missing(&at.member(name)));
    }
    if let Some(link) = &extension.link
        && let Err(message) = link.verdict.goes_with(link.deployment.is_some())
    {
        return Err(EventError::invalid(&at.member("link").member("deployment"), message));
    }
    if let Some(highlight) = &extension.highlight
        && highlight.text.trim().is_empty()
    {
        let at = at.member("highlight");
        return Err(EventError::invalid(&at.member("text"), "must not be empty"));
    }
    if let Some(declaration) = &extension.declaration {
        declared(declaration, &at.member("declaration"))?;
    }
    if let Some(alias) = &extension.alias
        && let Some((member, message)) = alias.fault()
    {
        return Err(EventError::invalid(&at.member("alias").member(member), message));
    }
    if let Some(exception) = &extension.exception
        && let Some((member, message)) = exception.fault(about.occurred_at)
    {
        return Err(EventError::invalid(&at.member("exception").member(member), message));
    }
    if let Some(attestation) = &extension.attestation
        && let Some((member, message)) = attestation.fault(about.occurred_at)
    {
        return Err(EventError::invalid(&at.member("attestation").member(member), message));
    }
    if let Some(conclusion) = &extension.conclusion
        && conclusion.text.trim().is_empty()
    {
        let at = at.member("conclusion");
        return Err(EventError::invalid(&at.member("text"), "must not be empty"));
    }
    if extension.provenance.is_some() && !matches!(about.body, Body::Artifact { .. }) {
        return Err(EventError::invalid(
            &at.member("provenance"),
            "belongs to events about an artifact",
        ));
    }
    if let Some(snapshot) = &extension.snapshot {
        seen(snapshot, about.service, &at.member("snapshot"))?;
    }
    if extension
        .sequence
        .as_ref()
        .is_some_and(|sequence| sequence.number > MOST)
    {
        let at = at.member("sequence");
        return Err(EventError::invalid(
            &at.member("number"),
            format!("must not be greater than {MOST}"),
        ));
    }
    exposed(about.body, extension, at)?;
    dependency_changes(
        about.body,
        &extension.dependency_changes,
        &at.member("dependency_changes"),
    )
}

/// What is said of users is said about a deployment.
fn exposed(body: &Body, extension: &Extension, at: &Path<'_>) -> Result<(), EventError> {
    let members = [
        ("downtime", extension.downtime.is_some()),
        ("risk", extension.risk.is_some()),
        ("rollout", extension.rollout.is_some()),
    ];
    if let Some((name, _)) = members.iter().find(|(_, given)| *given && !is_of_deployment(body)) {
        return Err(EventError::invalid(&at.member(name), OF_DEPLOYMENT));
    }
    if let Some(fault) = extension.downtime.and_then(|downtime| downtime.fault()) {
        return Err(EventError::invalid(&at.member("downtime"), fault));
    }
    match &extension.rollout {
        Some(rollout) if rollout.share_percent > 100 => {
            let at = at.member("rollout");
            Err(EventError::invalid(
                &at.member("share_percent"),
                "must be from 0 to 100",
            ))
        }
        Some(_) | None => Ok(()),
    }
}

const OF_DEPLOYMENT: &str = "belongs to events about a deployment";

fn is_of_deployment(body: &Body) -> bool {
    matches!(body, Body::Deployment { .. } | Body::Service { .. })
}

fn declared(declaration: &Declaration, at: &Path<'_>) -> Result<(), EventError> {
    if declaration.team.as_ref().is_some_and(|team| team.trim().is_empty()) {
        return Err(EventError::invalid(&at.member("team"), "must not be empty"));
    }
    if let Some(minutes) = declaration.half_life_minutes
        && !(1..=MAX_HALF_LIFE_MINUTES).contains(&minutes)
    {
        let message = format!("must be from 1 to {MAX_HALF_LIFE_MINUTES}");
        return Err(EventError::invalid(&at.member("half_life_minutes"), message));
    }
    let links_at = at.member("ticket_links");
    for (number, link) in declaration.ticket_links.iter().enumerate() {
        let at = links_at.item(number);
        link.check_url()
            .map_err(|message| EventError::invalid(&at.member("url"), message))?;
        let earlier = &declaration.ticket_links[..number];
        if earlier.iter().any(|known| known.prefix == link.prefix) {
            return Err(EventError::invalid(&at.member("prefix"), "is there twice"));
        }
    }
    Ok(())
}

/// A snapshot holds only what it speaks of, and claims to be complete only if it could be.
fn seen(snapshot: &RuntimeSnapshot, service: Option<&ServiceName>, at: &Path<'_>) -> Result<(), EventError> {
    let services_at = at.member("services");
    if let Some(service) = service
        && snapshot.services.iter().any(|named| named != service)
    {
        let message = format!("must name no other service than {service}, which the event is about");
        return Err(EventError::invalid(&services_at, message));
    }
    if snapshot.complete && !snapshot.unmapped.is_empty() {
        let message = "cannot be true while something is unmapped";
        return Err(EventError::invalid(&at.member("complete"), message));
    }
    let running_at = at.member("running");
    let of_others = |named: &ServiceName| match service {
        Some(service) => service != named,
        None => !snapshot.services.is_empty() && !snapshot.services.contains(named),
    };
    snapshot.running.iter().enumerate().try_for_each(|(number, workload)| {
        let at = running_at.item(number);
        if of_others(&workload.service) {
            let message = "is not a service that the snapshot speaks of";
            return Err(EventError::invalid(&at.member("service"), message));
        }
        match (&workload.artifact, &workload.version, workload.instances) {
            (None, None, _) => Err(EventError::missing(&at.member("artifact"))),
            (_, _, Some(0)) => Err(EventError::invalid(&at.member("instances"), "must be at least 1")),
            (Some(_), _, _) | (_, Some(_), _) => Ok(()),
        }
    })
}

fn dependency_changes(body: &Body, changes: &[DependencyChange], at: &Path<'_>) -> Result<(), EventError> {
    if !changes.is_empty() && !is_of_deployment(body) {
        return Err(EventError::invalid(at, OF_DEPLOYMENT));
    }
    changes.iter().enumerate().try_for_each(|(number, change)| {
        let at = at.item(number);
        match (change.name.trim(), &change.from, &change.to) {
            ("", _, _) => Err(EventError::invalid(&at.member("name"), "must not be empty")),
            (_, None, None) => Err(EventError::missing(&at.member("to"))),
            _ => Ok(()),
        }
    })
}
