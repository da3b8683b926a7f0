//! Days, weeks and months in a zone, and what a period may be.

use super::*;
use crate::domain::Zone;

fn instant(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

fn spans(bucket: Bucket, from: &str, to: &str, zone: &str) -> Vec<(String, i64, bool)> {
    let period = Period::parse(from, to, zone).unwrap();
    let spans = bucket::spans(bucket, &period).unwrap();
    let hours = |span: &bucket::Span| span.to.millis_since(span.from) / 3_600_000;
    spans
        .iter()
        .map(|span| (span.name.clone(), hours(span), span.whole))
        .collect()
}

fn names(spans: &[(String, i64, bool)]) -> Vec<(&str, i64, bool)> {
    spans
        .iter()
        .map(|(name, hours, whole)| (name.as_str(), *hours, *whole))
        .collect()
}

#[test]
fn days_have_as_many_hours_as_their_zone_gives_them() {
    let spring = spans(Bucket::Day, "2026-03-28", "2026-03-31", "Europe/Berlin");
    assert_eq!(
        names(&spring),
        [
            ("2026-03-28", 24, true),
            ("2026-03-29", 23, true),
            ("2026-03-30", 24, true)
        ]
    );
    let autumn = spans(Bucket::Day, "2026-10-25", "2026-10-26", "Europe/Berlin");
    assert_eq!(names(&autumn), [("2026-10-25", 25, true)]);
    let week = spans(Bucket::Week, "2026-03-23", "2026-03-30", "Europe/Berlin");
    assert_eq!(names(&week), [("2026-W13", 167, true)]);
    // Clocks in Santiago go forward at midnight, so that the day begins at one.
    let period = Period::parse("2026-09-06", "2026-09-07", "America/Santiago").unwrap();
    assert_eq!(
        (period.from, period.to),
        (instant("2026-09-06T04:00:00Z"), instant("2026-09-07T03:00:00Z"))
    );
    // Samoa left out a day.
    let skipped = spans(Bucket::Day, "2011-12-29", "2012-01-01", "Pacific/Apia");
    assert_eq!(names(&skipped), [("2011-12-29", 24, true), ("2011-12-31", 24, true)]);
}

#[test]
fn weeks_are_those_of_iso_8601() {
    let weeks = spans(Bucket::Week, "2026-12-27", "2027-01-05", "UTC");
    assert_eq!(
        names(&weeks),
        [
            ("2026-W52", 168, false),
            ("2026-W53", 168, true),
            ("2027-W01", 168, false)
        ]
    );
    let months = spans(Bucket::Month, "2024-01-15T12:00:00Z", "2024-03-01", "UTC");
    assert_eq!(names(&months), [("2024-01", 744, false), ("2024-02", 696, true)]);
}

#[test]
fn a_deployment_belongs_to_the_day_of_the_zone() {
    let mut ledger = Ledger::default();
    // Ends on Monday at 23:03 UTC, which is Tuesday in Berlin and Monday in New York.
    ledger.deploy(14 * HOUR, "a", "1", Extension::default());
    for (zone, day) in [("Europe/Berlin", "2026-03-03"), ("America/New_York", "2026-03-02")] {
        let report = measure_at(WEEK, &ledger, &[], &query("2026-03-01", "2026-03-08", zone));
        let frequency = &report.whole.deployment_frequency;
        let with: Vec<_> = frequency.series.iter().filter(|bucket| bucket.count > 0).collect();
        assert_eq!((with.len(), with[0].name.as_str()), (1, day), "{zone}");
        assert_eq!(
            (frequency.series.len(), frequency.days, frequency.active_days),
            (7, 7, 1)
        );
    }
}

#[test]
fn buckets_that_are_cut_or_not_over_are_partial_and_give_no_rate() {
    let mut ledger = Ledger::default();
    for day in 0..10 {
        ledger.deploy(day * DAY, &format!("d{day}"), &day.to_string(), Extension::default());
    }
    let mut query = query("2026-03-04", "2026-03-20", "UTC");
    query.bucket = Bucket::Week;
    // Last heard of on Wednesday 11th.
    let report = measure_at(9 * DAY + HOUR, &ledger, &[], &query);
    let frequency = &report.whole.deployment_frequency;
    let buckets: Vec<_> = frequency
        .series
        .iter()
        .map(|b| (b.name.as_str(), b.count, b.partial))
        .collect();
    assert_eq!(
        buckets,
        [("2026-W10", 5, true), ("2026-W11", 3, true), ("2026-W12", 0, true)]
    );
    assert_eq!(
        (frequency.whole_buckets.buckets, frequency.whole_buckets.mean),
        (0, None)
    );
    assert_eq!(report.as_of, Some(at(9 * DAY + HOUR)));

    // Once the ledger has gone on, the week that the period has all of counts, and only that.
    let report = measure_at(60 * DAY, &ledger, &[], &query);
    let whole = &report.whole.deployment_frequency.whole_buckets;
    assert_eq!((whole.buckets, whole.count, whole.mean), (1, 3, Some(3.0)));
    assert_eq!(
        report.as_of,
        Some(report.to),
        "the report speaks as of the end of its period"
    );
}

#[test]
fn what_no_period_can_be_is_refused() {
    let parse = Period::parse;
    let zone = |name: &str| PeriodError::from(Zone::parse(name).unwrap_err());
    assert_eq!(
        parse("2026-03-01", "2026-04-01", "Europe/Bielefeld"),
        Err(zone("Europe/Bielefeld"))
    );
    assert_eq!(parse("2026-03-01", "2026-04-01", ""), Err(zone("")));
    for (from, to, parameter) in [
        ("2026-3-1", "2026-04-01", "from"),
        ("2026-02-30", "2026-04-01", "from"),
        ("2026-03-01", "tomorrow", "to"),
        ("2026-03-01", "12026-03-01", "to"),
        ("1969-12-31", "2026-03-01", "from"),
    ] {
        assert_eq!(
            parse(from, to, "UTC"),
            Err(PeriodError::Limit { parameter }),
            "{from} {to}"
        );
    }
    for to in ["2026-02-01", "2026-03-01", "2026-03-01T01:00:00+01:00"] {
        assert!(
            matches!(parse("2026-03-01", to, "UTC"), Err(PeriodError::Empty { .. })),
            "{to}"
        );
    }
    let spans = |bucket, from, to| bucket::spans(bucket, &Period::parse(from, to, "UTC").unwrap()).map(|s| s.len());
    assert_eq!(spans(Bucket::Day, "2016-01-01", "2026-01-01"), Ok(3653));
    let most = MAX_BUCKETS;
    assert_eq!(
        spans(Bucket::Day, "2016-01-01", "2026-02-01"),
        Err(MetricsError::Buckets { most })
    );
    assert_eq!(
        spans(Bucket::Month, "1970-01-01", "9999-12-31"),
        Err(MetricsError::Buckets { most })
    );
    assert_eq!(spans(Bucket::Month, "1970-01-01", "2070-01-01"), Ok(1200));
}
