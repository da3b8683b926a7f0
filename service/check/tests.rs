//! Every check with what passes it, what fails it, and what it cannot tell.

use serde_json::json;

use super::*;
use crate::domain::alias::{AliasDeclaration, RoleHeld};
use crate::domain::event::{IncidentStep, Recorded, ServiceStep};
use crate::domain::extension::{Extension, PullRequest, RollbackPlan};
use crate::domain::facts::Facts;
use crate::domain::fixture::{Ledger, at, commit, grant, human, pipeline, pull_request, ticket};
use crate::domain::incident::Incident;
use crate::domain::provenance::Provenance;
use crate::domain::{Body, Outcome};

mod approvals;
mod evidence;
mod exceptions;
mod fixtures;
mod misuse;
mod operation;
mod period;

use CheckResult::{Fail, NotApplicable, NotEvaluable, Pass};

/// A deployment that every check can pass, with evidence around it: minute 0, id `d2`, version `2`.
fn good() -> Extension {
    Extension {
        commit: Some("c".repeat(40)),
        actor: Some(pipeline("release-pipeline")),
        commits: vec![commit("feat: refunds", "alice")],
        tickets: vec![ticket("PAY-1")],
        reason: Some("Customers can have card payments refunded.".to_owned()),
        rollback_plan: Some(RollbackPlan {
            reference: None,
            target_version: Some("1".to_owned()),
        }),
        ..Extension::default()
    }
}

/// A history with evidence for every check, and the parameters that some of them need.
fn complete() -> (Ledger, Parameters) {
    let mut parameters = Parameters::default();
    let window = json!({ "time_zone": "UTC", "windows": [{ "from": "08:00", "to": "18:00" }] });
    parameters.set("calendar", &window).unwrap();
    parameters
        .set("trusted_builders", &json!(["https://builder.example"]))
        .unwrap();
    let reviewed = PullRequest {
        approved_by: vec!["bob".to_owned()],
        ..pull_request("7", "Refunds")
    };
    let extension = Extension {
        impact: Some("None that users notice.".to_owned()),
        pull_requests: vec![reviewed],
        ..good()
    };
    let mut ledger = ledger_with(
        extension,
        |ledger| {
            ledger.made(-50, "2").event.extension.provenance = Some(provenance(true));
            scanned(ledger, -20);
            ledger.alias(-100, holds("bob", "release manager"));
            approved(ledger);
        },
        tested,
    );
    let check = ledger.test(20, "smoke", "2", Outcome::Success);
    check.event.environment = Some("production".parse().unwrap());
    (ledger, parameters)
}

fn provenance(verified: bool) -> Box<Provenance> {
    Box::new(Provenance {
        predicate_type: "https://slsa.dev/provenance/v1".to_owned(),
        builder: "https://builder.example".to_owned(),
        verified,
        verifier: None,
        statement_sha256: None,
        uri: None,
    })
}

/// A security scan of version 2 that found nothing.
fn scanned(ledger: &mut Ledger, minutes: i64) -> &mut Recorded {
    let scan = ledger.test(minutes, "image scan", "2", Outcome::Success);
    let Body::TestRun(body) = &mut scan.event.body else {
        unreachable!()
    };
    body.kind = Some("security".to_owned());
    scan
}

/// That a person stands in a role, for all services.
fn holds(person: &str, role: &str) -> AliasDeclaration {
    AliasDeclaration {
        person: person.to_owned(),
        roles: vec![RoleHeld {
            role: role.to_owned(),
            services: vec![],
        }],
        ..AliasDeclaration::default()
    }
}

fn also(person: &str, name: &str) -> AliasDeclaration {
    AliasDeclaration {
        person: person.to_owned(),
        names: vec![name.to_owned()],
        ..AliasDeclaration::default()
    }
}

fn ledger_with(extension: Extension, approve: impl Fn(&mut Ledger), test: impl Fn(&mut Ledger)) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.deploy(-900, "d1", "1", good());
    let from = ledger.records.len();
    ledger.deploy(-60, "s2", "2", good());
    ledger.move_to(from, "staging");
    test(&mut ledger);
    approve(&mut ledger);
    ledger.deploy(0, "d2", "2", extension);
    ledger
}

fn approved(ledger: &mut Ledger) {
    ledger.approve(-10, "bob", "2");
}

fn tested(ledger: &mut Ledger) {
    ledger.test(-30, "integration", "2", Outcome::Success);
}

fn nothing(_: &mut Ledger) {}

fn run(ledger: &Ledger, id: &str, check: &str) -> Verdict {
    run_with(ledger, id, check, &Parameters::default())
}

fn run_with(ledger: &Ledger, id: &str, check: &str, parameters: &Parameters) -> Verdict {
    let facts = Facts::fold(&ledger.records);
    let linked: Vec<&Incident> = facts.incidents.iter().collect();
    let deployment = facts
        .deployments
        .iter()
        .find(|d| d.id.as_str() == id)
        .expect("the deployment");
    let subject = Subject {
        deployment,
        facts: &facts,
        incidents: &linked,
        parameters,
    };
    let found = evaluate(&subject).into_iter().find(|finding| finding.check.id == check);
    found.expect("the check").verdict
}

#[track_caller]
fn expect_with(ledger: &Ledger, parameters: &Parameters, check: &str, result: CheckResult, words: &str) {
    let verdict = run_with(ledger, "d2", check, parameters);
    assert_eq!(verdict.result, result, "{check}: {verdict:?}");
    assert!(verdict.found.contains(words), "{words:?} is not in {:?}", verdict.found);
    assert!(!verdict.evidence.is_empty(), "{check} cites nothing");
}

#[track_caller]
fn expect(ledger: &Ledger, check: &str, result: CheckResult, words: &str) {
    let verdict = run(ledger, "d2", check);
    assert_eq!(verdict.result, result, "{check}: {verdict:?}");
    assert!(
        verdict.found.contains(words),
        "{check}: {words:?} is not in {:?}",
        verdict.found
    );
    assert!(
        result == NotApplicable || !verdict.evidence.is_empty(),
        "{check} cites nothing"
    );
}

#[test]
fn a_good_deployment_passes_all_that_apply() {
    let (ledger, parameters) = complete();
    for check in of_deployments() {
        let verdict = run_with(&ledger, "d2", check.id, &parameters);
        let expected = if matches!(check.id, "DL-EMG-1" | "DL-EMG-2" | "DL-INC-1" | "DL-EXC-1") {
            NotApplicable
        } else {
            Pass
        };
        assert_eq!(verdict.result, expected, "{}: {verdict:?}", check.id);
    }
}

#[test]
fn without_any_evidence_nothing_passes_that_needs_it() {
    let mut ledger = Ledger::default();
    ledger.start(0, "d2", "2", Extension::default());
    for check in of_deployments() {
        let result = run(&ledger, "d2", check.id).result;
        // All that an empty record shows is that it is signed.
        assert_eq!(result == Pass, check.id == "DL-SIG-1", "{}: {result:?}", check.id);
    }
}

#[test]
fn ids_and_versions_are_unique() {
    let ids: std::collections::BTreeSet<&str> = CATALOGUE.iter().map(|c| c.id).collect();
    assert_eq!(ids.len(), CATALOGUE.len());
    assert!(
        CATALOGUE
            .iter()
            .all(|c| c.version > 0 && c.definition.ends_with('.') && c.limits.ends_with('.'))
    );
}

#[test]
fn timely() {
    let recorded = |minutes: i64| {
        let mut ledger = ledger_with(good(), nothing, nothing);
        let last = ledger.records.last_mut().unwrap();
        last.recorded_at = last.event.occurred_at.plus_millis(minutes * 60_000);
        ledger
    };
    expect(&recorded(15), "DL-POP-4", Pass, "recorded 2026-03-02 09:18:00 UTC");
    expect(&recorded(16), "DL-POP-4", Fail, "16 min late");
    expect(&recorded(25 * 60), "DL-POP-4", Fail, "filled in 1 day 1 h later");
    expect(
        &recorded(-6),
        "DL-POP-4",
        Fail,
        "claims a time 6 min after it was recorded",
    );
    let mut unfinished = Ledger::default();
    unfinished.start(0, "d2", "2", good());
    expect(&unfinished, "DL-POP-4", NotEvaluable, "no end");
}

#[test]
fn authentic() {
    let mut ledger = ledger_with(good(), nothing, nothing);
    expect(&ledger, "DL-SIG-1", Pass, "signed by ci");
    ledger.records.last_mut().unwrap().event.extension.received = Some(crate::domain::extension::Received {
        from: "github".to_owned(),
        event: "deployment_status".to_owned(),
        delivery: "1".to_owned(),
        body: None,
        body_not_kept: None,
    });
    expect(&ledger, "DL-SIG-1", Fail, "1 of 2 records came over a shared secret");
}

#[test]
fn actor() {
    let with = |actor| ledger_with(Extension { actor, ..good() }, nothing, nothing);
    expect(&with(Some(human("alice"))), "DL-SIG-2", Pass, "a person");
    expect(
        &with(Some(human("ops@example.com"))),
        "DL-SIG-2",
        Fail,
        "several may share",
    );
    expect(&with(None), "DL-SIG-2", NotEvaluable, "no actor");
    let mut unsaid = human("alice");
    unsaid.kind = None;
    expect(&with(Some(unsaid)), "DL-SIG-2", NotEvaluable, "not recorded");
}

#[test]
fn change_reference_and_reason() {
    let with = |extension| ledger_with(extension, nothing, nothing);
    expect(&with(good()), "DL-CHG-1", Pass, "PAY-1");
    expect(
        &with(Extension {
            tickets: vec![],
            ..good()
        }),
        "DL-CHG-1",
        Fail,
        "no reference",
    );
    expect(&with(good()), "DL-CHG-2", Pass, "characters");
    for (reason, words) in [
        (None, "no reason"),
        (Some("because"), "7 characters"),
        (Some("Deploy payments version 2 to production"), "only repeats"),
    ] {
        let reason = reason.map(str::to_owned);
        expect(&with(Extension { reason, ..good() }), "DL-CHG-2", Fail, words);
    }
    let mut titled = ticket("PAY-1");
    titled.title = Some("Refund totals differ by a penny".to_owned());
    let by_title = Extension {
        reason: None,
        tickets: vec![titled],
        ..good()
    };
    expect(
        &with(by_title),
        "DL-CHG-2",
        Pass,
        "PAY-1: Refund totals differ by a penny",
    );
    let mut baseline = Ledger::default();
    let kind = Some(DeploymentKind::Baseline);
    baseline.deploy(
        0,
        "d2",
        "2",
        Extension {
            kind,
            ..Extension::default()
        },
    );
    expect(&baseline, "DL-CHG-1", NotApplicable, "before the ledger began");
    let with_kind = ledger_with(
        Extension {
            kind,
            ..Extension::default()
        },
        nothing,
        nothing,
    );
    expect(&with_kind, "DL-CHG-1", Fail, "no reference");
}
