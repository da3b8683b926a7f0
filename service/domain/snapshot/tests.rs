//! What snapshots say, and what runs held against what was deployed.

use super::*;
use crate::domain::Extension;
use crate::domain::event::Body;
use crate::domain::fixture::{Ledger, digest};

fn content(artifact: Option<&str>, version: Option<&str>) -> Content {
    Content::of(&Workload {
        service: "payments".parse().unwrap(),
        artifact: artifact.map(str::to_owned),
        version: version.map(str::to_owned),
        instances: None,
    })
}

#[test]
fn digests_decide_before_versions_and_what_shares_no_identity_is_not_comparable() {
    let mut ledger = Ledger::default();
    let commit = Some("0b31d5a0f6e2".to_owned());
    let extension = Extension {
        commit,
        ..Extension::default()
    };
    ledger.deploy(0, "d1", "1", extension);
    let deployment = ledger.deployment("d1");
    let image = |label: &str| format!("ghcr.io/acme/payments:1@{}", digest(label));
    assert_eq!(content(Some(&image("1")), Some("other")).is_of(&deployment), Some(true));
    assert_eq!(content(Some(&image("2")), Some("1")).is_of(&deployment), Some(false));
    assert_eq!(content(None, Some("1")).is_of(&deployment), Some(true));
    assert_eq!(content(None, Some("0b31d5a0f6e2")).is_of(&deployment), Some(true));
    assert_eq!(content(None, Some("2")).is_of(&deployment), Some(false));
    assert_eq!(content(Some("payments"), None).is_of(&deployment), None);
    // The digest alone, where the deployment tells none.
    let mut bare = deployment;
    if let Some(artifact) = &mut bare.artifact {
        artifact.value = Artifact::parse("pkg:generic/payments@1");
    }
    assert_eq!(content(Some(&digest("1")), None).is_of(&bare), None);
    assert_eq!(content(Some("pkg:generic/payments@1"), None).is_of(&bare), Some(true));
}

#[test]
fn only_a_complete_snapshot_covers_what_it_does_not_show() {
    let mut ledger = Ledger::default();
    let record = ledger.add(0, "shipslog-snapshot.taken", "production", Body::Other);
    record.event.service = None;
    let taken = RuntimeSnapshot {
        method: Method::File,
        complete: false,
        services: Vec::new(),
        running: vec![Workload {
            service: "shop".parse().unwrap(),
            artifact: None,
            version: Some("1".to_owned()),
            instances: Some(2),
        }],
        unmapped: Vec::new(),
    };
    record.event.extension.snapshot = Some(Box::new(taken));
    let (shop, mail) = ("shop".parse().unwrap(), "mail".parse().unwrap());
    let [mut snapshot] = <[Snapshot; 1]>::try_from(fold(&ledger.records)).unwrap();
    assert!(snapshot.speaks_of(&shop) && !snapshot.covers(&shop) && !snapshot.speaks_of(&mail));
    snapshot.complete = true;
    assert!(snapshot.covers(&shop) && snapshot.covers(&mail));
    snapshot.services = vec![shop.clone()];
    assert!(snapshot.covers(&shop) && !snapshot.speaks_of(&mail));
}
