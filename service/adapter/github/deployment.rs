//! `deployment` and `deployment_status`: one deployment's life, under the id that GitHub gives it.

use serde_json::{Value, json};

use super::body::{DeploymentDelivery, DeploymentStatus, filled};
use super::{AdapterError, Made, Record, absent, made, missing, refused};
use crate::domain::event::Outcome;
use crate::domain::extension::Extension;
use crate::domain::id::DeploymentId;

/// `deployment`: somebody asked for it.
pub(super) fn created(delivery: &DeploymentDelivery) -> Result<Made, AdapterError> {
    absent("/deployment_status", delivery.deployment_status.as_ref())?;
    let mut records = Vec::new();
    if delivery.action.as_deref().unwrap_or("created") == "created" {
        records.push(Record {
            event_type: "dev.cdevents.deployment.queued.0.1.0",
            at: delivery.deployment.created_at,
            subject: delivery.deployment.id.to_string(),
            content: content(delivery, None),
            extension: extension(delivery)?,
        });
    }
    Ok(made(&delivery.common, records))
}

/// `deployment_status`: how far it is. `inactive` means that a later one took its place, which that one's record says already.
pub(super) fn status(delivery: &DeploymentDelivery) -> Result<Made, AdapterError> {
    let status = delivery
        .deployment_status
        .as_ref()
        .ok_or_else(|| missing("/deployment_status"))?;
    let records = match status.state.as_str() {
        "queued" | "waiting" | "pending" => {
            vec![phase(delivery, status, "dev.cdevents.deployment.queued.0.1.0", None)?]
        }
        "in_progress" => vec![phase(delivery, status, "dev.cdevents.deployment.started.0.1.0", None)?],
        "success" => vec![
            finished(delivery, status, Outcome::Success)?,
            deployed(delivery, status)?,
        ],
        "failure" => vec![finished(delivery, status, Outcome::Failure)?],
        "error" => vec![finished(delivery, status, Outcome::Error)?],
        _ => Vec::new(),
    };
    Ok(made(&delivery.common, records))
}

fn finished(
    delivery: &DeploymentDelivery,
    status: &DeploymentStatus,
    outcome: Outcome,
) -> Result<Record, AdapterError> {
    phase(
        delivery,
        status,
        "dev.cdevents.deployment.finished.0.1.0",
        Some(outcome),
    )
}

fn phase(
    delivery: &DeploymentDelivery,
    status: &DeploymentStatus,
    event_type: &'static str,
    outcome: Option<Outcome>,
) -> Result<Record, AdapterError> {
    Ok(Record {
        event_type,
        at: status.created_at,
        subject: delivery.deployment.id.to_string(),
        content: content(delivery, outcome),
        extension: status_extension(delivery, status)?,
    })
}

/// What runs there now. It names its deployment, so that it is read as a part of it and not as another one. Whether something
/// ran there before GitHub does not say, so this is never `upgraded`.
fn deployed(delivery: &DeploymentDelivery, status: &DeploymentStatus) -> Result<Record, AdapterError> {
    Ok(Record {
        event_type: "dev.cdevents.service.deployed.0.3.0",
        at: status.created_at,
        subject: delivery.common.repository.name.clone(),
        content: content(delivery, None),
        extension: Extension {
            deployment_id: Some(
                DeploymentId::try_from(delivery.deployment.id.to_string())
                    .map_err(|error| refused("/deployment/id", error))?,
            ),
            ..status_extension(delivery, status)?
        },
    })
}

fn content(delivery: &DeploymentDelivery, outcome: Option<Outcome>) -> Value {
    let mut content = json!({
        "artifactId": artifact(delivery),
        "environment": { "id": delivery.deployment.environment, "source": delivery.common.repository.html_url },
    });
    if let Some(outcome) = outcome {
        content["outcome"] = json!(outcome);
    }
    content
}

/// The artifact that the deployer names in the deployment's payload, or else the commit as a package of GitHub.
fn artifact(delivery: &DeploymentDelivery) -> String {
    for name in ["artifactId", "artifact_id", "artifact", "purl", "image"] {
        if let Some(artifact) = payload_text(delivery, name) {
            return artifact;
        }
    }
    match payload_text(delivery, "digest") {
        Some(digest) => {
            format!(
                "pkg:oci/{}@{}",
                delivery.common.repository.name.to_ascii_lowercase(),
                digest.replace(':', "%3A")
            )
        }
        None => super::purl(&delivery.common, &delivery.deployment.sha),
    }
}

fn status_extension(delivery: &DeploymentDelivery, status: &DeploymentStatus) -> Result<Extension, AdapterError> {
    let page = filled(status.log_url.as_ref()).or_else(|| filled(status.target_url.as_ref()));
    let extension = extension(delivery)?;
    Ok(Extension {
        actor: status
            .creator
            .as_ref()
            .map(|creator| creator.actor())
            .or(extension.actor),
        reason: filled(status.description.as_ref()).or(extension.reason),
        run_url: page.or(extension.run_url),
        ..extension
    })
}

fn extension(delivery: &DeploymentDelivery) -> Result<Extension, AdapterError> {
    let deployment = &delivery.deployment;
    Ok(Extension {
        version: payload_text(delivery, "version").or_else(|| version_of(&deployment.git_ref)),
        commit: Some(deployment.sha.clone()),
        actor: Some(deployment.creator.as_ref().unwrap_or(&delivery.common.sender).actor()),
        reason: filled(deployment.description.as_ref()),
        run_url: delivery
            .workflow_run
            .as_ref()
            .and_then(|run| filled(run.html_url.as_ref())),
        ..super::extension(&delivery.common)?
    })
}

fn payload_text(delivery: &DeploymentDelivery, name: &str) -> Option<String> {
    let text = delivery.deployment.payload.as_ref()?.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// A tag that reads as a version: a number with dots, after a `v` or nothing.
fn version_of(git_ref: &str) -> Option<String> {
    let tag = git_ref.strip_prefix("refs/tags/").unwrap_or(git_ref);
    let number = tag.strip_prefix('v').unwrap_or(tag);
    let mut parts = number.split(['.', '-', '+']);
    let is_number =
        |part: Option<&str>| part.is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    (is_number(parts.next()) && number.contains('.') && is_number(parts.next())).then(|| tag.to_owned())
}
