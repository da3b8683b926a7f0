//! The compliance report in OSCAL: nothing that it found is lost, and what belongs together is related.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::people::answer;
use super::*;
use crate::catalogue::scope;
use crate::document::compliance::oscal::{self, Model};
use crate::domain::gate::Decision;
use crate::domain::snapshot::Content;
use crate::reconcile::{Finding, FindingKind, Moment};

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// The results of a report.
fn results(report: &ComplianceReport) -> Vec<Value> {
    let document = oscal::document(report, Model::AssessmentResults, str::to_owned);
    list(&document["assessment-results"]["results"])
}

fn prop(part: &Value, name: &str) -> Value {
    let found = list(&part["props"]).into_iter().find(|prop| prop["name"] == name);
    found.map(|prop| prop["value"].clone()).unwrap_or_default()
}

/// What something is related to, among these.
fn related(part: &Value, among: &Value) -> Vec<Value> {
    let named = list(&part["related-observations"]).into_iter();
    let find = |named: Value| {
        let found = list(among)
            .into_iter()
            .find(|one| one["uuid"] == named["observation-uuid"]);
        found.expect("what is named is there")
    };
    named.map(find).collect()
}

/// Something that ran and should not have, from a minute for ten more.
fn undocumented(service: &str, minute: i64) -> Finding {
    Finding {
        kind: FindingKind::Undocumented,
        service: service.parse().unwrap(),
        running: Some(Content {
            digest: Some(digest("9")),
            artifact: None,
            version: None,
        }),
        instances: None,
        expected: None,
        opened: Moment {
            index: 1,
            at: at(minute),
        },
        last_seen: Moment {
            index: 2,
            at: at(minute + 10),
        },
        closed: None,
        signers: BTreeSet::new(),
    }
}

#[test]
fn each_thing_that_a_check_of_the_period_found_is_a_finding_or_a_risk_that_was_accepted() {
    let mut ledger = story();
    ledger.except(0, "EX-1", grant(&["DL-POP-2"]));
    let granted = ledger.records.len() as u64 - 1;
    let seen = |service, minute| {
        let mut finding = undocumented(service, minute);
        finding.opened.index = granted + 1;
        finding
    };
    let told = Completeness {
        snapshots: 2,
        open: 3,
        findings: vec![seen("miner", 10), seen("payments", 20), seen("shadow", 30)],
        ..completeness()
    };
    let report = report_by(&ledger, &Catalogue::built_in().unwrap(), &told, &["soc2"]);
    let result = &results(&report)[0];
    let findings = list(&result["findings"]);
    let of_check = findings
        .iter()
        .filter(|found| found["target"]["target-id"] == "DL-POP-2");
    let texts: Vec<String> = of_check
        .map(|found| related(found, &result["observations"])[0]["description"].to_string())
        .collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].contains("undocumented of miner") && texts[1].contains("undocumented of shadow"));
    let risks = list(&result["risks"]);
    let [risk] = risks.as_slice() else { panic!("{risks:?}") };
    let allowed = related(risk, &result["observations"]);
    assert!(
        allowed[0]["description"]
            .to_string()
            .contains("undocumented of payments")
    );
    let requirement = findings
        .iter()
        .find(|found| found["title"].to_string().contains("CC6.8"))
        .unwrap();
    let observed = related(requirement, &result["observations"]);
    let parts = observed
        .iter()
        .filter(|found| found["title"].to_string().contains("finding"));
    assert_eq!(parts.count(), 3);
    assert_eq!(requirement["related-risks"], json!([{ "risk-uuid": risk["uuid"] }]));
}

#[test]
fn exceptions_and_ignored_denials_are_risks() {
    let mut ledger = Ledger::default();
    ledger.except(-10, "EX-1", grant(&["DL-CHG-1"]));
    answer(&mut ledger, -5, "1", Decision::Deny, Some("The shop is down."));
    ledger.deploy(0, "run-1", "1", release(vec![commit("feat: refunds", "carol")]));
    let report = report_on(&ledger, &["soc2"]);
    let result = &results(&report)[0];
    let [accepted, ignored] = &list(&result["risks"])[..] else {
        panic!("{}", result["risks"])
    };
    assert_eq!(
        (&accepted["status"], &ignored["status"]),
        (&json!("closed"), &json!("open")),
        "the exception ran out before the period did"
    );
    assert_eq!(accepted["remediations"][0]["description"], "Watched by two people.");
    assert_eq!(ignored["remediations"][0]["description"], "The shop is down.");
    let excused = related(accepted, &result["observations"]);
    assert_eq!(prop(&excused[0], "exception-entry"), "0");
    let against = related(ignored, &result["observations"]);
    assert_eq!(prop(&against[0], "decision"), "deny");
    let observations = list(&result["observations"]);
    let titles = observations.iter().map(|found| found["title"].to_string());
    assert_eq!(titles.filter(|title| title.contains("Override of the gate")).count(), 1);
    let described: Vec<Value> = list(&result["local-definitions"]["inventory-items"])
        .iter()
        .map(|item| item["uuid"].clone())
        .collect();
    let mut subjects = observations.iter().flat_map(|found| list(&found["subjects"]));
    assert!(subjects.all(|subject| described.contains(&subject["subject-uuid"])));
}

#[test]
fn what_failed_is_related_to_its_requirement() {
    let report = report_on(&story(), &["pci-dss"]);
    let result = &results(&report)[0];
    let findings = list(&result["findings"]);
    let separation = findings
        .iter()
        .find(|found| found["title"].to_string().contains("6.5.4"))
        .unwrap();
    let failures = related(separation, &result["observations"]).into_iter();
    let failures: Vec<Value> = failures.filter(|found| found["subjects"].is_array()).collect();
    let asked = report.frameworks[0]
        .requirements
        .iter()
        .find(|row| row.id == "6.5.4")
        .unwrap();
    let failed = report.exceptions.iter().flat_map(|row| &row.failures);
    let failed = failed.filter(|failure| asked.checks.contains(&failure.id)).count();
    assert!(failed > 0);
    assert_eq!(failures.len(), failed);
}

/// Findings and observations of a framework are of the deployments that it was declared to concern.
#[test]
fn within_a_scope_findings_and_observations_count_the_same_deployments() {
    let mut catalogue = Catalogue::built_in().unwrap();
    catalogue.scopes.push(scope::Scope {
        framework: "sox-itgc".to_owned(),
        services: Vec::new(),
        environments: Vec::new(),
        from: Some(at(50)),
        to: None,
    });
    let report = report_by(&story(), &catalogue, &completeness(), &["sox-itgc", "pci-dss"]);
    let [scoped, whole] = &results(&report)[..] else {
        panic!("two frameworks")
    };
    for (result, count) in [(scoped, 2), (whole, 4)] {
        let findings = list(&result["findings"]);
        let finding = findings
            .iter()
            .find(|found| prop(found, "tested") != Value::Null)
            .unwrap();
        let observed = related(finding, &result["observations"]);
        let checks = observed.iter().filter(|found| prop(found, "tested") != Value::Null);
        for part in checks.chain([finding]) {
            let number = |name| prop(part, name).as_str().unwrap().parse::<u64>().unwrap();
            let all = number("tested") + number("not-applicable") + number("not-evaluable");
            assert_eq!(all, count, "{part}");
        }
        assert_eq!(prop(result, "in-scope"), count.to_string());
        let failing = list(&result["local-definitions"]["inventory-items"]);
        assert_eq!(prop(result, "deployments-with-failures"), failing.len().to_string());
    }
}
