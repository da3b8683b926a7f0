//! Samples: drawn by the auditor's seed, with working papers and proofs, and drawn again by whoever has the log.

use ledger::{Hash, verify_inclusion};
use rstest::rstest;
use serde_json::{Value, json};

use crate::documents::{history, text};
use crate::support::{Backend, TestApp};

const SAMPLE: &str = "/v1/samples?environment=production&period=2026-Q1&size=2&seed=2026-Q1%2C%20Smith";

#[rstest]
fn a_sample_is_drawn_by_its_seed(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    history(&app);
    let asked = format!("{SAMPLE}&format=json");
    let sample = app.client.get(&asked).expect(200).json();
    let items = sample["items"].as_array().unwrap();
    assert_eq!((items.len(), &sample["population"]), (2, &json!(5)));
    assert_eq!(text(&app, &asked), text(&app, &asked));
    let drawn = |sample: &Value| -> Vec<u64> {
        let items = sample["items"].as_array().unwrap().iter();
        items
            .map(|item| item["deployment"]["index"].as_u64().unwrap())
            .collect()
    };
    let whole = app.client.get(&asked.replace("size=2", "size=9")).expect(200).json();
    assert_eq!(
        drawn(&whole)[..2],
        drawn(&sample)[..],
        "a larger sample begins with the smaller one"
    );
    let other = app
        .client
        .get(&asked.replace("size=2", "size=9").replace("Smith", "Jones"));
    assert_ne!(
        drawn(&other.expect(200).json()),
        drawn(&whole),
        "another seed ranks otherwise"
    );
    let full = app.client.get(&format!("{asked}&full=rollback")).expect(200).json();
    assert_eq!(full["items"][0]["stratum"], "full");
    assert_eq!(full["items"][0]["deployment"]["kind"], "rollback");
    assert_eq!(full["items"].as_array().unwrap().len(), 3);
    // Every proof holds under the root that the paper states.
    let root = Hash::from_base64(sample["generated"]["ledger"]["root"].as_str().unwrap()).unwrap();
    let size = sample["generated"]["ledger"]["tree_size"].as_u64().unwrap();
    let hash = |value: &Value| Hash::from_base64(value.as_str().unwrap()).unwrap();
    for item in items {
        let proved = |index: &Value| {
            item["proofs"]
                .as_array()
                .unwrap()
                .iter()
                .any(|proof| proof["index"] == *index)
        };
        assert!(
            item["deployment"]["indexes"].as_array().unwrap().iter().all(proved),
            "{item}"
        );
        for proof in item["proofs"].as_array().unwrap() {
            let hashes: Vec<Hash> = proof["hashes"].as_array().unwrap().iter().map(hash).collect();
            let index = proof["index"].as_u64().unwrap();
            verify_inclusion(&hash(&proof["leaf"]), index, size, &hashes, &root).unwrap();
        }
    }
    let paper = text(&app, SAMPLE);
    assert!(
        paper.contains("## 1. checkout") && paper.contains("Conclusion: ____"),
        "{paper}"
    );
}

#[rstest]
fn drawing_is_on_the_record(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    history(&app);
    let body =
        json!({ "environment": "production", "period": "2026-Q1", "size": 2, "seed": "Smith", "full": ["none"] });
    let issued = app.client.post_json("/v1/samples", &body).expect(201).json();
    assert_eq!(issued["document"]["kind"], "sample");
    let query = issued["document"]["query"].as_str().unwrap();
    assert!(query.contains("--size 2 --seed Smith --full none"), "{query}");
    let size = issued["document"]["tree_size"].as_u64().unwrap();
    let again = "/v1/samples?environment=production&period=2026-Q1&size=2&seed=Smith&full=none";
    let again = text(&app, &format!("{again}&tree_size={size}"));
    assert_eq!(
        issued["document"]["markdown_sha256"],
        ledger::sha256(again.as_bytes()).to_string()
    );
}

#[test]
fn what_is_wrong_is_named() {
    let Some(app) = TestApp::start(Backend::Sqlite) else {
        return;
    };
    history(&app);
    for (change, parameter) in [
        ("size=2000&seed=x&period=2026-Q1", "size"),
        ("size=2&seed=%20&period=2026-Q1", "seed"),
        ("size=2&seed=x%20&period=2026-Q1", "seed"),
        ("size=2&seed=x&period=2026-Q1&full=urgent", "full"),
        ("size=2&seed=x&from=2026-02-01&to=2026-01-01", "to"),
    ] {
        let problem = app.client.get(&format!("/v1/samples?environment=production&{change}"));
        let problem = problem.expect(400).json();
        assert_eq!(problem["pointer"], parameter, "{problem}");
    }
    let body = json!({ "environment": "production", "period": "2026-Q1", "size": 2000, "seed": "Smith" });
    assert_eq!(
        app.client.post_json("/v1/samples", &body).expect(400).json()["pointer"],
        "/size"
    );
}
