//! Frequency, lead time, rework: what flows to production.

use super::*;
use crate::metrics::quantile::quantile;

#[test]
fn quantiles_are_interpolated_as_type_7() {
    let q = |values: &[i64], p| quantile(values, p);
    assert_eq!(q(&[], 0.5), None);
    assert_eq!(q(&[7], 0.9), Some(7));
    // Others take the lower of both, which hides half of what is slow.
    assert_eq!(q(&[10, 1000], 0.5), Some(505));
    assert_eq!(q(&[10, 20, 30, 1000], 0.5), Some(25));
    assert_eq!(q(&[0, 100, 200, 300, 400], 0.75), Some(300));
    assert_eq!(q(&[0, 100, 200, 300], 0.9), Some(270));
    assert_eq!(q(&[1, 2], 1.0), Some(2));
}

#[test]
fn an_empty_period_is_no_data_and_not_nought() {
    let report = measure_at(DAY, &Ledger::default(), &[], &march());
    let whole = &report.whole;
    assert_eq!(
        (
            whole.deployment_frequency.count,
            whole.deployment_frequency.median_gap_ms
        ),
        (0, None)
    );
    assert_eq!(
        whole.deployment_frequency.series.len(),
        31,
        "days without a deployment are there"
    );
    assert_eq!(
        (
            whole.change_lead_time.commits.n,
            whole.change_lead_time.commits.median_ms
        ),
        (0, None)
    );
    assert_eq!((whole.change_fail_rate.n, whole.change_fail_rate.upper.rate), (0, None));
    assert_eq!(whole.failed_deployment_recovery_time.recovered.median_ms, None);
    assert_eq!(whole.failed_deployment_recovery_time.oldest_open_ms, None);
    assert_eq!(
        (whole.deployment_rework_rate.n, whole.deployment_rework_rate.rate),
        (0, None)
    );
    let json = serde_json::to_value(&report).unwrap();
    assert!(json["whole"]["change_lead_time"]["commits"]["median_ms"].is_null());
}

#[test]
fn rollbacks_are_deployments_and_redeploys_are_not() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "a", "1", Extension::default());
    ledger.deploy(DAY, "b", "2", Extension::default());
    ledger.deploy(DAY + HOUR, "c", "2", Extension::default());
    ledger.deploy(3 * DAY, "d", "1", Extension::default());
    ledger.start(4 * DAY, "e", "3", Extension::default());
    ledger.finish(4 * DAY + 1, "e", "3", Outcome::Failure);
    ledger.start(5 * DAY, "f", "3", Extension::default());
    ledger.finish(5 * DAY + 1, "f", "3", Outcome::Cancel);
    let from = ledger.records.len();
    ledger.deploy(6 * DAY, "s", "4", Extension::default());
    ledger.move_to(from, "staging");
    let deployments = ledger.deployments();
    let report = measure_at(WEEK, &ledger, &[], &march());
    let frequency = &report.whole.deployment_frequency;
    assert_eq!(frequency.deployments, indexes(&deployments, &["a", "b", "d"]));
    assert_eq!(frequency.count, 3);
    assert_eq!(frequency.rollbacks, indexes(&deployments, &["d"]));
    assert_eq!(frequency.redeploys, indexes(&deployments, &["c"]));
    assert_eq!(frequency.baselines, indexes(&deployments, &["a"]));
    // Gaps of one day and of two.
    assert_eq!(frequency.median_gap_ms, Some(36 * 3_600_000));
    assert_eq!(frequency.active_days, 3);
    let success = &report.whole.success_rate;
    assert_eq!(
        (success.succeeded.count, success.succeeded.n, success.succeeded.rate),
        (4, 5, None)
    );
    assert_eq!(success.cancelled, indexes(&deployments, &["f"]));
    assert_eq!(report.environments, BTreeSet::from(["production".parse().unwrap()]));

    // Only what was asked for is looked at.
    let mut query = march();
    query.environment = Some("staging".parse().unwrap());
    let report = measure_at(WEEK, &ledger, &[], &query);
    assert_eq!(
        report.whole.deployment_frequency.deployments,
        indexes(&deployments, &["s"])
    );
}

#[test]
fn lead_time_counts_each_commit_where_it_came_first() {
    let mut ledger = Ledger::default();
    // All history, in the first record of the service.
    ledger.deploy(0, "a", "1", bringing(&[committed("old", -90 * DAY)]));
    // Committed 3 minutes, 63 minutes before the end; one is a merge, one has no time.
    let merge = Commit {
        merge: Some(true),
        ..committed("merge", 0)
    };
    let batch = [
        committed("fast", DAY),
        committed("slow", DAY - HOUR),
        committed("old", -90 * DAY),
        merge,
        commit("timeless", "ada"),
    ];
    ledger.start(HOUR, "x", "2", bringing(&batch));
    ledger.finish(2 * HOUR, "x", "2", Outcome::Failure);
    let b = ledger.deploy(DAY, "b", "2", bringing(&batch));
    // The same commits again bring nothing.
    ledger.deploy(2 * DAY, "c", "3", bringing(&batch));
    // A clock that is ahead.
    let d = ledger.deploy(3 * DAY, "d", "4", bringing(&[committed("future", 4 * DAY)]));
    // Going back with a commit that nobody had heard of.
    ledger.deploy(4 * DAY, "e", "3", bringing(&[committed("odd", 0)]));
    let lead = measure_at(WEEK, &ledger, &[], &march()).whole.change_lead_time;
    assert_eq!((lead.commits.n, &lead.commits.deployments), (2, &set([b])));
    assert_eq!(lead.commits.median_ms, Some(33 * 60_000));
    assert_eq!(lead.commits.p75_ms, Some(48 * 60_000));
    assert_eq!(lead.commits.p90_ms, Some(57 * 60_000));
    assert_eq!(
        (lead.merges, lead.baseline, lead.rollback, lead.without_time),
        (1, 1, 1, 1)
    );
    assert_eq!((lead.negative, lead.negative_deployments), (1, set([d])));

    // A commit that came before the period does not come again in it.
    let later = measure_at(WEEK, &ledger, &[], &query("2026-03-04", "2026-03-05", "UTC"));
    assert_eq!(later.whole.deployment_frequency.count, 1);
    assert_eq!(later.whole.change_lead_time.commits.n, 0);
}

#[test]
fn what_claims_to_be_older_than_a_commit_did_not_bring_it() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "a", "1", Extension::default());
    ledger.deploy(HOUR, "b", "2", bringing(&[committed("x", 2 * HOUR)]));
    let c = ledger.deploy(3 * DAY, "c", "3", bringing(&[committed("x", 2 * HOUR)]));
    let lead = measure_at(WEEK, &ledger, &[], &query("2026-03-05", "2026-03-06", "UTC"));
    let commits = lead.whole.change_lead_time.commits;
    assert_eq!((commits.n, commits.deployments), (1, set([c])));
}

#[test]
fn rework_is_what_something_gone_wrong_made_necessary() {
    let mut ledger = Ledger::default();
    let unplanned = |reason: &str| Extension {
        planned: Some(false),
        reason: Some(reason.to_owned()),
        ..Extension::default()
    };
    ledger.deploy(0, "a", "1", Extension::default());
    ledger.deploy(HOUR, "b", "2", of(DeploymentKind::Hotfix));
    ledger.deploy(2 * HOUR, "c", "3", of(DeploymentKind::Emergency));
    ledger.deploy(3 * HOUR, "d", "4", unplanned("Incident"));
    ledger.deploy(4 * HOUR, "e", "5", unplanned("no incident, but a customer asked"));
    let repair = Extension {
        remediates: Some("INC-1".to_owned()),
        ..Extension::default()
    };
    ledger.deploy(5 * HOUR, "f", "6", repair);
    let deployments = ledger.deployments();
    let whole = measure_at(WEEK, &ledger, &[], &march()).whole;
    assert_eq!(
        whole.deployment_rework_rate.deployments,
        indexes(&deployments, &["b", "d", "f"])
    );
    assert_eq!(
        (whole.deployment_rework_rate.count, whole.deployment_rework_rate.n),
        (3, 6)
    );
    assert_eq!(whole.emergency_ratio.deployments, indexes(&deployments, &["c"]));
}

#[test]
fn the_whole_is_computed_from_the_items_and_not_from_the_services() {
    let mut ledger = Ledger::default();
    let deploy = |ledger: &mut Ledger, minutes: i64, id: &str, service: &str, commits: &[Commit]| {
        let from = ledger.records.len();
        ledger.deploy(minutes, id, id, bringing(commits));
        for record in &mut ledger.records[from..] {
            record.event.service = Some(service.parse().unwrap());
        }
    };
    deploy(&mut ledger, 0, "a", "search", &[]);
    deploy(&mut ledger, 1, "b", "payments", &[]);
    // Committed 3, 13 and 23 minutes before; 103 minutes before.
    let three = [committed("1", DAY), committed("2", DAY - 10), committed("3", DAY - 20)];
    deploy(&mut ledger, DAY, "c", "payments", &three);
    deploy(&mut ledger, DAY, "d", "search", &[committed("4", DAY - 100)]);
    let mut query = march();
    query.by_service = true;
    let report = measure_at(WEEK, &ledger, &[], &query);
    let median = |performance: &Performance| performance.change_lead_time.commits.median_ms.map(|ms| ms / 60_000);
    let rows: Vec<_> = report
        .by_service
        .iter()
        .map(|r| (r.service.as_str(), median(&r.performance)))
        .collect();
    assert_eq!(rows, [("payments", Some(13)), ("search", Some(103))]);
    assert_eq!(median(&report.whole), Some(18));

    query.services = BTreeSet::from(["search".parse().unwrap()]);
    let report = measure_at(WEEK, &ledger, &[], &query);
    assert_eq!((median(&report.whole), report.by_service.len()), (Some(103), 1));
}
