//! The service report: whole documents, what is not known, and the period before.

use super::service_report::{Backlog, ServiceReport, ServiceReportInput};
use super::*;
use crate::metrics::MetricsError;

pub(super) fn compose(ledger: &Ledger, from: &str, to: &str, zone: &str) -> Result<ServiceReport, MetricsError> {
    let facts = Facts::fold(&ledger.records);
    let view = view(ledger);
    let period = Period::parse(from, to, zone).unwrap();
    service_report::compose(&ServiceReportInput {
        request: Request {
            time_zone: period.zone,
            ..request(&view, service_report::TEMPLATE)
        },
        environment: &"production".parse().unwrap(),
        services: &["payments".parse().unwrap()].into(),
        team: None,
        period,
        recorded_from: ledger.records.first().map(|record| record.recorded_at),
        recorded_until: ledger.records.last().map(|record| record.recorded_at),
        facts: &facts,
        earlier_backlog: &Backlog::default(),
        parameters: &Parameters::default(),
    })
}

#[test]
fn a_report_as_a_whole() {
    let report = compose(&story(), "2026-03-01", "2026-03-08", "Europe/Berlin").unwrap();
    insta::assert_snapshot!(markdown(service_report::TEMPLATE, &report));
}

#[test]
fn a_period_without_anything_has_no_data_and_no_zeroes() {
    let report = compose(&story(), "2025-03-01", "2025-04-01", "UTC").unwrap();
    let text = markdown(service_report::TEMPLATE, &report);
    assert!(
        text.contains("Nothing was deployed in this period, and no incident began."),
        "{text}"
    );
    let fail = report
        .at_a_glance
        .iter()
        .find(|row| row.metric == "Change fail rate")
        .unwrap();
    assert_eq!((fail.value.as_str(), fail.change), ("no data", "no data"));
}

#[test]
fn a_period_that_nobody_could_read_is_refused() {
    let huge = compose(&story(), "1970-01-01", "9999-01-01", "UTC");
    assert!(matches!(huge, Err(MetricsError::Buckets { .. })));
}

#[test]
fn its_chart_is_drawn_and_says_the_same_in_words() {
    let report = compose(&story(), "2026-03-01", "2026-03-08", "UTC").unwrap();
    let templates = Templates::built_in().unwrap();
    let html = crate::render::document(&templates, service_report::TEMPLATE, &report).unwrap();
    let html = html.as_str();
    assert!(
        html.contains("<figure><svg") && html.contains("<desc>2026-03-01: 0; "),
        "{html}"
    );
    assert!(!html.contains("chart: frequency"), "{html}");
}

/// Deployed in one week, and broken in the next.
#[test]
fn an_incident_of_the_period_is_named_with_the_earlier_deployment_it_came_from() {
    let week = 7 * 24 * 60;
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d1", "1.0.0", Extension::default());
    let told = ledger.incident(week + 60, "K-1", IncidentStep::Detected);
    told.event.extension.caused_by = Some("d1".to_owned());
    let report = compose(&ledger, "2026-03-09", "2026-03-16", "UTC").unwrap();
    let text = markdown(service_report::TEMPLATE, &report);
    for part in [
        "1 failure of deployments before the period is not known to be over",
        "| payments 1.0.0 | 2026-03-02 09:03 UTC | for certain | K-1",
        "(explicit, score 99 %) | open for 7 days |",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let [decision] = report.decisions.as_slice() else {
        panic!("{:?}", report.decisions)
    };
    assert!(decision.text.contains("1.0.0 failed"), "{decision:?}");
    // It is no less open a week later, in which nothing began.
    ledger.incident(3 * week, "K-2", IncidentStep::Detected);
    let later = compose(&ledger, "2026-03-16", "2026-03-23", "UTC").unwrap();
    let open = later.decisions.first().map(|decision| decision.text.as_str());
    assert_eq!(
        open,
        Some("payments 1.0.0 failed and is not known to be repaired, 20 days 14 h after it went live.")
    );
    // Over in that week, it is told for the week before and not for the one after.
    ledger.incident(2 * week + 120, "K-1", IncidentStep::Resolved);
    let over = |from, to| compose(&ledger, from, to, "UTC").unwrap().stability.still_failing;
    let before = over("2026-03-09", "2026-03-16");
    assert!(before[0].open_for_ms.is_none() && before[0].recovery_ms.is_some());
    assert!(over("2026-03-16", "2026-03-23").is_empty());
}

#[test]
fn an_attempt_that_did_harm_is_named_although_it_is_in_no_rate() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d1", "1.0.0", Extension::default());
    ledger.start(60, "d2", "2.0.0", Extension::default());
    ledger.finish(62, "d2", "2.0.0", Outcome::Failure);
    let told = ledger.incident(65, "K-1", IncidentStep::Detected);
    told.event.extension.caused_by = Some("d2".to_owned());
    let report = compose(&ledger, "2026-03-01", "2026-03-08", "UTC").unwrap();
    let failed = &report.stability.failed;
    let [failed] = failed.as_slice() else {
        panic!("{failed:?}")
    };
    assert_eq!((failed.deployment.label.as_str(), failed.in_rate), ("2.0.0", false));
    assert_eq!((failed.incidents[0].id.as_str(), failed.certain), ("K-1", true));
    assert!(failed.open_for_ms.is_some());
}

/// What was recorded today may have been long ago.
#[test]
fn an_imported_history_is_not_told_to_begin_when_it_was_recorded() {
    let mut ledger = Ledger::default();
    ledger.deploy(-20 * 24 * 60, "d1", "1.0.0", Extension::default());
    ledger.deploy(0, "d2", "2.0.0", Extension::default());
    for record in &mut ledger.records {
        record.recorded_at = at(24 * 60);
    }
    let report = compose(&ledger, "2026-03-02", "2026-03-09", "UTC").unwrap();
    assert!(!report.summary.join(" ").contains("holds only"), "{:?}", report.summary);
}
