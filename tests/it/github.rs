//! GitHub deliveries become the events of the mapping, through [`shipslog::adapter::github`].
//!
//! Payloads are read from `../shared/payloads/github/octokit`; where that is absent these tests say so and pass.

mod reviews;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use shipslog::adapter::github::{events, verify_signature};
use shipslog::adapter::{AdapterError, SignatureError};
use shipslog::domain::event::{ArtifactStep, ChangeStep, Phase, RunPhase, ServiceStep};
use shipslog::domain::extension::ActorKind;
use shipslog::domain::parse::{CDEVENT_JSON, parse};
use shipslog::domain::reference::ReferenceKind;
use shipslog::domain::{Body, Event, Outcome};

const DELIVERY: &str = "72d3162e-cc78-11e3-81ab-4c9367dc0958";

/// All payloads: event name, file name, bytes.
fn payloads() -> Vec<(String, String, Vec<u8>)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/payloads/github/octokit");
    if !root.is_dir() {
        println!("skipped: {} is not there", root.display());
        return Vec::new();
    }
    let mut found = Vec::new();
    for folder in fs::read_dir(root).unwrap() {
        let folder = folder.unwrap().path();
        for file in fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().path();
            let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
            found.push((name(&folder), name(&file), fs::read(&file).unwrap()));
        }
    }
    found.sort();
    found
}

fn payload(event: &str, file: &str) -> Option<Value> {
    let (_, _, bytes) = payloads().into_iter().find(|(e, f, _)| e == event && f == file)?;
    Some(serde_json::from_slice(&bytes).unwrap())
}

/// The events of a delivery, read back.
fn made(event: &str, body: &Value) -> Vec<Event> {
    let body = serde_json::to_vec(body).unwrap();
    let payloads = events(event, DELIVERY, &body).unwrap_or_else(|error| panic!("{event}: {error}"));
    payloads
        .iter()
        .map(|payload| parse(CDEVENT_JSON, payload).unwrap_or_else(|error| panic!("{event}: {error}")))
        .collect()
}

fn types(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.event_type.text.as_str()).collect()
}

#[test]
fn every_payload_becomes_the_events_of_the_mapping() {
    let expected: BTreeMap<(&str, &str), &[&str]> = BTreeMap::from([
        (("deployment", "created"), &["dev.cdevents.deployment.queued.0.1.0"][..]),
        (
            ("deployment_status", "in_progress"),
            &["dev.cdevents.deployment.started.0.1.0"],
        ),
        (
            ("deployment_status", "success"),
            &[
                "dev.cdevents.deployment.finished.0.1.0",
                "dev.cdevents.service.deployed.0.3.0",
            ],
        ),
        (
            ("deployment_review", "requested"),
            &["dev.cdevents.approval.created.0.1.0"],
        ),
        (("release", "published"), &["dev.cdevents.artifact.published.0.3.0"]),
        (("pull_request", "opened"), &["dev.cdevents.change.created.0.4.0"]),
        (("pull_request", "reopened"), &["dev.cdevents.change.updated.0.3.0"]),
        (("pull_request", "closed"), &["dev.cdevents.change.abandoned.0.3.0"]),
        (
            ("pull_request_review", "submitted"),
            &["dev.cdevents.change.reviewed.0.3.0"],
        ),
        (("push", ""), &["dev.cdeventsx.github-push.received.0.1.0"]),
        (
            ("workflow_run", "requested"),
            &["dev.cdevents.pipelinerun.queued.0.3.0"],
        ),
        (
            ("workflow_run", "completed"),
            &["dev.cdevents.pipelinerun.finished.0.3.0"],
        ),
    ]);
    let mut seen = BTreeMap::new();
    for (event, file, bytes) in payloads() {
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        let state = body.pointer("/deployment_status/state");
        let action = state.unwrap_or(&body["action"]).as_str().unwrap_or_default();
        let payloads = events(&event, DELIVERY, &bytes).unwrap_or_else(|error| panic!("{event}/{file}: {error}"));
        let made: Vec<Event> = payloads
            .iter()
            .map(|payload| parse(CDEVENT_JSON, payload).unwrap_or_else(|error| panic!("{event}/{file}: {error}")))
            .collect();
        let wanted = expected.get(&(event.as_str(), action)).copied().unwrap_or_default();
        assert_eq!(types(&made), wanted, "{event}/{file} {action}");
        if !wanted.is_empty() {
            seen.insert((event.clone(), action.to_owned()), ());
        }
        for (ordinal, one) in made.iter().enumerate() {
            assert_eq!(one.source, body["repository"]["html_url"], "{event}/{file}");
            assert_eq!(
                one.service.as_ref().unwrap().as_str(),
                body["repository"]["name"],
                "{event}/{file}"
            );
            let received = one.extension.received.as_ref().unwrap();
            assert_eq!(
                (received.from.as_str(), received.event.as_str()),
                ("github", event.as_str())
            );
            assert_eq!(received.delivery, DELIVERY);
            assert_eq!(received.body.is_some(), ordinal == 0);
        }
        assert_eq!(
            events(&event, DELIVERY, &bytes).unwrap(),
            payloads,
            "{event}/{file} again"
        );
    }
    assert!(seen.is_empty() || seen.len() == expected.len(), "{seen:?}");
}

#[test]
fn the_raw_body_is_kept_as_it_came() {
    for (event, file, bytes) in payloads() {
        for payload in events(&event, DELIVERY, &bytes).unwrap().iter().take(1) {
            use base64ct::Encoding as _;
            let made = parse(CDEVENT_JSON, payload).unwrap();
            let body = made.extension.received.unwrap().body.unwrap();
            assert!(base64ct::Base64::decode_vec(&body).unwrap() == bytes, "{event}/{file}");
        }
    }
}

#[test]
fn a_deployment_keeps_its_id_through_its_life() {
    let Some(mut body) = payload("deployment_status", "with-installation.payload.json") else {
        return;
    };
    let artifact = "pkg:github/codertocat/hello-world@f95f852bd8fca8fcc58a9a2d6c842781e32a215e";
    for (state, phase) in [
        ("queued", Some(Phase::Queued)),
        ("waiting", Some(Phase::Queued)),
        ("pending", Some(Phase::Queued)),
        ("in_progress", Some(Phase::Started)),
        ("success", Some(Phase::Finished(Outcome::Success))),
        ("failure", Some(Phase::Finished(Outcome::Failure))),
        ("error", Some(Phase::Finished(Outcome::Error))),
        ("inactive", None),
        ("unheard of", None),
    ] {
        body["deployment_status"]["state"] = state.into();
        let made = made("deployment_status", &body);
        let Some(phase) = phase else {
            assert!(made.is_empty(), "{state}");
            continue;
        };
        let Body::Deployment {
            phase: read,
            artifact: of,
        } = &made[0].body
        else {
            panic!("{state}")
        };
        assert_eq!((*read, of.id.as_str()), (phase, artifact), "{state}");
        assert_eq!(made[0].subject_id, "145988746");
        assert_eq!(made[0].environment.as_ref().unwrap().as_str(), "production");
        assert_eq!(made[0].occurred_at.to_string(), "2019-05-15T15:20:55.000Z");
        let actor = made[0].extension.actor.as_ref().unwrap();
        assert_eq!((actor.id.as_str(), actor.kind), ("Codertocat", Some(ActorKind::Human)));
        let commit = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e".to_owned();
        assert!(made[0].references().contains(&(ReferenceKind::Commit, commit)));
        assert_eq!(made.len(), if state == "success" { 2 } else { 1 });
    }
    body["deployment_status"]["state"] = "success".into();
    let made = made("deployment_status", &body);
    let Body::Service {
        step,
        artifact: Some(of),
    } = &made[1].body
    else {
        panic!("{:?}", made[1].body)
    };
    assert_eq!((*step, of.id.as_str()), (ServiceStep::Deployed, artifact));
    assert_eq!(made[1].extension.deployment_id.as_ref().unwrap().as_str(), "145988746");
    assert_eq!(made[1].subject_id, "Hello-World");
    // Whatever the delivery is called, which nothing authenticates, its events keep their ids.
    let id = ledger::sha256(&serde_json::to_vec(&body).unwrap()).to_hex();
    assert_eq!(made[0].id, id);
    assert_eq!(made[1].id, format!("{id}.1"));
}

#[test]
fn a_body_is_of_the_event_that_the_header_names() {
    for (event, member, other) in [
        ("deployment_status", "/deployment_status", "deployment"),
        ("pull_request_review", "/review", "pull_request"),
    ] {
        let bodies = payloads().into_iter().filter(|(of, _, _)| of == event);
        for (_, file, body) in bodies {
            let refused = events(other, DELIVERY, &body);
            assert!(
                matches!(&refused, Err(AdapterError::Body { pointer, .. }) if pointer == member),
                "{file}: {refused:?}"
            );
        }
    }
}

#[test]
fn the_deployer_may_name_artifact_and_version() {
    let Some(mut body) = payload("deployment", "with-installation.payload.json") else {
        return;
    };
    body["deployment"]["ref"] = "v1.2.3".into();
    body["sender"]["type"] = "Bot".into();
    body["deployment"]["creator"] = Value::Null;
    body["deployment"]["description"] = "Fix the till".into();
    let digest = format!("sha256:{}", "ab".repeat(32));
    for (payload, id, version) in [
        (json!(""), None, "v1.2.3"),
        (
            json!({ "digest": digest }),
            Some(format!("pkg:oci/hello-world@{}", digest.replace(':', "%3A"))),
            "v1.2.3",
        ),
        (
            json!({ "image": "ghcr.io/o/r:1", "version": "1" }),
            Some("ghcr.io/o/r:1".to_owned()),
            "1",
        ),
        (
            json!({ "purl": "pkg:oci/r@1", "image": "x" }),
            Some("pkg:oci/r@1".to_owned()),
            "v1.2.3",
        ),
    ] {
        body["deployment"]["payload"] = payload;
        let made = made("deployment", &body);
        let Body::Deployment { artifact, .. } = &made[0].body else {
            panic!()
        };
        if let Some(id) = id {
            assert_eq!(artifact.id, id);
        }
        assert_eq!(made[0].extension.version.as_deref(), Some(version));
        assert_eq!(made[0].extension.reason.as_deref(), Some("Fix the till"));
        assert_eq!(
            made[0].extension.actor.as_ref().unwrap().kind,
            Some(ActorKind::Pipeline)
        );
    }
    for branch in ["main", "release-1", "1", "v1", "2026-plans", ".1"] {
        body["deployment"]["ref"] = branch.into();
        body["deployment"]["payload"] = json!({});
        assert_eq!(made("deployment", &body)[0].extension.version, None, "{branch}");
    }
}

#[test]
fn a_merged_pull_request_names_people_and_commit() {
    let Some(mut body) = payload("pull_request", "closed.payload.json") else {
        return;
    };
    body["pull_request"]["merged"] = true.into();
    body["pull_request"]["merged_at"] = "2019-05-15T15:21:19Z".into();
    body["pull_request"]["merged_by"] = json!({ "login": "octocat", "type": "User" });
    let made_events = made("pull_request", &body);
    let [event] = made_events.as_slice() else { panic!() };
    assert!(
        matches!(&event.body, Body::Change { step: ChangeStep::Merged, repository: Some(r), .. } if r == "Codertocat/Hello-World")
    );
    assert_eq!(event.subject_id, "2");
    assert_eq!(event.occurred_at.to_string(), "2019-05-15T15:21:19.000Z");
    assert_eq!(
        event.extension.commit.as_deref(),
        Some("c4295bd74fb0f4fda03689c3df3f2803b658fd85")
    );
    let request = &event.extension.pull_requests[0];
    assert_eq!(
        request.title.as_deref(),
        Some("Update the README with new information.")
    );
    assert_eq!(
        (request.author.as_deref(), request.merged_by.as_deref()),
        (Some("Codertocat"), Some("octocat"))
    );
    assert_eq!(event.extension.actor.as_ref().unwrap().id, "octocat");

    for (action, event_type) in [
        ("synchronize", "change.updated"),
        ("edited", "change.updated"),
        ("opened", "change.created"),
    ] {
        body["action"] = action.into();
        assert!(types(&made("pull_request", &body))[0].contains(event_type), "{action}");
    }
}

#[test]
fn conclusions_become_outcomes() {
    let Some(mut body) = payload("workflow_run", "completed.payload.json") else {
        return;
    };
    for (conclusion, outcome) in [
        ("success", Outcome::Success),
        ("neutral", Outcome::Success),
        ("failure", Outcome::Failure),
        ("startup_failure", Outcome::Failure),
        ("action_required", Outcome::Failure),
        ("cancelled", Outcome::Cancel),
        ("skipped", Outcome::Cancel),
        ("stale", Outcome::Cancel),
        ("timed_out", Outcome::Error),
    ] {
        body["workflow_run"]["conclusion"] = conclusion.into();
        let made = made("workflow_run", &body);
        let Body::PipelineRun { phase, name, uri, .. } = &made[0].body else {
            panic!()
        };
        assert_eq!(*phase, RunPhase::Finished(Some(outcome)), "{conclusion}");
        assert_eq!(name.as_deref(), Some("test"));
        assert_eq!(
            uri.as_deref(),
            Some("https://github.com/octo-org/octo-repo/actions/runs/289782451")
        );
        assert_eq!(made[0].subject_id, "289782451/attempts/1");
        assert_eq!(
            made[0].extension.commit.as_deref(),
            Some("3484a3fb816e0859fd6e1cea078d76385ff50625")
        );
    }
    // A delivery that never came shows by its number.
    let numbered = made("workflow_run", &body)[0].extension.sequence.clone().unwrap();
    let (run, workflow) = (
        &body["workflow_run"]["run_number"],
        &body["workflow_run"]["workflow_id"],
    );
    assert_eq!(
        json!([numbered.number, numbered.series]),
        json!([run, format!("workflow {workflow}")])
    );
    body["workflow_run"]["conclusion"] = "exploded".into();
    let error = events("workflow_run", DELIVERY, &serde_json::to_vec(&body).unwrap()).unwrap_err();
    assert!(matches!(error, AdapterError::Body { pointer, .. } if pointer == "/workflow_run/conclusion"));
    body["action"] = "in_progress".into();
    let made = made("workflow_run", &body);
    assert!(matches!(
        &made[0].body,
        Body::PipelineRun {
            phase: RunPhase::Started,
            ..
        }
    ));
}

#[test]
fn a_push_keeps_its_commits_and_a_release_its_notes() {
    let Some(mut push) = payload("push", "with-no-username-committer.payload.json") else {
        return;
    };
    push["repository"]["pushed_at"] = 1_557_933_654.into();
    let event = made("push", &push).remove(0);
    let Body::Push(told) = &event.body else { panic!() };
    assert_eq!((&told.before, told.after.as_deref()), (&None, push["after"].as_str()));
    assert_eq!(event.occurred_at.to_string(), "2019-05-15T15:20:54.000Z");
    assert_eq!(event.extension.commits.len(), push["commits"].as_array().unwrap().len());
    assert!(!event.extension.commits.is_empty());
    push["commits"][0]["timestamp"] = "0001-01-01T00:00:00Z".into();
    assert_eq!(made("push", &push)[0].extension.commits[0].committed_at, None);

    let mut release = payload("release", "published.with-discussion-url.payload.json").unwrap();
    release["release"]["body"] = "Faster till".into();
    release["release"]["tag_name"] = "shop/v1.0+b".into();
    let event = made("release", &release).remove(0);
    let Body::Artifact {
        step: ArtifactStep::Published,
        artifact,
        ..
    } = &event.body
    else {
        panic!()
    };
    assert_eq!(artifact.id, "pkg:github/codertocat/hello-world@shop%2Fv1.0%2Bb");
    assert_eq!(artifact.version.as_deref(), Some("shop/v1.0+b"));
    assert_eq!(event.extension.version.as_deref(), Some("shop/v1.0+b"));
    assert_eq!(event.extension.highlights.as_deref(), Some("Faster till"));
}

#[test]
fn what_is_not_read_is_named() {
    let body = |body: &str| events("push", DELIVERY, body.as_bytes()).unwrap_err();
    assert!(matches!(body("{"), AdapterError::Body { .. }));
    assert!(matches!(body("[]"), AdapterError::Body { pointer, .. } if pointer.is_empty()));
    assert!(matches!(body("{} {}"), AdapterError::Body { .. }));
    assert!(matches!(body(r#"{"ref":1}"#), AdapterError::Body { pointer, .. } if pointer == "/ref"));
    let deep = "[".repeat(100_000);
    assert!(matches!(body(&deep), AdapterError::Body { .. }));
    for delivery in ["", "a b", "a\n", &"x".repeat(129), "é"] {
        assert_eq!(
            events("push", delivery, b"{}"),
            Err(AdapterError::Delivery),
            "{delivery:?}"
        );
    }
    for event in ["ping", "star", ""] {
        assert_eq!(events(event, DELIVERY, b"whatever"), Ok(Vec::new()));
    }
}

/// The vector is GitHub's own, from "Validating webhook deliveries".
#[test]
fn signatures_are_checked_over_the_raw_body() {
    let secret = b"It's a Secret to Everybody";
    let body = b"Hello, World!";
    let hex = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert_eq!(verify_signature(secret, body, &format!("sha256={hex}")), Ok(()));
    assert_eq!(
        verify_signature(secret, body, &format!("sha256={}", hex.to_uppercase())),
        Ok(())
    );
    assert_eq!(
        verify_signature(b"other", body, &format!("sha256={hex}")),
        Err(SignatureError::Mismatch)
    );
    assert_eq!(
        verify_signature(secret, b"Hello, World", &format!("sha256={hex}")),
        Err(SignatureError::Mismatch)
    );
    for at in 0..64 {
        let mut changed = hex.as_bytes().to_vec();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        let changed = format!("sha256={}", String::from_utf8(changed).unwrap());
        assert_eq!(
            verify_signature(secret, body, &changed),
            Err(SignatureError::Mismatch),
            "{at}"
        );
    }
    for header in [
        "",
        hex,
        "sha1=757107",
        "sha256=",
        &format!("sha256={hex}0"),
        &format!("sha256={}zz", &hex[2..]),
    ] {
        assert_eq!(
            verify_signature(secret, body, header),
            Err(SignatureError::Form),
            "{header}"
        );
    }
}
