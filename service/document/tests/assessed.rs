//! What people add to a compliance report: attestations, and conclusions of samples. Neither ever changes what the checks say.

use serde_json::{Value, json};

use super::*;
use crate::document::compliance::oscal::{self, Model};
use crate::domain::attestation::AttestationStatement;
use crate::domain::conclusion::AuditResult;
use crate::domain::fixture::attested;
use crate::domain::issued::IssuedSample;

/// Of PCI DSS, for what is attested until well after the report's period.
fn lasting(item: &str) -> AttestationStatement {
    AttestationStatement {
        valid_until: at(20_000),
        ..attested(item)
    }
}

/// How what people must attest for PCI DSS stands, by item.
fn standing(ledger: &Ledger) -> Value {
    let report = report_on(ledger, &["pci-dss"]);
    let rows = report.frameworks[0].requirements.iter().flat_map(|row| &row.manual);
    rows.map(|row| (row.asked.id.clone(), json!([row.state, row.says])))
        .collect()
}

/// A section of the report in Markdown.
fn section(report: &ComplianceReport, name: &str) -> String {
    let text = markdown(compliance::TEMPLATE, report);
    let (_, section) = text.split_once(&format!("\n## {name}\n")).unwrap();
    section.split("\n## ").next().unwrap().to_owned()
}

#[test]
fn an_attestation_counts_at_the_end_of_the_period_or_is_a_finding() {
    let mut ledger = story();
    assert_eq!(
        standing(&ledger)["no-live-pan"],
        json!(["missing", "no attestation recorded"])
    );
    ledger.attest(200, "AT-1", "eve", attested("no-live-pan"));
    ledger.attest(210, "AT-2", "eve", lasting("significant-change"));
    ledger
        .attest(215, "AT-3", "eve", lasting("test-data-removed"))
        .event
        .service = Some("payments".parse().unwrap());
    assert_eq!(
        standing(&ledger),
        json!({
            "preproduction-access": ["missing", "no attestation recorded"],
            "security-impact": ["missing", "no attestation recorded"],
            "three-months-at-hand": ["missing", "no attestation recorded"],
            "significant-change": ["attested", "attested by eve at 2026-03-02 12:30:00 UTC, until 2026-03-16 06:20:00 UTC"],
            "no-live-pan": ["expired", "attested by eve at 2026-03-02 12:20:00 UTC, until 2026-03-02 10:00:00 UTC; \
                                        that ran out before the end of the period"],
            "test-data-removed": ["partly", "attested by eve at 2026-03-02 12:35:00 UTC, until 2026-03-16 06:20:00 UTC, \
                                             for payments alone"],
        })
    );
    let summary = report_on(&ledger, &["pci-dss"]).summary.join(" ");
    assert!(
        summary.contains("period: 1; for some services alone: 1; ran out before or taken back: 1; not recorded: 3."),
        "{summary}"
    );
    ledger.revoke_attestation(220, "AT-2");
    assert_eq!(standing(&ledger)["significant-change"][0], "revoked");
    insta::assert_snapshot!(
        "attested",
        section(&report_on(&ledger, &["pci-dss"]), "Attested by people")
    );
}

#[test]
fn it_counts_no_longer_than_the_catalogue_lets_it_and_not_before_it_begins() {
    let mut ledger = story();
    let mut said = lasting("no-live-pan");
    said.valid_from = Some(at(-400 * 1440));
    ledger.attest(0, "AT-1", "eve", said.clone());
    assert_eq!(standing(&ledger)["no-live-pan"][0], "expired", "365 days are over");
    said.valid_from = Some(at(10_000));
    ledger.attest(0, "AT-2", "eve", said);
    assert_eq!(
        standing(&ledger)["no-live-pan"][0],
        "expired",
        "it begins after the period"
    );
    let elsewhere = ledger.attest(0, "AT-3", "eve", lasting("no-live-pan"));
    elsewhere.event.environment = Some("staging".parse().unwrap());
    assert_eq!(
        standing(&ledger)["no-live-pan"][0],
        "expired",
        "it is for another environment"
    );
}

#[test]
fn an_attestation_changes_no_result_and_no_coverage() {
    let mut ledger = story();
    let results = |ledger: &Ledger| {
        let mut requirements = report_on(ledger, &["pci-dss"]).frameworks.remove(0).requirements;
        requirements.iter_mut().for_each(|row| row.manual.clear());
        requirements
    };
    let before = results(&ledger);
    for item in ["significant-change", "no-live-pan", "test-data-removed"] {
        ledger.attest(200, item, "eve", lasting(item));
    }
    assert_eq!(results(&ledger), before);
}

#[test]
fn what_nobody_asks_for_is_shown_as_such() {
    let mut ledger = story();
    ledger.attest(200, "AT-1", "eve", lasting("no-live-cards"));
    ledger
        .attest(200, "AT-2", "eve", lasting("no-live-pan"))
        .event
        .extension
        .attestation
        .as_mut()
        .unwrap()
        .framework = "pci".to_owned();
    ledger
        .attest(200, "AT-3", "eve", lasting("x"))
        .event
        .extension
        .attestation
        .as_mut()
        .unwrap()
        .framework = "soc2".to_owned();
    let unasked = |frameworks: &[&str]| {
        let report = report_on(&ledger, frameworks);
        let ids = report.unasked_attestations.iter().map(|made| made.id.clone());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(unasked(&["pci-dss"]), ["AT-1", "AT-2"]);
    assert_eq!(unasked(&["soc2"]), ["AT-2", "AT-3"]);
    assert!(unasked(&[]).is_empty());
}

#[test]
fn an_attestation_is_an_observation_of_oscal_that_expires() {
    let mut ledger = story();
    ledger.attest(200, "AT-1", "eve", lasting("significant-change"));
    let document = oscal::document(
        &report_on(&ledger, &["pci-dss"]),
        Model::AssessmentResults,
        str::to_owned,
    );
    let result = &document["assessment-results"]["results"][0];
    let observations = result["observations"].as_array().unwrap();
    let found: Vec<_> = observations
        .iter()
        .filter(|found| found["methods"] == json!(["INTERVIEW"]))
        .collect();
    let [made] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(made["expires"], "2026-03-16T06:20:00.000Z");
    let findings = result["findings"].as_array().unwrap();
    let finding = findings
        .iter()
        .find(|finding| finding["title"].as_str().unwrap().starts_with("6.5.2"));
    let related = finding.unwrap()["related-observations"].as_array().unwrap();
    assert!(
        related.contains(&json!({ "observation-uuid": made["uuid"] })),
        "{related:?}"
    );
}

#[test]
fn conclusions_stand_beside_the_items_and_none_is_lost() {
    let mut ledger = story();
    let items: Vec<u64> = ledger.deployments().iter().map(|found| found.index).collect();
    let sample = ledger.sample(500, &items[..3]).index;
    ledger.conclude(510, sample, Some(items[0]), AuditResult::Exception);
    ledger.conclude(520, sample, Some(items[0]), AuditResult::NoException);
    ledger.conclude(530, sample, Some(items[1]), AuditResult::Exception);
    ledger
        .conclude(540, sample, Some(items[3]), AuditResult::CouldNotBeTested)
        .event
        .extension
        .actor = None;
    ledger.conclude(550, sample, None, AuditResult::NotTested);
    ledger.conclude(560, 0, None, AuditResult::NoException);
    ledger.conclude(570, 0, Some(0), AuditResult::NoException);
    let report = report(&ledger);
    let row = &report.samples[0];
    assert_eq!((row.sample.missing, row.exceptions), (1, 1));
    assert_eq!(report.conclusions_without_sample.len(), 1);
    insta::assert_snapshot!("conclusions", section(&report, "Samples and conclusions"));
}

#[test]
fn conclusions_are_observations_of_oscal_and_all_that_is_named_is_there() {
    let mut ledger = story();
    let item = ledger.deployments()[0].index;
    let sample = ledger.sample(500, &[item]).index;
    for (item, result) in [
        (Some(item), AuditResult::Exception),
        (Some(item), AuditResult::NoException),
        (Some(9999), AuditResult::NotTested),
        (None, AuditResult::Exception),
    ] {
        ledger.conclude(510, sample, item, result);
    }
    ledger.conclude(520, 0, None, AuditResult::CouldNotBeTested);
    let report = report_on(&ledger, &["pci-dss", "nist-800-53"]);
    let document = oscal::document(&report, Model::AssessmentResults, str::to_owned);
    for result in document["assessment-results"]["results"].as_array().unwrap() {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let (observations, items) = (
            list(&result["observations"]),
            list(&result["local-definitions"]["inventory-items"]),
        );
        let uuids = |list: &[Value]| list.iter().map(|part| part["uuid"].clone()).collect::<Vec<_>>();
        let related = list(&result["findings"]);
        let related = related
            .iter()
            .flat_map(|finding| list(&finding["related-observations"]));
        let observed = uuids(&observations);
        assert!(
            related
                .into_iter()
                .all(|named| observed.contains(&named["observation-uuid"]))
        );
        let subjects = observations
            .iter()
            .flat_map(|observation| list(&observation["subjects"]));
        let described = uuids(&items);
        assert!(
            subjects
                .into_iter()
                .all(|subject| described.contains(&subject["subject-uuid"]))
        );
        let examined = observations
            .iter()
            .filter(|found| found["methods"] == json!(["EXAMINE"]));
        let told = examined.map(|found| {
            let value = |name| {
                list(&found["props"])
                    .iter()
                    .find(|prop| prop["name"] == name)
                    .map(|prop| prop["value"].clone())
            };
            let of_one = found["subjects"].is_array();
            (value("conclusion"), value("counts"), found["types"].is_array(), of_one)
        });
        let told: Vec<_> = told.collect();
        let words = |words: &str| Some(json!(words));
        assert_eq!(
            told,
            [
                (words("exception"), words("false"), false, true),
                (words("no exception"), words("true"), false, true),
                (words("exception"), None, true, false),
                (words("not tested"), None, false, false),
                (words("could not be tested"), None, false, false),
            ]
        );
    }
}

#[test]
fn a_conclusion_without_a_sample_shows_where_it_may_belong() {
    let mut ledger = story();
    let item = ledger.deployments()[0].index;
    let conclude = |ledger: &mut Ledger, sample: u64, item: Option<u64>, environment: Option<&str>| {
        let drawn = ledger.conclude(500, sample, item, AuditResult::NoException);
        drawn.event.environment = environment.map(|name| name.parse().unwrap());
        drawn.index
    };
    let here = [(None, None), (Some(item), None), (None, Some("production"))];
    let here = here.map(|(item, environment)| conclude(&mut ledger, 0, item, environment));
    conclude(&mut ledger, 0, None, Some("staging"));
    conclude(&mut ledger, 0, Some(9999), None);
    let early = conclude(&mut ledger, 0, None, None);
    ledger.records[early as usize].recorded_at = at(-10_001);
    // It names a sample of staging that is issued only afterwards.
    let next = ledger.records.len() as u64 + 1;
    conclude(&mut ledger, next, None, None);
    let issued = ledger.sample(510, &[item]);
    assert_eq!(issued.index, next);
    let document = issued.event.extension.document.as_mut().unwrap();
    document.sample.as_mut().unwrap().environment = "staging".parse().unwrap();
    let report = report(&ledger);
    let shown: Vec<u64> = report
        .conclusions_without_sample
        .iter()
        .map(|drawn| drawn.index)
        .collect();
    assert_eq!((shown, report.conclusions_elsewhere), (here.to_vec(), 4));
}

#[test]
fn a_sample_of_another_place_or_time_is_not_of_the_report() {
    let mut ledger = story();
    let issued = |ledger: &mut Ledger, change: fn(&mut IssuedSample)| {
        let record = ledger.sample(500, &[1]);
        let document = record.event.extension.document.as_mut().unwrap();
        change(document.sample.as_mut().unwrap());
    };
    issued(&mut ledger, |sample| sample.environment = "staging".parse().unwrap());
    issued(&mut ledger, |sample| sample.to = at(-10_000));
    issued(&mut ledger, |sample| sample.from = at(10_000));
    assert!(report(&ledger).samples.is_empty());
}
