//! Change fail rate and recovery: which deployments failed, and when that was over.

use super::*;

/// Twenty-three changes, one a day, and their indexes.
fn changes(ledger: &mut Ledger, count: i64) -> Vec<u64> {
    let deploy = |n: i64| ledger.deploy(n * DAY, &format!("d{n}"), &n.to_string(), Extension::default());
    (0..count).map(deploy).collect()
}

#[test]
fn the_fail_rate_counts_deployments_and_is_a_range() {
    let mut ledger = Ledger::default();
    let d = changes(&mut ledger, 23);
    let first = ledger.incident(DAY + HOUR, "INC-1", IncidentStep::Detected).index;
    let second = ledger.incident(DAY + 2 * HOUR, "INC-2", IncidentStep::Detected).index;
    let third = ledger.incident(5 * DAY + HOUR, "INC-3", IncidentStep::Detected).index;
    let weak = |score, share| Link {
        score,
        share,
        ..link(third, d[7], LinkState::Suggested)
    };
    let links = [
        // Two incidents of one deployment are one failure.
        link(first, d[1], LinkState::Explicit),
        link(second, d[1], LinkState::Confirmed),
        link(third, d[5], LinkState::Suggested),
        link(third, d[6], LinkState::Rejected),
        link(third, d[6], LinkState::Suggested),
        link(third, d[8], LinkState::Superseded),
        link(third, d[9], LinkState::Disputed),
        weak(0.49, 0.9),
        weak(0.9, 0.59),
    ];
    let report = measure_at(60 * DAY, &ledger, &links, &march());
    let rate = &report.whole.change_fail_rate;
    assert_eq!((rate.n, rate.immature.n), (23, 0));
    assert_eq!((rate.lower.count, &rate.lower.deployments), (1, &set([d[1]])));
    assert_eq!((rate.upper.count, &rate.upper.deployments), (2, &set([d[1], d[5]])));
    assert_eq!((rate.lower.rate, rate.upper.rate), (Some(0.0435), Some(0.087)));
    assert_eq!(rate.disputed, set([d[9]]));
    let incidents = &report.whole.incidents;
    assert_eq!((incidents.count, incidents.unattributed.len()), (3, 0));
    assert_eq!(
        (
            incidents.review_backlog.suggestions,
            &incidents.review_backlog.incidents
        ),
        (3, &set([third]))
    );

    let without = measure_at(60 * DAY, &ledger, &[], &march());
    assert_eq!(without.whole.incidents.unattributed, set([first, second, third]));
    assert_eq!(without.whole.change_fail_rate.lower.count, 0);
}

#[test]
fn too_few_give_a_fraction_and_no_percentage() {
    let mut ledger = Ledger::default();
    let d = changes(&mut ledger, 19);
    let links = [link(1000, d[3], LinkState::Explicit)];
    let rate = measure_at(60 * DAY, &ledger, &links, &march()).whole.change_fail_rate;
    assert_eq!((rate.lower.count, rate.lower.n, rate.lower.rate), (1, 19, None));
}

#[test]
fn the_young_are_shown_apart() {
    let mut ledger = Ledger::default();
    let d = changes(&mut ledger, 6);
    let links = [
        link(1000, d[0], LinkState::Explicit),
        link(1001, d[4], LinkState::Explicit),
    ];
    // The newest entry is of the fifth day, so that two days and more are too young.
    let now = 5 * DAY + 4;
    let rate = measure_at(now, &ledger, &links, &march()).whole.change_fail_rate;
    assert_eq!(
        (rate.n, rate.lower.count, &rate.deployments),
        (3, 1, &set([d[0], d[1], d[2]]))
    );
    assert_eq!((rate.immature.n, rate.immature.lower), (3, 1));
    let mut query = march();
    query.maturity_hours = 0;
    assert_eq!(measure_at(now, &ledger, &links, &query).whole.change_fail_rate.n, 6);

    // The last days of a period are old enough once the ledger has gone on.
    let early = self::query("2026-03-02", "2026-03-06", "UTC");
    assert_eq!(
        measure_at(60 * DAY, &ledger, &links, &early)
            .whole
            .change_fail_rate
            .immature
            .n,
        0
    );
    query.maturity_hours = MAX_MATURITY_HOURS + 1;
    let tiers = BTreeMap::new();
    let input = Input {
        tree_size: 0,
        recorded_until: None,
        deployments: &[],
        incidents: &[],
        evidence: &Evidence::default(),
        aliases: &Aliases::default(),
        tiers: &tiers,
        owners: &Services::default(),
        links: &[],
        no_deployment: &BTreeSet::new(),
    };
    assert_eq!(measure(&query, &input), Err(MetricsError::Maturity));
}

#[test]
fn of_what_a_rollback_takes_out_the_first_had_failed() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "v1", "1", Extension::default());
    let v2 = ledger.deploy(HOUR, "v2", "2", Extension::default());
    ledger.deploy(2 * HOUR, "v3", "3", Extension::default());
    let back = ledger.deploy(4 * HOUR, "back", "1", Extension::default());
    let report = measure_at(WEEK, &ledger, &[], &march());
    let rate = &report.whole.change_fail_rate;
    assert_eq!(
        (rate.n, &rate.lower.deployments),
        (3, &set([v2])),
        "going back is no change that could fail"
    );
    assert_eq!(rate.upper.deployments, set([v2]));
    assert_eq!(report.whole.deployment_frequency.rollbacks, set([back]));
    let recovery = &report.whole.failed_deployment_recovery_time;
    assert_eq!(
        (recovery.failed, recovery.recovered.median_ms),
        (1, Some(3 * 3_600_000))
    );

    // Unless it says which.
    let mut ledger = Ledger::default();
    ledger.deploy(0, "v1", "1", Extension::default());
    ledger.deploy(HOUR, "v2", "2", Extension::default());
    let v3 = ledger.deploy(2 * HOUR, "v3", "3", Extension::default());
    let repair = Extension {
        remediates: Some("v3".to_owned()),
        ..Extension::default()
    };
    ledger.deploy(4 * HOUR, "back", "1", repair);
    let rate = measure_at(WEEK, &ledger, &[], &march()).whole.change_fail_rate;
    assert_eq!(rate.lower.deployments, set([v3]));
}

#[test]
fn doing_the_same_again_is_no_failure() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "a", "1", Extension::default());
    let again = ledger.deploy(HOUR, "b", "1", Extension::default());
    let report = measure_at(WEEK, &ledger, &[], &march());
    assert_eq!(report.whole.change_fail_rate.lower.count, 0);
    assert_eq!(
        (
            report.whole.change_fail_rate.n,
            &report.whole.deployment_frequency.redeploys
        ),
        (1, &set([again]))
    );
    // An incident that is linked to one is not lost.
    let links = [link(1000, again, LinkState::Confirmed)];
    let rate = measure_at(WEEK, &ledger, &links, &march()).whole.change_fail_rate;
    assert_eq!((rate.lower.count, rate.outside), (0, set([again])));
}

#[test]
fn an_open_failure_has_an_age_and_is_in_no_median() {
    let mut ledger = Ledger::default();
    let d = changes(&mut ledger, 4);
    let over = ledger.incident(HOUR, "INC-1", IncidentStep::Detected).index;
    ledger.incident(2 * HOUR + 3, "INC-1", IncidentStep::Resolved);
    let open = ledger.incident(2 * DAY + HOUR, "INC-2", IncidentStep::Detected).index;
    let odd = ledger.incident(3 * DAY, "INC-3", IncidentStep::Detected).index;
    ledger.incident(3 * DAY + 1, "INC-3", IncidentStep::Resolved);
    let links = [
        link(over, d[0], LinkState::Explicit),
        link(open, d[2], LinkState::Explicit),
        // Over before the deployment was done.
        link(odd, d[3], LinkState::Explicit),
    ];
    let recovery = measure_at(4 * DAY + 3, &ledger, &links, &march())
        .whole
        .failed_deployment_recovery_time;
    assert_eq!(recovery.failed, 3);
    assert_eq!(
        (recovery.recovered.n, recovery.recovered.median_ms),
        (1, Some(2 * 3_600_000))
    );
    assert_eq!(recovery.from_harm.median_ms, Some(63 * 60_000));
    assert_eq!((recovery.open.len(), recovery.open[0].deployment), (1, d[2]));
    assert_eq!(
        (recovery.open[0].incidents.clone(), recovery.open[0].age_ms),
        (set([open]), 48 * 3_600_000)
    );
    assert_eq!(recovery.oldest_open_ms, Some(48 * 3_600_000));
    assert_eq!(recovery.over_before_end, set([d[3]]));

    // As of the end of a period that is over, it was younger.
    let early = query("2026-03-02", "2026-03-05T00:00:00Z", "UTC");
    let report = measure_at(60 * DAY, &ledger, &links, &early);
    let age = report
        .to
        .millis_since(report.whole.failed_deployment_recovery_time.open[0].finished_at);
    assert_eq!(report.whole.failed_deployment_recovery_time.oldest_open_ms, Some(age));

    // One incident that goes on keeps a deployment from being recovered, whatever else is over; a repair ends it.
    let both = [
        link(over, d[2], LinkState::Explicit),
        link(open, d[2], LinkState::Explicit),
    ];
    let recovery = measure_at(4 * DAY, &ledger, &both, &march())
        .whole
        .failed_deployment_recovery_time;
    assert_eq!((recovery.recovered.n, recovery.open.len()), (0, 1));
    let repair = Extension {
        remediates: Some("INC-2".to_owned()),
        ..Extension::default()
    };
    ledger.deploy(4 * DAY, "fix", "fixed", repair);
    let recovery = measure_at(9 * DAY, &ledger, &both, &march())
        .whole
        .failed_deployment_recovery_time;
    assert_eq!(
        (recovery.open.len(), recovery.recovered.median_ms),
        (0, Some(2 * 24 * 3_600_000))
    );
}

#[test]
fn bands_are_shown_when_asked_for_and_only_where_they_can_be_told() {
    let mut ledger = Ledger::default();
    changes(&mut ledger, 23);
    assert_eq!(measure_at(60 * DAY, &ledger, &[], &march()).bands, None);
    let of = |year: &str| {
        let mut query = march();
        query.bands = Some(Edition::parse(year).unwrap());
        let bands = measure_at(60 * DAY, &ledger, &[], &query).bands.unwrap();
        (bands.year, bands.metrics.iter().map(|row| row.band).collect::<Vec<_>>())
    };
    // One a day; no commits; no failures; so nothing to recover from.
    assert_eq!(of("2023"), (2023, vec![Some("high"), None, Some("elite"), None]));
    // In 2024 the groups were no ladder of fail rates.
    assert_eq!(of("2024"), (2024, vec![Some("high"), None, None, None]));
    // Two days are more than a day and less than a week, which no group reported.
    let failed = ledger.deployments()[3].index;
    let incident = ledger.incident(4 * DAY, "INC-1", IncidentStep::Detected).index;
    ledger.incident(5 * DAY + 3, "INC-1", IncidentStep::Resolved);
    let mut query = march();
    query.bands = Some(Edition::Of2024);
    let links = [link(incident, failed, LinkState::Explicit)];
    let bands = measure_at(60 * DAY, &ledger, &links, &query).bands.unwrap();
    assert_eq!(bands.metrics[3].band, None);
    assert_eq!(Edition::parse("2025"), Err(MetricsError::Edition("2025".to_owned())));
}

/// How a change was approved says nothing of what it did.
#[test]
fn a_kind_that_tells_of_an_approval_hides_no_role() {
    let mut ledger = Ledger::default();
    let old = committed("feat: old", -900 * DAY);
    let first = Extension {
        commits: vec![old],
        ..of(DeploymentKind::Standard)
    };
    ledger.deploy(0, "first", "1", first);
    ledger.deploy(DAY, "second", "2", of(DeploymentKind::Standard));
    ledger.deploy(DAY + HOUR, "again", "2", of(DeploymentKind::Standard));
    ledger.deploy(2 * DAY, "third", "3", of(DeploymentKind::Normal));
    ledger.deploy(2 * DAY + HOUR, "back", "1", of(DeploymentKind::Emergency));
    let deployments = ledger.deployments();
    let found = measure_at(10 * DAY, &ledger, &[], &march()).whole;
    let frequency = &found.deployment_frequency;
    assert_eq!(frequency.baselines, indexes(&deployments, &["first"]));
    assert_eq!(frequency.redeploys, indexes(&deployments, &["again"]));
    assert_eq!(frequency.rollbacks, indexes(&deployments, &["back"]));
    assert_eq!(
        (found.change_lead_time.baseline, found.change_lead_time.commits.n),
        (1, 0)
    );
    assert_eq!(
        found.change_fail_rate.lower.deployments,
        indexes(&deployments, &["second"])
    );
    assert_eq!(found.change_fail_rate.n, 3);
    assert_eq!(found.emergency_ratio.deployments, indexes(&deployments, &["back"]));
    assert_eq!(
        found.deployment_rework_rate.deployments,
        indexes(&deployments, &["back"])
    );
}
