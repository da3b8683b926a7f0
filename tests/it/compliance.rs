//! The compliance report by requirement, as a table and in OSCAL.

use std::fs;
use std::process::Command;

use rstest::rstest;
use serde_json::{Value, json};

use crate::assessment::{attestation, conclusion};
use crate::completeness::snapshot;
use crate::documents::{history, text};
use crate::gate::question;
use crate::support::events::{at, deployed, digest, event, sign};
use crate::support::{Backend, TestApp};

const REPORT: &str = "/v1/reports/compliance?environment=production&period=2026-Q1";

#[rstest]
fn results_are_told_by_requirement(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    history(&app);
    let asked = format!("{REPORT}&framework=pci-dss&framework=soc2&format=json");
    let report = app.client.get(&asked).expect(200).json();
    let ids: Vec<&str> = frameworks(&report).iter().map(|f| f["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["pci-dss", "soc2"]);
    let requirement = |id: &str| {
        let rows = frameworks(&report)[0]["requirements"].as_array().unwrap();
        rows.iter().find(|row| row["id"] == id).unwrap()
    };
    let separation = requirement("6.5.4");
    assert_eq!(separation["conclusion"], "not_shown", "{separation}");
    assert_eq!(separation["coverage"], "partial");
    assert_eq!(requirement("6.5.5")["conclusion"], "manual");
    let total = report["population"]["count"].as_u64().unwrap();
    let counted = ["tested", "not_applicable", "not_evaluable"].map(|member| separation[member].as_u64().unwrap());
    assert_eq!(counted.iter().sum::<u64>(), total);
    let words = text(&app, &asked.replace("json", "md")).to_lowercase();
    assert!(words.contains("the ledger does not show evidence") && !words.contains("compliant"));
    let unknown = app.client.get(&format!("{REPORT}&framework=pci")).expect(404).json();
    assert_eq!(unknown["pointer"], "framework", "{unknown}");
    // A name that nothing is recorded of is no clean report.
    for kind in ["reports/compliance?", "samples?size=2&seed=x&"] {
        for names in ["environment=prodution", "environment=production&service=paymets"] {
            let path = format!("/v1/{kind}{names}&period=2026-Q1");
            app.client.get(&path).expect(404);
        }
    }
}

fn frameworks(report: &Value) -> &Vec<Value> {
    report["frameworks"].as_array().unwrap()
}

/// The roots of the log before and after the period are proved to belong to one history.
#[rstest]
fn the_log_over_the_period_is_in_the_report(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    history(&app);
    let asked = "/v1/reports/compliance?environment=production&from=2026-03-12&to=2026-03-20&format=json";
    let integrity = app.client.get(asked).expect(200).json()["integrity"].clone();
    assert_eq!(integrity["consistent"], true);
    let (before, after) = (&integrity["before"]["size"], &integrity["after"]["size"]);
    assert!(
        before.as_u64() > Some(0) && before.as_u64() < after.as_u64(),
        "{integrity}"
    );
    let proof = app
        .client
        .get(&format!("/v1/log/proof/consistency?old={before}&new={after}"))
        .expect(200)
        .json();
    assert_eq!(proof["hashes"], integrity["consistency"]);
    let keys = integrity["keys"].as_array().unwrap();
    assert!(
        keys.iter()
            .any(|key| key["name"] == "approver" && key["may_sign"] == "types approval"),
        "{keys:?}"
    );
    let whole = app.client.get(&format!("{REPORT}&format=json")).expect(200).json();
    assert_eq!(
        whole["integrity"]["consistent"],
        json!(null),
        "nothing was recorded before the period"
    );
    assert!(
        whole["integrity"]["acts"]
            .as_array()
            .unwrap()
            .iter()
            .any(|act| act["did"] == "registered the producer approver")
    );
}

#[rstest]
fn the_population_is_a_table_of_text(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    history(&app);
    let mut formula = at(deployed("evil", "checkout", "production", 9), "2026-03-25T10:00:00Z");
    formula["customData"]["shipslog"]["version"] = "=HYPERLINK(\"https://evil.example\",\"1.0\")".into();
    formula["customData"]["shipslog"]["reason"] = "+1, \"quoted\",\nand a second line".into();
    app.record(&formula);
    let table = text(&app, &format!("{REPORT}&format=csv"));
    let report = app.client.get(&format!("{REPORT}&format=json")).expect(200).json();
    assert_eq!(
        report["population"]["csv_sha256"],
        ledger::sha256(table.as_bytes()).to_string()
    );
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let names = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len() as u64, report["population"]["count"].as_u64().unwrap());
    let column = |name: &str| names.iter().position(|column| column == name).unwrap();
    let evil = rows
        .iter()
        .find(|row| &row[column("deployment_id")] == "evil")
        .unwrap_or_else(|| panic!("{table}"));
    assert_eq!(
        &evil[column("version")],
        "'=HYPERLINK(\"https://evil.example\",\"1.0\")"
    );
    assert_eq!(&evil[column("reason")], "'+1, \"quoted\",\nand a second line");
    for row in &rows {
        assert!(
            row.iter()
                .all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])),
            "{row:?}"
        );
    }
}

/// A claimed start of long ago takes nothing out of the report of the time in which it was recorded.
#[rstest]
fn what_claims_another_time_is_named_where_it_was_recorded(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = TestApp::start(backend) else { return };
    history(&app);
    let before = app.client.get(&format!("{REPORT}&format=json")).expect(200).json();
    let index = app.record(&at(
        deployed("old", "checkout", "production", 9),
        "2020-01-01T10:00:00Z",
    ));
    let report = app.client.get(&format!("{REPORT}&format=json")).expect(200).json();
    assert_eq!(report["population"]["count"], before["population"]["count"]);
    let beside = report["counted_elsewhere"].as_array().unwrap();
    assert_eq!(
        (beside.len(), &beside[0]["recorded"]),
        (1, &json!([index])),
        "{beside:?}"
    );
    assert!(
        beside[0]["failed"].as_array().unwrap().contains(&"DL-POP-4".into()),
        "{beside:?}"
    );
    let table = text(&app, &format!("{REPORT}&format=csv"));
    assert_eq!(table.lines().filter(|row| row.contains(",no,")).count(), 1, "{table}");
    let sample = "/v1/samples?environment=production&period=2026-Q1&size=99&seed=Smith&format=json";
    let sample = app.client.get(sample).expect(200).json();
    assert_eq!(sample["counted_elsewhere"], json!([index]));
    assert_eq!(sample["population"], report["population"]["count"]);
}

#[test]
fn oscal_is_valid_by_the_schema_and_by_trestle() {
    let Some(app) = TestApp::start(Backend::Sqlite) else {
        return;
    };
    history(&app);
    let mut evil = at(deployed("evil", "checkout", "production", 9), "2026-03-25T10:00:00Z");
    evil["customData"]["shipslog"]["version"] = "<script>*1*</script>".into();
    let hostile = json!({ "override_reason": "<script>\n*1*</script>" });
    let asked = question(
        "q",
        "production",
        json!({ "artifact": digest(9), "gate_question": hostile }),
    );
    let envelope = sign(&asked, &app.pipeline);
    app.client.post("/v1/gate", "application/json", &envelope).expect(200);
    let granted = json!({
        "checks": ["DL-TST-1", "DL-CHG-1"], "scope": { "deployments": ["evil"] }, "requested_by": "<script>dev", "approved_by": "risk",
        "compensating_control": "<script>\n*1*</script>", "expires_at": "2026-05-01T00:00:00Z",
    });
    let reason = json!({ "exception": granted, "reason": "<script>*1*</script>" });
    app.record(&event(
        "EX",
        "shipslog-exception.granted.0.1.0",
        "EX-1",
        json!({}),
        reason,
    ));
    app.record(&evil);
    let running = [("checkout", 5), ("shadow", 6)];
    app.record(&snapshot("seen", "2026-03-26T10:00:00Z", &running));
    let mut attested = attestation("AT-1", json!({ "valid_from": "2026-01-01T00:00:00Z" }));
    attested["customData"]["shipslog"]["attestation"]["statement"] = "<script>\n*1*</script>".into();
    app.record(&attested);
    let drawn = json!({ "environment": "production", "period": "2026-Q1", "size": 99, "seed": "Smith" });
    let issued = app.client.post_json("/v1/samples", &drawn).expect(201).json();
    let sample = issued["index"].as_u64().unwrap();
    let item = &issued["document"]["sample"]["items"][0];
    for (id, change) in [
        (
            "c1",
            json!({ "item": item, "result": "exception", "text": "<script>\n*1*</script>" }),
        ),
        ("c2", json!({ "item": item })),
        ("c3", json!({ "item": 0, "result": "not_tested" })),
        ("c4", json!({})),
    ] {
        app.record(&conclusion(id, sample, change));
    }
    let folder = tempfile::tempdir().unwrap();
    let workspace = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for frameworks in ["", "&framework=all"] {
        for model in ["assessment-results", "assessment-plan", "component-definition"] {
            let asked = format!("{REPORT}{frameworks}&format=oscal-{model}");
            let document = text(&app, &asked);
            assert_eq!(document, text(&app, &asked), "the same bytes, uuids included");
            assert!(!document.contains("<script>"), "{document}");
            let of_results = [
                "\"risks\"",
                "DL-POP-2: finding 2",
                "began against the answer",
                "Override of the gate",
            ];
            let missing = of_results.iter().find(|part| !document.contains(**part));
            assert!(
                model != "assessment-results" || missing.is_none(),
                "{missing:?}: {document}"
            );
            let file = folder.path().join(format!("{model}-{}.json", frameworks.len()));
            fs::write(&file, document).unwrap();
            files.push((model, file));
        }
    }
    let Some(tools) = std::env::var_os("SHIPSLOG_TEST_OSCAL").map(std::path::PathBuf::from) else {
        println!("skipped: the validators of OSCAL are not here");
        return;
    };
    let schema = Command::new(tools.join("venv/bin/python"))
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oscal/validate.py"))
        .arg(tools.join("oscal_complete_schema.json"))
        .args(files.iter().map(|(_, file)| file))
        .output()
        .unwrap();
    assert!(schema.status.success(), "{}", String::from_utf8_lossy(&schema.stdout));
    let trestle = |arguments: &[&str]| {
        let program = tools.join("venv/bin/trestle");
        let output = Command::new(program)
            .args(arguments)
            .current_dir(workspace.path())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&said)
        );
    };
    trestle(&["init"]);
    for (number, (_, file)) in files.iter().enumerate() {
        trestle(&[
            "import",
            "-f",
            file.to_str().unwrap(),
            "-o",
            &format!("imported-{number}"),
        ]);
    }
    trestle(&["validate", "-a"]);
}
