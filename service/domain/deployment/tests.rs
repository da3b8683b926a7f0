//! Life cycles, joins, kinds, and what a deployment did to its predecessors.

use super::*;
use crate::domain::event::{IncidentStep, ServiceStep};
use crate::domain::extension::DeploymentKind;
use crate::domain::extension::Extension;
use crate::domain::fixture::{Ledger, at, commit, digest};

fn none() -> Extension {
    Extension::default()
}

fn indexes(deployments: &[Deployment]) -> Vec<u64> {
    deployments.iter().map(|d| d.index).collect()
}

#[test]
fn a_life_cycle_is_one_deployment_with_claimed_and_recorded_times() {
    let mut ledger = Ledger::default();
    ledger.incident(-5, "noise", IncidentStep::Detected);
    ledger.start(0, "d1", "1", none());
    ledger.finish(7, "d1", "1", Outcome::Success);
    let deployments = ledger.deployments();
    assert_eq!(deployments.len(), 1);
    let d = &deployments[0];
    assert_eq!(
        (d.index, d.indexes(), d.order(), d.start_index()),
        (1, vec![1, 2], 2, 1)
    );
    assert_eq!((d.status(), d.outcome()), (Status::Finished, Some(Outcome::Success)));
    assert_eq!((d.start_at(), d.finished_at()), (at(0), Some(at(7))));
    assert_eq!(d.end().map(|s| s.recorded_at), Some(at(8)));
    assert_eq!((d.digest(), d.label()), (Some(digest("1").as_str()), "1".to_owned()));
}

#[test]
fn an_unfinished_one_has_no_outcome() {
    let mut ledger = Ledger::default();
    ledger.start(0, "d1", "1", none());
    let d = ledger.deployment("d1");
    assert_eq!(
        (d.status(), d.outcome(), d.finished_at()),
        (Status::Started, None, None)
    );
}

#[test]
fn a_word_about_the_service_joins_its_deployment_by_id_or_chain_and_else_stands_alone() {
    let mut ledger = Ledger::default();
    ledger.start(0, "d1", "1", none());
    ledger.records[0].event.chain_id = Some("chain".to_owned());
    ledger.service(2, ServiceStep::Deployed, Some("1")).event.chain_id = Some("chain".to_owned());
    ledger
        .service(3, ServiceStep::Upgraded, Some("1"))
        .event
        .extension
        .deployment_id = Some("d1".parse().unwrap());
    ledger.service(4, ServiceStep::Published, Some("1"));
    ledger.service(9, ServiceStep::RolledBack, Some("0")).event.chain_id = Some("chain".to_owned());
    ledger.service(20, ServiceStep::Removed, None).event.chain_id = Some("chain".to_owned());
    let deployments = ledger.deployments();
    assert_eq!(indexes(&deployments), [0, 4, 5]);
    assert_eq!(deployments[0].indexes(), [0, 1, 2]);
    assert!(
        deployments[0].succeeded(),
        "a service that runs is a deployment that worked"
    );
    assert_eq!(deployments[1].kind.kind, DeploymentKind::Rollback);
    assert_eq!(deployments[2].effect, Effect::Removes);
}

#[test]
fn the_same_id_in_another_place_is_another_deployment() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "17", "1", none());
    let from = ledger.records.len();
    ledger.deploy(10, "17", "1", none());
    ledger.move_to(from, "staging");
    assert_eq!(indexes(&ledger.deployments()), [0, 2]);
}

#[test]
fn the_last_end_counts_and_contradictions_show() {
    let mut ledger = Ledger::default();
    ledger.start(0, "d1", "1", none());
    ledger.finish(3, "d1", "1", Outcome::Failure);
    assert!(!ledger.deployment("d1").contested());
    ledger.finish(9, "d1", "1", Outcome::Success);
    let d = ledger.deployment("d1");
    assert!(d.contested() && d.succeeded());
    assert_eq!(d.finished_at(), Some(at(9)));
    ledger
        .service(10, ServiceStep::Deployed, Some("1"))
        .event
        .extension
        .deployment_id = Some("d1".parse().unwrap());
    assert_eq!(
        ledger.deployment("d1").finished_at(),
        Some(at(9)),
        "a `finished` outweighs a word about the service"
    );
}

#[test]
fn circumstances_are_taken_as_first_said_and_content_as_last_said() {
    let mut ledger = Ledger::default();
    let first = Extension {
        reason: Some("planned work".to_owned()),
        commits: vec![commit("a", "x")],
        ..none()
    };
    ledger.start(0, "d1", "1", first);
    let finish = ledger.finish(3, "d1", "2", Outcome::Success);
    finish.event.extension.reason = Some("afterthought".to_owned());
    finish.event.extension.commits = vec![commit("a", "x"), commit("b", "x")];
    let d = ledger.deployment("d1");
    assert_eq!(
        d.reason,
        Some(Said {
            value: "planned work".to_owned(),
            index: 0
        })
    );
    assert_eq!(d.digest(), Some(digest("2").as_str()));
    assert_eq!(d.commits.iter().map(|c| c.index).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn kinds_are_derived_from_what_ran_unless_said() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d1", "1", none());
    ledger.deploy(10, "d2", "2", none());
    ledger.deploy(20, "d3", "2", none());
    ledger.deploy(30, "d4", "1", none());
    ledger.deploy(
        40,
        "d5",
        "5",
        Extension {
            kind: Some(DeploymentKind::Hotfix),
            ..none()
        },
    );
    let kinds: Vec<(DeploymentKind, bool)> = ledger
        .deployments()
        .iter()
        .map(|d| (d.kind.kind, d.kind.said_at.is_some()))
        .collect();
    assert_eq!(
        kinds,
        [
            (DeploymentKind::Baseline, false),
            (DeploymentKind::Normal, false),
            (DeploymentKind::Redeploy, false),
            (DeploymentKind::Rollback, false),
            (DeploymentKind::Hotfix, true),
        ]
    );
}

/// V1 V2 V3 V1 V3: back over two, then forward again to what was withdrawn.
#[test]
fn a_rollback_withdraws_and_a_later_deployment_brings_back() {
    let mut ledger = Ledger::default();
    for (at, (id, version)) in [
        ("d1", "1"),
        ("d2", "2"),
        ("d3", "3"),
        ("d4", "1"),
        ("d5", "3"),
        ("d6", "1"),
    ]
    .iter()
    .enumerate()
    {
        ledger.deploy(at as i64 * 10, id, version, none());
    }
    let deployments = ledger.deployments();
    let index = |id: &str| ledger.deployment(id).index;
    let back = &deployments[3].lineage;
    assert_eq!(back.withdraws, [index("d2"), index("d3")]);
    assert_eq!((back.replaces, back.returns_to), (Some(index("d3")), Some(index("d1"))));
    let forward = &deployments[4];
    assert_eq!(forward.kind.kind, DeploymentKind::Normal);
    assert_eq!(forward.lineage.reintroduces, [index("d2"), index("d3")]);
    assert_eq!(deployments[5].lineage.withdraws, [index("d5")]);
}

#[test]
fn a_failed_attempt_changes_nothing_for_the_next() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d1", "1", none());
    ledger.start(10, "d2", "2", none());
    ledger.finish(12, "d2", "2", Outcome::Failure);
    ledger.deploy(20, "d3", "2", none());
    let deployments = ledger.deployments();
    assert_eq!(
        deployments[2].kind.kind,
        DeploymentKind::Normal,
        "what failed never ran"
    );
    assert_eq!(deployments[2].lineage.replaces, Some(deployments[0].index));
}

#[test]
fn a_rollback_to_what_the_ledger_never_saw_withdraws_what_ran() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d1", "1", none());
    ledger.service(10, ServiceStep::RolledBack, Some("0"));
    let back = &ledger.deployments()[1];
    assert_eq!(
        (back.lineage.returns_to, back.lineage.withdraws.as_slice()),
        (None, &[0][..])
    );
}

#[test]
fn after_a_removal_nothing_is_a_redeployment() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d1", "1", none());
    ledger.service(10, ServiceStep::Removed, None);
    ledger.deploy(20, "d2", "1", none());
    let d = ledger.deployment("d2");
    assert_eq!((d.kind.kind, d.lineage.replaces), (DeploymentKind::Normal, None));
}

#[test]
fn what_a_deployment_did_follows_from_the_last_successes_alone() {
    use crate::domain::lineage::LOOK_BACK;
    let mut ledger = Ledger::default();
    let mut number = 1_u64;
    for step in 0..120_i64 {
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let outcome = if number >> 60 == 0 {
            Outcome::Failure
        } else {
            Outcome::Success
        };
        // Mostly something new, else one of what ran lately or long ago.
        let back = (number >> 40) % 5 * ((number >> 50) % 9);
        let content = (step as u64).saturating_sub(back).to_string();
        ledger.finish(step * 10, &format!("d{step}"), &content, outcome);
    }
    let all = ledger.deployments();
    let mut went_back = 0;
    for (at, deployment) in all.iter().enumerate() {
        let successes: Vec<usize> = (0..at).filter(|&other| all[other].succeeded()).collect();
        let first = successes.iter().rev().nth(LOOK_BACK - 1).copied().unwrap_or(0);
        let part = fold(&ledger.records[first..=at]);
        let found = part.last().unwrap();
        assert_eq!(
            (&found.lineage, found.kind.kind),
            (&deployment.lineage, deployment.kind.kind),
            "{at}"
        );
        went_back += usize::from(!found.lineage.withdraws.is_empty());
    }
    assert!(went_back > 10, "the history has rollbacks in it");
}
