//! The service report: whole documents, what is not known, and the period before.

use super::service_report::{ServiceReport, ServiceReportInput};
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
