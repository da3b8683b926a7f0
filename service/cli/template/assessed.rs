//! What people attest and conclude, for sample contexts: each way it can stand in a report, which is more than the story of the demonstration has.

use crate::domain::attestation::{Attestation, AttestationStatement};
use crate::domain::conclusion::{AuditResult, Concluded, ConcludedItem, ConcludedSample, Conclusion, Conclusions};
use crate::domain::exception::Revocation;
use crate::domain::extension::{Actor, ActorKind};
use crate::domain::{EnvironmentName, Instant, Period, ProducerName};

/// Attestations by somebody at a time, whose entries follow an index: one that counts, one that was taken back, and one that nobody asks
/// for.
pub(super) fn attestations(by: &ProducerName, at: Instant, after: u64) -> Vec<Attestation> {
    let made = |index: u64, item: &str, revoked: Option<Revocation>| Attestation {
        id: format!("AT-{index}"),
        index,
        made_at: at,
        recorded_at: at,
        producer: by.clone(),
        by: person("eve@northwind.example"),
        service: None,
        environment: None,
        said: AttestationStatement {
            framework: "pci-dss".to_owned(),
            item: item.to_owned(),
            statement: "All test databases were searched.".to_owned(),
            evidence: vec!["https://wiki.northwind.example/audits/12".to_owned()],
            valid_from: None,
            valid_until: at.plus_millis(180 * 86_400_000),
        },
        revoked,
    };
    let revoked = Revocation {
        index: after + 4,
        at,
        reason: Some("One database was forgotten.".to_owned()),
    };
    vec![
        made(after + 1, "no-live-pan", None),
        made(after + 2, "test-data-removed", Some(revoked)),
        made(after + 3, "no-live-cards", None),
    ]
}

/// A sample of these deployments, with a conclusion of each kind: of an item, of what is not in it, of the whole, and of no sample.
pub(super) fn conclusions(
    by: &ProducerName,
    (environment, period): (&EnvironmentName, Period),
    items: &[u64],
    after: u64,
) -> Conclusions {
    let sample = after + 1;
    let concluded = |index: u64, sample: u64, item: Option<u64>, of: Option<Actor>| Concluded {
        index,
        at: period.to,
        recorded_at: period.to,
        producer: by.clone(),
        by: of,
        environment: None,
        service: None,
        said: Conclusion {
            sample,
            item,
            result: AuditResult::Exception,
            text: "Approved for another commit.".to_owned(),
        },
    };
    let auditor = || Some(person("smith@audit.example"));
    let items: Vec<ConcludedItem> = (items.iter().zip(0..))
        .map(|(item, number)| ConcludedItem {
            item: *item,
            conclusions: match number {
                0 => vec![concluded(after + 2, sample, Some(*item), auditor())],
                _ => Vec::new(),
            },
        })
        .collect();
    Conclusions {
        samples: vec![ConcludedSample {
            index: sample,
            recorded_at: period.to,
            query: "shipslog sample".to_owned(),
            environment: environment.clone(),
            service: None,
            from: period.from,
            to: period.to,
            missing: items.len().saturating_sub(1),
            items,
            whole: vec![concluded(after + 3, sample, None, None)],
            not_in_sample: vec![concluded(after + 4, sample, Some(0), auditor())],
        }],
        without_sample: vec![concluded(after + 5, 0, None, auditor())],
    }
}

fn person(id: &str) -> Actor {
    Actor {
        id: id.to_owned(),
        kind: Some(ActorKind::Human),
        name: None,
    }
}
