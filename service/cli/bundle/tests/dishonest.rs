//! Logs whose operator signs whatever is in them, before both verifiers.

use std::fs;

use serde_json::json;

use super::super::super::output;
use super::{Bundle, WITHHELD};
use crate::audit::fixture::{Kept, Log};
use crate::domain::Instant;
use crate::domain::erasure::ErasureReason;
use crate::domain::fixture::question;
use crate::domain::parse::{ADMINISTRATION_JSON, QUESTION_JSON};
use crate::domain::producer::{Administration, Scope};

/// Runs the verifier that the bundle carries; its exit code, or nothing where there is no Python.
pub(super) fn second_verifier(bundle: &Bundle) -> Option<i32> {
    let key = bundle.folder.path().with_extension("vkey");
    fs::write(&key, Log::signer().key().to_string()).unwrap();
    let output = std::process::Command::new("python3")
        .args(["-I", "-B"])
        .arg(bundle.folder.path().join("verify.py"))
        .arg(bundle.folder.path())
        .arg("--log-key")
        .arg(&key)
        .arg("--allow-withheld")
        .output();
    fs::remove_file(&key).unwrap();
    match output {
        Ok(output) => output.status.code(),
        Err(error) => {
            output::note(&format!("skipped: python3 cannot be run ({error})"));
            None
        }
    }
}

pub(super) fn register(
    log: &mut Log,
    name: &str,
    seed: u8,
    scope: Scope,
    until: Option<Instant>,
) -> ledger::PrivateKey {
    let key = ledger::PrivateKey::from_seed([seed; 32]);
    log.administer(&Administration::ProducerRegistered {
        name: name.parse().unwrap(),
        public_key: key.public().to_pem(),
        scope,
        valid_from: None,
        valid_until: until,
    });
    key
}
fn revoke(log: &mut Log, name: &str) {
    log.administer(&Administration::ProducerRevoked {
        name: name.parse().unwrap(),
        reason: "lost".into(),
    });
}
fn say(log: &mut Log, key: &ledger::PrivateKey, change: impl FnOnce(&mut serde_json::Value)) {
    let mut event = serde_json::from_slice(&log.deployment("shop")).unwrap();
    change(&mut event);
    log.record(event.to_string().as_bytes(), key, log.now());
}
fn incident_anywhere(event: &mut serde_json::Value) {
    event["context"]["type"] = "dev.cdeventsx.shipslog-incident.detected.0.1.0".into();
    event["subject"]["content"] = json!({"service": {"id": "shop"}});
    event["customData"] = json!({});
}
pub(super) fn scope(json: serde_json::Value) -> Scope {
    serde_json::from_value(json).unwrap()
}
fn erase(log: &mut Log, index: u64) {
    log.administer(&Administration::EventErased {
        index,
        reason: ErasureReason::LegalOrder,
        text: "ordered".into(),
        identity: ledger::sha256(b"it").to_string(),
    });
}

/// Logs whose operator signs whatever is in them: only what the records themselves say can convict it.
#[test]
fn both_verifiers_agree_on_every_dishonest_log() {
    type Change = fn(&mut Log);
    let cases: &[(&str, bool, Change)] = &[
        ("nothing", true, |_| {}),
        ("a key that nobody registered", false, |log| {
            let payload = log.deployment("shop");
            log.record(&payload, &ledger::PrivateKey::from_seed([9; 32]), log.now());
        }),
        ("another service than the key's", false, |log| log.deploy("till")),
        ("a time before the last", false, |log| {
            let (payload, key) = (log.deployment("shop"), log.team.clone());
            log.record(
                &payload,
                &key,
                Instant::from_millis(log.now().as_millis() - 60 * 60_000),
            );
        }),
        ("a revoked key", false, |log| {
            revoke(log, "team");
            log.deploy("shop");
        }),
        ("a revoked key that signs no more", true, |log| {
            log.deploy("shop");
            revoke(log, "team");
        }),
        ("a name that is given again", true, |log| {
            revoke(log, "team");
            let key = register(log, "team", 5, Scope::default(), None);
            say(log, &key, |_| {});
        }),
        ("a name that is taken", false, |log| {
            drop(register(log, "team", 5, Scope::default(), None))
        }),
        ("a key that is taken", false, |log| {
            drop(register(log, "other", 2, Scope::default(), None))
        }),
        ("somebody who is not there is revoked", false, |log| {
            revoke(log, "nobody")
        }),
        ("the service is revoked", false, |log| revoke(log, "shipslog")),
        ("a key after its time", false, |log| {
            let until = Instant::from_millis(log.now().as_millis() + 60_000);
            let key = register(log, "brief", 5, Scope::default(), Some(until));
            say(log, &key, |_| {});
        }),
        ("a key within its time", true, |log| {
            let until = Instant::from_millis(log.now().as_millis() + 120_000);
            let key = register(log, "brief", 5, Scope::default(), Some(until));
            say(log, &key, |_| {});
        }),
        ("a producer administers", false, |log| {
            let claim = Administration::ProducerRevoked {
                name: "team".parse().unwrap(),
                reason: "x".into(),
            };
            let (payload, key) = (claim.to_payload("x", "/ci", log.now(), None).unwrap(), log.team.clone());
            log.record_as(ADMINISTRATION_JSON, &payload, &key, log.now());
        }),
        (
            "the service administers under the payload type of events",
            false,
            |log| {
                let claim = Administration::ProducerRevoked {
                    name: "team".parse().unwrap(),
                    reason: "x".into(),
                };
                let (payload, key) = (
                    claim.to_payload("x", "/ci", log.now(), None).unwrap(),
                    log.service.clone(),
                );
                log.record(&payload, &key, log.now());
            },
        ),
        (
            "a producer says something else under that of administration",
            false,
            |log| {
                let (payload, key) = (log.deployment("shop"), log.team.clone());
                log.record_as(ADMINISTRATION_JSON, &payload, &key, log.now());
            },
        ),
        ("a question of an auditor", true, |log| {
            let key = log.service.clone();
            log.record_as(QUESTION_JSON, &question("t1"), &key, log.now());
        }),
        ("a question by a producer", false, |log| {
            let key = log.team.clone();
            log.record_as(QUESTION_JSON, &question("t1"), &key, log.now());
        }),
        ("a question under the payload type of events", false, |log| {
            let key = log.service.clone();
            log.record(&question("t1"), &key, log.now());
        }),
        ("a question is erased", false, |log| {
            let key = log.service.clone();
            log.record_as(QUESTION_JSON, &question("t1"), &key, log.now());
            erase(log, 8);
            log.kept[8].envelope.clear();
        }),
        ("a revocation is erased, so that the key signs on", false, |log| {
            revoke(log, "team");
            erase(log, 8);
            log.kept[8].envelope.clear();
            log.deploy("shop");
        }),
        ("a revocation is erased", false, |log| {
            revoke(log, "team");
            erase(log, 8);
            log.kept[8].envelope.clear();
        }),
        ("a second creation", false, |log| {
            let public_key = log.service.public().to_pem();
            log.administer(&Administration::LogCreated {
                origin: crate::audit::fixture::ORIGIN.to_owned(),
                public_key,
            });
        }),
        ("no creation", false, |log| drop(log.kept.remove(0))),
        ("a salt of another entry", false, |log| log.kept[3].salt = [77; 32]),
        ("another spelling of an envelope", false, |log| {
            log.kept[3].envelope.push(' ')
        }),
        ("an envelope of another entry", false, |log| {
            let Kept { salt, envelope, .. } = log.kept[4].clone();
            log.kept[5].salt = salt;
            log.kept[5].envelope = envelope;
        }),
        ("a leaf that is no entry", false, |log| log.kept[5].leaf.push(b'x')),
        ("a member twice", false, |log| {
            let key = log.team.clone();
            let payload = String::from_utf8(log.deployment("shop")).unwrap();
            let twice = payload.replacen('{', "{\"context\":{},", 1);
            log.record(twice.as_bytes(), &key, log.now());
        }),
        ("another environment than the key's", false, |log| {
            let key = register(log, "test", 5, scope(json!({"environments": ["test"]})), None);
            say(log, &key, |_| {});
        }),
        ("no environment where one is needed", false, |log| {
            let key = register(log, "test", 5, scope(json!({"environments": ["test"]})), None);
            say(log, &key, |event| {
                event["context"]["type"] = "dev.cdevents.incident.detected.0.3.0".into();
                event["subject"]["content"] = json!({});
            });
        }),
        ("no environment where none is needed", true, |log| {
            let key = register(log, "test", 5, scope(json!({"environments": ["test"]})), None);
            say(log, &key, |event| {
                event["context"]["type"] = "dev.cdeventsx.tool-scan.finished.0.1.0".into();
                event["subject"]["content"] = json!({"environment": {"id": "production"}});
            });
        }),
        ("a deployment of a kind that is not known", true, |log| {
            let key = log.team.clone();
            say(log, &key, |event| {
                event["context"]["type"] = "dev.cdeventsx.shipslog-deployment.paused.0.1.0".into();
                event["subject"]["content"] = json!({});
            });
        }),
        ("a type that only looks like ours", true, |log| {
            let key = register(log, "test", 5, scope(json!({"environments": ["test"]})), None);
            say(log, &key, |event| {
                event["context"]["type"] = "dev.cdeventsx.shipslog-deployment.finished.0.1.x".into();
                event["subject"]["content"] = json!({"environment": {"id": "production"}});
            });
        }),
        ("an incident without an environment", true, |log| {
            let types = json!({"event_types": ["incident.detected"], "services": ["shop"]});
            let key = register(log, "sensor", 5, scope(types), None);
            say(log, &key, incident_anywhere);
        }),
        (
            "an incident without an environment, where one is needed",
            false,
            |log| {
                let key = register(log, "sensor", 5, scope(json!({"environments": ["test"]})), None);
                say(log, &key, incident_anywhere);
            },
        ),
        ("an incident of another service than the key's", false, |log| {
            let key = register(log, "sensor", 5, scope(json!({"services": ["till"]})), None);
            say(log, &key, incident_anywhere);
        }),
        ("another type than the key's", false, |log| {
            let key = register(log, "sensor", 5, scope(json!({"event_types": ["incident"]})), None);
            say(log, &key, |_| {});
        }),
        ("another predicate than the key's", false, |log| {
            let key = register(
                log,
                "sensor",
                5,
                scope(json!({"event_types": ["deployment.queued"]})),
                None,
            );
            say(log, &key, |_| {});
        }),
        ("types in three spellings", true, |log| {
            for (at, spelling) in ["deployment", "dev.cdeventsx.deployment.finished", "deployment.*"]
                .iter()
                .enumerate()
            {
                let types = scope(json!({"event_types": ["x", spelling]}));
                let key = register(log, &format!("sensor{at}"), 10 + at as u8, types, None);
                say(log, &key, |_| {});
            }
        }),
        ("a service in the name of a package", true, |log| {
            let key = register(log, "other", 5, scope(json!({"services": ["a shop"]})), None);
            say(log, &key, |event| {
                event["customData"] = json!({});
                event["subject"]["content"]["artifactId"] = "pkg:oci/x/a%20shop@1?tag=2#sub/path".into();
            });
        }),
        ("another service in the name of a package", false, |log| {
            let key = register(log, "other", 5, scope(json!({"services": ["till"]})), None);
            say(log, &key, |event| event["customData"] = json!({}));
        }),
        ("a service as the subject", true, |log| {
            let key = log.team.clone();
            say(log, &key, |event| {
                event["context"]["type"] = "dev.cdevents.service.removed.0.3.0".into();
                event["subject"] = json!({"id": "shop", "content": {"environment": {"id": "production"}}});
                event["customData"] = json!({});
            });
        }),
        ("an erasure that is recorded", true, |log| {
            erase(log, 5);
            log.kept[5].envelope.clear();
        }),
        ("an erasure that nothing records", false, |log| {
            log.kept[5].envelope.clear()
        }),
        ("an erasure of something else", false, |log| {
            erase(log, 4);
            log.kept[5].envelope.clear();
        }),
        ("an erasure of what is there", false, |log| erase(log, 5)),
        ("an erasure of what comes later", false, |log| {
            erase(log, 9);
            log.deploy("shop");
            log.kept[9].envelope.clear();
        }),
        ("two erasures of one entry", false, |log| {
            erase(log, 5);
            erase(log, 5);
            log.kept[5].envelope.clear();
        }),
        ("an erasure by a producer", false, |log| {
            let claim = Administration::EventErased {
                index: 5,
                reason: ErasureReason::LegalOrder,
                text: "x".into(),
                identity: ledger::sha256(b"it").to_string(),
            };
            let (payload, key) = (claim.to_payload("x", "/ci", log.now(), None).unwrap(), log.team.clone());
            log.record_as(ADMINISTRATION_JSON, &payload, &key, log.now());
            log.kept[5].envelope.clear();
        }),
        ("something erased that was signed with a revoked key", false, |log| {
            revoke(log, "team");
            log.deploy("shop");
            erase(log, 9);
            log.kept[9].envelope.clear();
        }),
        ("the registration of a producer is erased", false, |log| {
            erase(log, 1);
            log.kept[1].envelope.clear();
        }),
        ("something withheld that is erased", false, |log| {
            erase(log, 5);
            log.kept[5].envelope = WITHHELD.into();
        }),
        ("something withheld that was signed with a revoked key", false, |log| {
            revoke(log, "team");
            log.deploy("shop");
            log.kept[9].envelope = WITHHELD.into();
        }),
        ("something withheld that anybody may have said", true, |log| {
            log.kept[5].envelope = WITHHELD.into();
        }),
        ("the registration of a producer is withheld", false, |log| {
            log.kept[1].envelope = WITHHELD.into();
        }),
        ("something received, by a producer", false, |log| {
            let key = log.team.clone();
            say(log, &key, |event| {
                event["customData"]["shipslog"]["received"] = json!({"from": "github", "body": "e30="});
            });
        }),
    ];
    for (name, honest, change) in cases {
        let mut log = Log::new(8);
        change(&mut log);
        let bundle = Bundle::of(log);
        let findings = bundle.verdict().report.findings;
        assert_eq!(findings.is_empty(), *honest, "{name}: {findings:?}");
        let second = second_verifier(&bundle);
        assert!(
            second.is_none_or(|code| code == i32::from(!honest)),
            "{name}: verify.py says {second:?}"
        );
    }
}
