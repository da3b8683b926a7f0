//! CDEvents as published, through [`shipslog::domain::parse`]: conformance files are read, and what the schemas refuse is refused.
//!
//! Files and schemas are read from `../shared/payloads/cdevents`; where that is absent these tests say so and pass.

mod hostile;
mod schema;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use shipslog::domain::event::{
    ApprovalStep, ArtifactStep, ChangeStep, EnvironmentStep, IncidentStep, RunPhase, ServiceStep, TicketStep,
};
use shipslog::domain::parse::{CDEVENT_JSON, CLOUDEVENT_JSON, EventError, EventErrorKind, parse};
use shipslog::domain::{Body, Event, Outcome};

/// The published versions, and how many conformance files each has.
const VERSIONS: [(&str, usize); 3] = [("v0.4.1", 45), ("v0.5.1", 45), ("main-0.6.0-draft", 48)];

/// A folder of the published specification, where there is one.
fn published(folder: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/payloads/cdevents")
        .join(folder);
    if !path.is_dir() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// The JSON files of a folder by name, without what lies deeper.
fn files(folder: &str) -> Vec<(String, Value)> {
    let Some(path) = published(folder) else {
        return Vec::new();
    };
    let mut files: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|item| item.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
        })
        .collect();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

fn read(event: &Value) -> Result<Event, EventError> {
    parse(CDEVENT_JSON, &serde_json::to_vec(event).unwrap())
}

/// An event of the published form that has everything of its kind.
fn sample(kind: &str) -> Option<Value> {
    files("v0.5.1/conformance")
        .into_iter()
        .find(|(name, _)| name == kind)
        .map(|(_, event)| event)
}

#[test]
fn conformance_files_are_read_as_what_they_say() {
    for (version, count) in VERSIONS {
        let files = files(&format!("{version}/conformance"));
        if files.is_empty() {
            continue;
        }
        assert_eq!(files.len(), count, "{version}");
        for (name, written) in files {
            let event = read(&written).unwrap_or_else(|error| panic!("{version}/{name}: {error}"));
            assert_eq!(event.id, written["context"]["id"], "{version}/{name}");
            assert_eq!(event.source, written["context"]["source"], "{version}/{name}");
            assert_eq!(event.event_type.text, written["context"]["type"], "{version}/{name}");
            assert_eq!(event.subject_id, written["subject"]["id"], "{version}/{name}");
            assert!(event.event_type.standard, "{version}/{name}");
            assert!(is_expected(&name, &event.body), "{version}/{name}: {:?}", event.body);
            let environment = match name.split_once('_') {
                Some(("environment", _)) => written["subject"]["id"].as_str(),
                _ => written["subject"]["content"]["environment"]["id"].as_str(),
            };
            assert_eq!(
                event.environment.as_ref().map(|name| name.as_str()),
                environment,
                "{version}/{name}"
            );
            let service = match name.split_once('_') {
                Some(("service", _)) => written["subject"]["id"].as_str(),
                _ => written["subject"]["content"]["service"]["id"].as_str(),
            };
            assert_eq!(
                event.service.as_ref().map(|name| name.as_str()),
                service,
                "{version}/{name}"
            );
        }
    }
}

/// What a conformance file must be read as, by its name.
fn is_expected(name: &str, body: &Body) -> bool {
    match (name, body) {
        ("service_deployed", Body::Service { step, artifact }) => {
            let digest = "sha256:0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427";
            *step == ServiceStep::Deployed && artifact.as_ref().and_then(|a| a.digest.as_deref()) == Some(digest)
        }
        ("service_upgraded", Body::Service { step, artifact }) => {
            *step == ServiceStep::Upgraded && artifact.as_ref().and_then(|a| a.name.as_deref()) == Some("myapp")
        }
        ("service_rolledback", Body::Service { step, artifact }) => {
            *step == ServiceStep::RolledBack && artifact.is_some()
        }
        ("service_removed", Body::Service { step, .. }) => *step == ServiceStep::Removed,
        ("service_published", Body::Service { step, .. }) => *step == ServiceStep::Published,
        ("change_created", Body::Change { step, repository, .. }) => {
            *step == ChangeStep::Created && repository.is_some()
        }
        ("change_updated", Body::Change { step, .. }) => *step == ChangeStep::Updated,
        ("change_reviewed", Body::Change { step, .. }) => *step == ChangeStep::Reviewed,
        ("change_merged", Body::Change { step, .. }) => *step == ChangeStep::Merged,
        ("change_abandoned", Body::Change { step, .. }) => *step == ChangeStep::Abandoned,
        ("artifact_packaged", Body::Artifact { step, change, .. }) => {
            *step == ArtifactStep::Packaged && change.is_some()
        }
        ("artifact_signed", Body::Artifact { step, .. }) => *step == ArtifactStep::Signed,
        ("artifact_published", Body::Artifact { step, sbom, .. }) => *step == ArtifactStep::Published && sbom.is_some(),
        ("artifact_downloaded", Body::Artifact { step, .. }) => *step == ArtifactStep::Downloaded,
        ("artifact_deleted", Body::Artifact { step, .. }) => *step == ArtifactStep::Deleted,
        ("build_queued", Body::Build { phase, .. }) => *phase == RunPhase::Queued,
        ("build_started", Body::Build { phase, .. }) => *phase == RunPhase::Started,
        ("build_finished", Body::Build { phase, artifact }) => *phase == RunPhase::Finished(None) && artifact.is_some(),
        ("pipelinerun_queued", Body::PipelineRun { phase, uri, .. }) => *phase == RunPhase::Queued && uri.is_some(),
        ("pipelinerun_started", Body::PipelineRun { phase, uri, .. }) => *phase == RunPhase::Started && uri.is_some(),
        ("pipelinerun_finished", Body::PipelineRun { phase, uri, errors, .. }) => {
            *phase == RunPhase::Finished(Some(Outcome::Failure)) && uri.is_some() && errors.is_some()
        }
        ("testcaserun_finished", Body::TestRun(run)) => {
            !run.suite
                && run.phase == RunPhase::Finished(Some(Outcome::Success))
                && run.name.as_deref() == Some("Login Test")
                && run.kind.as_deref() == Some("integration")
        }
        ("testcaserun_queued", Body::TestRun(run)) => !run.suite && run.phase == RunPhase::Queued,
        ("testcaserun_started", Body::TestRun(run)) => !run.suite && run.phase == RunPhase::Started,
        ("testcaserun_skipped", Body::TestRun(run)) => {
            !run.suite && run.phase == RunPhase::Skipped && run.reason.is_some()
        }
        ("testsuiterun_finished", Body::TestRun(run)) => {
            run.suite && run.phase == RunPhase::Finished(Some(Outcome::Failure)) && run.name.is_some()
        }
        ("testsuiterun_queued", Body::TestRun(run)) => run.suite && run.phase == RunPhase::Queued,
        ("testsuiterun_started", Body::TestRun(run)) => run.suite && run.phase == RunPhase::Started,
        ("approval_created", Body::Approval(approval)) => {
            approval.step == ApprovalStep::Created && approval.person.as_deref() == Some("urn:user:alice")
        }
        ("approval_updated", Body::Approval(approval)) => {
            approval.step == ApprovalStep::Updated && approval.decision.is_some()
        }
        ("approval_closed", Body::Approval(approval)) => {
            approval.step == ApprovalStep::Closed
                && approval.person.as_deref() == Some("urn:user:bob")
                && approval.status.as_deref() == Some("approved")
        }
        ("incident_detected", Body::Incident { step, description, .. }) => {
            *step == IncidentStep::Detected && description.is_some()
        }
        ("incident_reported", Body::Incident { step, ticket, .. }) => {
            *step == IncidentStep::Reported && ticket.is_some()
        }
        ("incident_resolved", Body::Incident { step, .. }) => *step == IncidentStep::Resolved,
        ("ticket_created", Body::Ticket(ticket)) => ticket.step == TicketStep::Created && ticket.summary.is_some(),
        ("ticket_updated", Body::Ticket(ticket)) => ticket.step == TicketStep::Updated && ticket.uri.is_some(),
        ("ticket_closed", Body::Ticket(ticket)) => ticket.step == TicketStep::Closed && ticket.resolution.is_some(),
        ("environment_created", Body::Environment { step, uri, .. }) => {
            *step == EnvironmentStep::Created && uri.is_some()
        }
        ("environment_modified", Body::Environment { step, uri, .. }) => {
            *step == EnvironmentStep::Modified && uri.is_some()
        }
        ("environment_deleted", Body::Environment { step, name, .. }) => {
            *step == EnvironmentStep::Deleted && name.is_some()
        }
        (name, Body::Other) => ["branch_", "repository_", "taskrun_", "testoutput_"]
            .iter()
            .any(|p| name.starts_with(p)),
        _ => false,
    }
}

#[test]
fn custom_events_keep_their_own_content() {
    for (version, _) in VERSIONS {
        for (name, written) in files(&format!("{version}/custom")) {
            if name != "conformance" {
                continue;
            }
            let event = read(&written).unwrap_or_else(|error| panic!("{version}: {error}"));
            assert_eq!(event.event_type.subject, "mytool-resource", "{version}");
            assert_eq!(event.event_type.predicate, "created", "{version}");
            assert_eq!(event.event_type.version, "0.1.0", "{version}");
            assert!(!event.event_type.standard, "{version}");
            assert_eq!(event.body, Body::Other, "{version}");
        }
    }
}

/// A deployment as a pipeline sends it, in either spelling of its type.
fn deployment(predicate: &str, prefix: &str) -> Value {
    let mut event = serde_json::json!({
        "context": {
            "specversion": "0.5.1",
            "id": "d-1-finished",
            "source": "/ci/shop",
            "type": format!("{prefix}.{predicate}.0.1.0"),
            "timestamp": "2026-03-02T09:00:00+01:00",
        },
        "subject": {
            "id": "d-1",
            "content": { "environment": { "id": "production" }, "artifactId": "pkg:oci/shop@4.1.0" },
        },
    });
    if predicate == "finished" {
        event["subject"]["content"]["outcome"] = "cancel".into();
    }
    event
}

#[test]
fn the_twins_of_the_deployment_events_are_read_alike() {
    for predicate in ["queued", "started", "finished"] {
        let upstream = read(&deployment(predicate, "dev.cdevents.deployment")).unwrap();
        let twin = read(&deployment(predicate, "dev.cdeventsx.shipslog-deployment")).unwrap();
        assert!(matches!(upstream.body, Body::Deployment { .. }));
        assert_eq!(twin.body, upstream.body);
        assert_eq!(
            (twin.event_type.subject.as_str(), twin.event_type.predicate.as_str()),
            ("deployment", predicate)
        );
        assert_eq!(twin.service.as_ref().unwrap().as_str(), "shop");
        assert_eq!(twin.environment.unwrap().as_str(), "production");
        assert_eq!(twin.occurred_at.to_string(), "2026-03-02T08:00:00.000Z");
    }
    let unknown = read(&deployment("paused", "dev.cdeventsx.shipslog-deployment")).unwrap();
    assert_eq!(unknown.body, Body::Other);
}

#[test]
fn an_incident_need_not_name_a_place_under_a_type_of_ours() {
    for predicate in ["detected", "reported", "resolved"] {
        let mut event = deployment(predicate, "dev.cdeventsx.shipslog-incident");
        event["subject"]["content"] = serde_json::json!({ "service": { "id": "shop" }, "description": "slow" });
        if predicate == "reported" {
            assert_eq!(read(&event).unwrap_err().pointer, "/subject/content/ticketURI");
            event["subject"]["content"]["ticketURI"] = "https://tracker.example/1".into();
        }
        let twin = read(&event).unwrap();
        assert!(matches!(twin.body, Body::Incident { .. }), "{predicate}");
        assert_eq!(twin.event_type.subject, "incident");
        assert_eq!(
            (twin.service.unwrap().as_str(), twin.environment),
            ("shop", None),
            "{predicate}"
        );
        event["context"].as_object_mut().unwrap().remove("specversion");
        event["context"]["version"] = "0.4.1".into();
        for subject_type in ["incident", "shipslog-incident"] {
            event["subject"]["type"] = subject_type.into();
            read(&event).unwrap();
        }
        event["context"]["type"] = format!("dev.cdevents.incident.{predicate}.0.3.0").into();
        event["subject"]["type"] = "incident".into();
        assert_eq!(read(&event).unwrap_err().pointer, "/subject/content/environment");
    }
}

#[test]
fn a_cloudevent_agrees_with_the_event_inside() {
    let inner = deployment("finished", "dev.cdevents.deployment");
    let outer = serde_json::json!({
        "specversion": "1.0",
        "id": "d-1-finished",
        "source": "/ci/shop",
        "type": "dev.cdevents.deployment.finished.0.1.0",
        "subject": "d-1",
        "time": "2026-03-02T09:00:00+01:00",
        "datacontenttype": "application/json",
        "authtype": "service_account",
        "data": inner,
    });
    let wrap = |outer: &Value| parse(CLOUDEVENT_JSON, &serde_json::to_vec(outer).unwrap());
    assert_eq!(wrap(&outer).unwrap(), read(&inner).unwrap());
    for name in ["id", "source", "type", "subject"] {
        let mut changed = outer.clone();
        changed[name] = "other".into();
        assert_eq!(wrap(&changed).unwrap_err().pointer, format!("/{name}"));
        changed[name] = 7.into();
        assert_eq!(wrap(&changed).unwrap_err().pointer, format!("/{name}"));
    }
    for name in ["specversion", "id", "source", "type", "data"] {
        let mut changed = outer.clone();
        changed.as_object_mut().unwrap().remove(name);
        assert_eq!(wrap(&changed).unwrap_err().pointer, format!("/{name}"));
    }
    for (name, value) in [
        ("specversion", "0.3"),
        ("time", "yesterday"),
        ("datacontenttype", "text/xml"),
        ("data", "{}"),
    ] {
        let mut changed = outer.clone();
        changed[name] = value.into();
        assert_eq!(wrap(&changed).unwrap_err().pointer, format!("/{name}"));
    }
    let mut changed = outer.clone();
    changed["data"]["subject"]["content"]["outcome"] = "fine".into();
    assert_eq!(wrap(&changed).unwrap_err().pointer, "/data/subject/content/outcome");
    let error = parse("application/json", b"{}").unwrap_err();
    assert_eq!(
        (error.kind, error.pointer.as_str()),
        (EventErrorKind::UnknownPayloadType, "")
    );
}

#[test]
fn the_schema_of_the_extension_is_described_closed_and_has_a_valid_example() {
    use utoipa::PartialSchema as _;
    let schema = serde_json::to_value(shipslog::domain::Extension::schema()).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    for (name, member) in schema["properties"].as_object().unwrap() {
        // A member of another type of ours is described beside the reference to it.
        let described = |schema: &Value| schema["description"].as_str().is_some_and(|text| !text.is_empty());
        let inner = member["oneOf"].as_array().into_iter().flatten().any(described);
        assert!(described(member) || inner, "{name}: {member}");
    }
    let mut event = deployment("finished", "dev.cdevents.deployment");
    event["customData"] = serde_json::json!({ "shipslog": schema["example"] });
    let read = read(&event).unwrap();
    assert_eq!(read.service.unwrap().as_str(), "shop");
    assert_eq!(serde_json::to_value(read.extension).unwrap(), schema["example"]);
}
