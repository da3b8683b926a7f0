//! What an incident names counts where the incident was, and before it.

use super::*;

/// The change that an incident names goes out, is taken back, and comes again with its repair; it had been to staging too.
#[test]
fn a_change_that_is_named_blames_the_deployment_that_had_brought_it() {
    let mut ledger = Ledger::default();
    let with = || Extension {
        tickets: vec![crate::domain::fixture::ticket("PAY-7")],
        ..none()
    };
    ledger.deploy(-900, "d1", "1", none());
    let from = ledger.records.len();
    ledger.deploy(-60, "staged", "2", with());
    for record in &mut ledger.records[from..] {
        record.event.environment = Some("staging".parse().unwrap());
    }
    ledger.deploy(-30, "d2", "2", with());
    let told = ledger.incident(0, "I", IncidentStep::Detected);
    told.event.extension.caused_by = Some("PAY-7".to_owned());
    ledger.deploy(30, "d3", "1", none());
    ledger.deploy(3000, "d4", "3", with());
    let found = correlate(&ledger).candidates;
    let explicit: Vec<_> = found.iter().filter(|c| c.state == LinkState::Explicit).collect();
    assert_eq!(explicit.len(), 1, "{found:?}");
    assert_eq!(explicit[0].deployment.as_str(), "d2");
}

#[test]
fn content_that_is_named_counts_where_it_did_harm() {
    let mut ledger = Ledger::default();
    ledger.deploy(-120, "staged", "1", none());
    for record in &mut ledger.records {
        record.event.environment = Some("staging".parse().unwrap());
    }
    let staged = ledger.records.clone();
    ledger.deploy(-60, "ours", "1", none());
    let record = ledger.incident(0, "I", IncidentStep::Detected);
    let Body::Incident { artifact, .. } = &mut record.event.body else {
        unreachable!()
    };
    *artifact = Some(image("payments", "1"));
    let found = correlate(&ledger).candidates;
    assert_eq!((found.len(), found[0].deployment.as_str()), (1, "ours"));
    assert!(found[0].share > 0.9, "{found:?}");

    // Where it ran nowhere else, that is all there is to go by.
    let mut incident = ledger.records.pop().unwrap();
    incident.index = staged.len() as u64;
    let mut elsewhere = Ledger { records: staged };
    elsewhere.records.push(incident);
    assert_eq!(best(&elsewhere).reasons, [Reason::ArtifactMatch]);
}
