//! Incidents that open, end and open again.

use super::*;
use crate::domain::fixture::{Ledger, at};

#[test]
fn it_opens_ends_and_opens_again() {
    let mut ledger = Ledger::default();
    ledger.incident(0, "I", IncidentStep::Detected);
    ledger.incident(5, "I", IncidentStep::Reported).event.extension.severity = Some("high".to_owned());
    ledger.incident(60, "I", IncidentStep::Resolved);
    let incident = &fold(&ledger.records)[0];
    assert!(!incident.open());
    assert_eq!(incident.resolved().map(|s| s.occurred_at), Some(at(60)));
    assert_eq!(
        incident.severity,
        Some(Said {
            value: "high".to_owned(),
            index: 1
        })
    );

    ledger.incident(30, "I", IncidentStep::Reported);
    assert!(
        !fold(&ledger.records)[0].open(),
        "a late word about the time before the end does not open it"
    );
    ledger.incident(90, "I", IncidentStep::Detected);
    let incident = &fold(&ledger.records)[0];
    assert!(incident.open());
    assert_eq!((incident.reopened(), incident.began()), (1, (at(0), BeganBy::Detected)));
    assert_eq!(incident.indexes(), [0, 1, 2, 3, 4]);
}

#[test]
fn it_began_when_users_felt_it_where_that_is_known() {
    let mut ledger = Ledger::default();
    ledger.incident(10, "I", IncidentStep::Reported);
    assert_eq!(fold(&ledger.records)[0].began(), (at(10), BeganBy::Reported));
    ledger
        .incident(12, "I", IncidentStep::Resolved)
        .event
        .extension
        .impact_start = Some(at(-30));
    assert_eq!(fold(&ledger.records)[0].began(), (at(-30), BeganBy::ImpactStart));
}

#[test]
fn users_did_not_begin_to_feel_what_was_over() {
    let mut ledger = Ledger::default();
    ledger
        .incident(10, "I", IncidentStep::Detected)
        .event
        .extension
        .impact_start = Some(at(40));
    assert_eq!(fold(&ledger.records)[0].began(), (at(40), BeganBy::ImpactStart));
    ledger.incident(30, "I", IncidentStep::Resolved);
    assert_eq!(fold(&ledger.records)[0].began(), (at(10), BeganBy::Detected));
}
