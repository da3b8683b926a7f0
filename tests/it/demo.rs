//! `shipslog demo`: six months of history that verify, and documents that have something to say.

use serde_json::Value;
use std::fs;

use crate::support::binary::{Service, code, run, stdout};

/// What a process has had of the processors so far, where the system says so.
fn processor_seconds(id: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The second field is a name in parentheses, which may hold anything; times are fields 14 and 15, in hundredths.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let hundredths = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some((hundredths(14)? + hundredths(15)?) / 100)
}

#[test]
fn the_demo_serves_a_history_that_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let demo = Service::demo(&data);
    // It should answer within a minute. This build is not optimised, and not alone either: what counts is its own work.
    if let Some(seconds) = processor_seconds(demo.id()) {
        assert!(seconds < 60, "{seconds} s of processor time");
    }

    let get = |path: &str| -> Value { demo.client.get(path).expect(200).json() };
    let count = |path: &str| get(path)["items"].as_array().unwrap().len();
    assert!(count("/v1/services") >= 3 && count("/v1/environments") >= 2);
    assert!(count("/v1/deployments?limit=500") >= 30);
    assert!(count("/v1/incidents") >= 3);
    let of_type = |kind: &str| {
        let events = get("/v1/events?limit=500&environment=production");
        let of = |event: &&Value| event["type"].as_str().unwrap().contains(kind);
        events["items"].as_array().unwrap().iter().filter(of).count()
    };
    assert!(of_type("deployment.finished") > 0);
    let deployments = get("/v1/deployments?limit=500");
    let any = |member: &str, value: &str| {
        deployments["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|item| item[member] == value)
    };
    assert!(
        any("outcome", "failure") && any("kind", "rollback") && any("kind", "hotfix"),
        "failures, rollbacks, hotfixes"
    );

    // Every service that runs in production has notes, and the report finds the undocumented change.
    let state = demo.json(&["state", "production", "--format", "json"]);
    let mut documents = Vec::new();
    for item in state["items"].as_array().unwrap() {
        let service = item["service"].as_str().unwrap();
        let notes = stdout(&demo.shipslog(&["notes", service, "production"]));
        assert!(notes.starts_with("# "), "{notes}");
        documents.push(notes);
    }
    let to = get("/v1/events?limit=1")["items"][0]["occurred_at"].as_str().unwrap()[..10].to_owned();
    let arguments = [
        "report",
        "compliance",
        "--environment",
        "production",
        "--from",
        "2020-01-01",
        "--to",
        &to,
    ];
    let report = demo.json(&[&arguments[..], &["--framework", "pci-dss", "--format", "json"]].concat());
    assert!(report["population"]["count"].as_u64().unwrap() >= 10);
    assert!(!report["exceptions"].as_array().unwrap().is_empty());
    let results = report["results"].as_array().unwrap();
    let total = |result: &str| results.iter().map(|row| row[result].as_u64().unwrap()).sum::<u64>();
    assert!(
        total("pass") > total("fail") && total("fail") > 0,
        "a good house with some faults"
    );
    assert!(total("excepted") > 0);
    // People attested what no check can see, once too long ago, and an auditor has looked at most of a sample.
    let requirements = report["frameworks"][0]["requirements"].as_array().unwrap();
    let asked = requirements.iter().flat_map(|row| row["manual"].as_array().unwrap());
    let states: Vec<&Value> = asked.map(|row| &row["state"]).collect();
    assert!(states.contains(&&Value::from("attested")) && states.contains(&&Value::from("expired")));
    let sample = &report["samples"][0];
    assert_eq!(
        (&sample["missing"], &sample["not_in_sample"]),
        (&2.into(), &Value::Array(Vec::new()))
    );
    assert!(sample["exceptions"].as_u64().unwrap() >= 1 && sample["items"].as_array().unwrap().len() > 5);

    // Something runs that nobody recorded, and a snapshot of what runs has found it.
    let missing = demo.shipslog(&["completeness", "--environment", "production", "--format", "json"]);
    assert_eq!(code(&missing), 1);
    let missing: Value = serde_json::from_slice(&missing.stdout).unwrap();
    let findings = missing["findings"].as_array().unwrap();
    let open: Vec<&Value> = findings.iter().filter(|finding| finding["closed"].is_null()).collect();
    assert_eq!((open.len(), &open[0]["kind"]), (1, &Value::from("undocumented")));
    assert!(
        findings
            .iter()
            .any(|finding| finding["closed"]["how"] == "documented_later")
    );

    let of_all = ["--environment", "production", "--from", "2020-01-01", "--to", &to];
    let drawn = ["--size", "5", "--seed", "demo", "--format", "json"];
    for (document, format) in [
        (["report", "service"].as_slice(), &[][..]),
        (&["report", "compliance"], &["--framework", "all"]),
        (&["sample"], &drawn),
    ] {
        documents.push(stdout(&demo.shipslog(&[document, &of_all, format].concat())));
    }
    let (bundle, package) = (folder.path().join("bundle"), folder.path().join("audit"));
    stdout(&demo.shipslog(&["export", bundle.to_str().unwrap()]));
    let scope = ["--scope", "production", "--from", "2020-01-01", "--to", &to];
    stdout(&demo.shipslog(&[&["export", package.to_str().unwrap()][..], &scope].concat()));
    let vkey = data.join("log.vkey");
    assert!(demo.terminate());

    // Without the service, every document comes out of the history again, byte for byte.
    let key = ["--log-key", vkey.to_str().unwrap()];
    for document in &documents {
        let file = folder.path().join("document");
        fs::write(&file, document).unwrap();
        let made_from = ["--bundle", bundle.to_str().unwrap()];
        let again = run(&[&["verify", "report", file.to_str().unwrap()][..], &made_from, &key].concat());
        assert_eq!(
            code(&again),
            0,
            "{document}\n{}",
            String::from_utf8_lossy(&again.stderr)
        );
    }
    let audit = run(&[&["verify", "export", package.to_str().unwrap()][..], &key].concat());
    assert_eq!(code(&audit), 0, "{}", String::from_utf8_lossy(&audit.stderr));
    let verify = || {
        run(&[
            "verify",
            "bundle",
            bundle.to_str().unwrap(),
            "--log-key",
            vkey.to_str().unwrap(),
        ])
    };
    let verdict = verify();
    assert_eq!(code(&verdict), 0, "{}", String::from_utf8_lossy(&verdict.stderr));
    let lines = bundle.join("envelopes/000.jsonl");
    let text = fs::read_to_string(&lines).unwrap();
    fs::write(&lines, text.replacen("\"salt\":\"", "\"salt\":\"A", 1)).unwrap();
    assert_eq!(code(&verify()), 1);
    let fsck = run(&["fsck", "--data", data.to_str().unwrap()]);
    assert_eq!(code(&fsck), 0, "{}", String::from_utf8_lossy(&fsck.stderr));
}
