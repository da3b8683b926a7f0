//! Release notes and the compliance report: what they say, that they say it again, and that text from outside stays text.

use rstest::rstest;
use serde_json::{Value, json};
use shipslog::domain::Instant;

use crate::support::events::{at, deployed, digest, event, incident, purl, sign};
use crate::support::{Backend, TestApp, key};

const NOTES: &str = "/v1/release-notes?service=checkout&environment=production";
const SERVICE: &str = "/v1/reports/service?environment=production&period=2026-Q1&time_zone=Europe/London";
const REPORT: &str = "/v1/reports/compliance?environment=production&from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z";

/// A finished deployment `d<n>` of artifact `n` with one commit of this message.
fn deployment(n: u64, time: &str, outcome: &str, message: &str) -> Value {
    let content =
        json!({ "environment": { "id": "production" }, "artifactId": purl("checkout", n), "outcome": outcome });
    let ours = json!({
        "service": "checkout", "version": format!("1.{n}.0"), "commit": format!("{n:040x}"),
        "actor": { "id": "repo:shop/checkout:deploy.yml", "kind": "pipeline" },
        "reason": "Planned release of the payment page", "tickets": [{ "id": format!("PAY-{n}") }],
        "commits": [{ "id": format!("{n:040x}"), "message": message, "author": "ada@example.com" }],
        "rollback_plan": { "reference": "https://wiki.example.com/rollback" },
    });
    at(
        event(
            &format!("d{n}"),
            "shipslog-deployment.finished.0.1.0",
            &format!("dep-{n}"),
            content,
            ours,
        ),
        time,
    )
}

pub(crate) fn approval(n: u64, by: &str, time: &str) -> Value {
    let content = json!({
        "responder": by, "decision": "approved", "status": "approved",
        "resourceTargetUrl": "https://deploy.example.com/checkout", "approvalDetailsUrl": "https://deploy.example.com/a",
    });
    let ours = json!({ "service": "checkout", "environment": "production", "artifact": purl("checkout", n), "role": "release manager" });
    at(
        event(
            &format!("a{n}"),
            "approval.closed.0.1.0",
            &format!("approval-{n}"),
            content,
            ours,
        ),
        time,
    )
}

pub(crate) fn test(n: u64, outcome: &str, time: &str) -> Value {
    let content = json!({ "outcome": outcome, "environment": { "id": "staging" }, "testSuite": { "id": "s", "name": "integration" } });
    let ours = json!({ "service": "checkout", "artifact": purl("checkout", n), "test": { "kind": "integration", "passed": 40 } });
    at(
        event(
            &format!("t{n}"),
            "testsuiterun.finished.0.3.0",
            &format!("run-{n}"),
            content,
            ours,
        ),
        time,
    )
}

/// One deployment with everything, one that failed, one without approval, one that was taken back, and what came after.
pub(crate) fn history(app: &TestApp) {
    app.register("approver", &key(8), json!({ "event_types": ["approval"] }))
        .expect(201);
    // Everything is recorded when it happens.
    let now = |event: &Value| {
        app.clock
            .set(Instant::parse(event["context"]["timestamp"].as_str().unwrap()).unwrap());
    };
    let record = |event: Value| {
        now(&event);
        app.record(&event);
    };
    let approve = |n, by: &str, time: &str| {
        let approval = approval(n, by, time);
        now(&approval);
        app.client.record(&sign(&approval, &key(8))).expect(201);
    };
    record(test(1, "success", "2026-03-05T08:00:00Z"));
    approve(1, "mailto:grace@example.com", "2026-03-05T09:00:00Z");
    record(deployment(1, "2026-03-05T10:00:00Z", "success", "feat: pay by card"));
    record(test(2, "failure", "2026-03-12T08:00:00Z"));
    approve(2, "mailto:ada@example.com", "2026-03-12T09:00:00Z");
    record(deployment(
        2,
        "2026-03-12T10:00:00Z",
        "success",
        "feat(cart): remember the cart",
    ));
    let mut back = at(
        event(
            "back",
            "service.rolledback.0.3.0",
            "checkout",
            json!({ "environment": { "id": "production" }, "artifactId": purl("checkout", 1) }),
            json!({ "version": "1.1.0", "commit": format!("{:040x}", 1), "reason": "Carts are mixed up" }),
        ),
        "2026-03-12T11:00:00Z",
    );
    back["customData"]["shipslog"]["actor"] = json!({ "id": "ada@example.com", "kind": "human" });
    record(back);
    record(deployment(3, "2026-03-19T10:00:00Z", "failure", "feat: gift cards"));
    record(deployment(4, "2026-03-20T10:00:00Z", "success", "fix: round half up"));
}

pub(crate) fn text(app: &TestApp, path: &str) -> String {
    app.client.get(path).expect(200).text().to_owned()
}

#[test]
fn documents_are_the_same_on_both_databases() {
    let (Some(sqlite), Some(postgres)) = (TestApp::start(Backend::Sqlite), TestApp::start(Backend::Postgres)) else {
        return;
    };
    history(&sqlite);
    history(&postgres);
    for path in [NOTES, REPORT, SERVICE] {
        for format in ["md", "html", "json"] {
            let path = format!("{path}&format={format}");
            assert_eq!(text(&sqlite, &path), text(&postgres, &path), "{path}");
        }
    }
}

#[rstest]
fn a_service_report_says_what_happened(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    history(&app);
    let report = app.client.get(&format!("{SERVICE}&format=json")).expect(200).json();
    let glance = &report["at_a_glance"][0];
    assert_eq!(
        (&glance["metric"], &glance["value"]),
        (&json!("Deployment frequency"), &json!("4 deployments"))
    );
    assert_eq!(report["stability"]["rollbacks"][0]["label"], "1.1.0");
    assert_eq!(report["stability"]["attempts"][0]["label"], "1.3.0");
    let metrics =
        "/v1/delivery-performance?environment=production&from=2026-01-01&to=2026-04-01&time_zone=Europe/London";
    assert_eq!(
        report["performance"],
        app.client.get(metrics).expect(200).json()["whole"]
    );
    let html = text(&app, &format!("{SERVICE}&format=html"));
    assert!(html.contains("<svg") && html.contains("role=\"img\""), "{html}");
    let none = text(&app, "/v1/reports/service?environment=production&period=2020");
    assert!(none.contains("Nothing was deployed in this period"), "{none}");
    for (query, parameter) in [
        ("environment=production&service=checkout&service=nobody", "service"),
        ("environment=nowhere", "environment"),
        ("environment=production&team=nobody", "team"),
    ] {
        let path = format!("/v1/reports/service?{query}&period=2026");
        assert_eq!(app.client.get(&path).problem(404)["pointer"], parameter, "{query}");
    }
    let refused = |query: &str, parameter: &str| {
        let problem = app
            .client
            .get(&format!("/v1/reports/service?environment=production{query}"))
            .problem(400);
        assert_eq!(problem["pointer"], parameter, "{query}: {problem}");
    };
    refused("", "period");
    refused("&period=2026-Q5", "period");
    refused("&period=2026-Q1&from=2026-01-01&to=2026-02-01", "period");
    refused("&from=2026-01-01", "to");
    refused("&from=2026-02-01&to=2026-01-01", "to");
    refused("&period=2026&time_zone=Mars", "time_zone");
    refused("&period=2026&service=a&service=%00", "service");
    refused("&from=1970-01-01&to=9990-01-01", "bucket");
}

#[rstest]
fn notes_start_from_what_really_ran_there(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    history(&app);
    let latest = text(&app, NOTES);
    // 1.2.0 was rolled back and 1.3.0 failed: 1.4.0 replaced 1.1.0.
    assert!(latest.contains("1.4.0") && latest.contains("1.1.0"), "{latest}");
    assert!(latest.contains("Round half up"), "{latest}");
    assert!(
        !latest.to_lowercase().contains("gift cards"),
        "what failed did not come in: {latest}"
    );
    let failed = text(&app, &format!("{NOTES}&deployment=dep-3"));
    assert!(failed.contains("did not succeed"), "{failed}");
    let range = text(
        &app,
        &format!("{NOTES}&from=2026-03-06T00:00:00Z&to=2026-04-01T00:00:00Z"),
    );
    assert!(range.contains("Round half up"), "{range}");
    app.client
        .get("/v1/release-notes?service=none&environment=production")
        .problem(404);
}

#[rstest]
fn a_document_can_be_rendered_again_later(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    history(&app);
    let size = app.tree_size();
    for path in [NOTES, REPORT] {
        for format in ["md", "html", "json"] {
            let path = format!("{path}&format={format}&tree_size={size}");
            let before = app.client.get(&path).expect(200);
            app.record(&deployment(
                100 + app.tree_size(),
                "2026-03-25T10:00:00Z",
                "success",
                "feat: later",
            ));
            app.clock.set(Instant::parse("2026-03-30T09:00:00Z").unwrap());
            let after = app.client.get(&path).expect(200);
            assert_eq!(before.text(), after.text(), "{path}");
            let tag = before.header("etag").unwrap();
            assert_eq!(
                app.client.send("GET", &path, &[("If-None-Match", tag)], None).status,
                304
            );
            let kind = after.header("content-type").unwrap();
            let expected = match format {
                "md" => "text/markdown; charset=utf-8",
                "html" => "text/html; charset=utf-8",
                _ => "application/json",
            };
            assert_eq!(kind, expected);
            if format == "md" {
                let root = root_at(&app, size);
                assert!(
                    after.text().contains(&size.to_string()) && after.text().contains(&root),
                    "cites tree size and root"
                );
            }
        }
    }
}

/// The root of the tree of that size, from the proof of an entry in it.
fn root_at(app: &TestApp, size: u64) -> String {
    let proof = app
        .client
        .get(&format!("/v1/log/entries/0/proof?tree_size={size}"))
        .expect(200);
    let proof = ledger::TlogProof::parse(proof.text()).unwrap();
    ledger::Checkpoint::open(&proof.checkpoint, &app.log_key)
        .unwrap()
        .root
        .to_base64()
}

#[rstest]
fn the_report_judges_its_whole_population(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    history(&app);
    let report: Value = serde_json::from_str(&text(&app, &format!("{REPORT}&format=json"))).unwrap();
    assert_eq!(report["population"]["count"], 5, "{report}");
    let results = report["results"].as_array().unwrap();
    assert!(results.len() >= 8, "{} checks", results.len());
    for row in results {
        let count = |name: &str| row[name].as_u64().unwrap_or_else(|| panic!("{name}: {row}"));
        let sum = count("pass") + count("fail") + count("excepted") + count("not_applicable") + count("not_evaluable");
        assert_eq!(sum, 5, "{row}");
    }
    let failures = |id: &str| -> Vec<&str> {
        let exceptions = report["exceptions"].as_array().unwrap().iter();
        let own = exceptions.filter(|exception| exception["deployment"]["id"] == id);
        own.flat_map(|exception| {
            exception["failures"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["id"].as_str().unwrap())
        })
        .collect()
    };
    assert_eq!(
        failures("dep-1"),
        [""; 0],
        "approved by another person, tested, referenced, on time"
    );
    assert_eq!(
        failures("dep-2"),
        ["DL-SOD-1", "DL-TST-1"],
        "approved by who wrote it, and its tests failed"
    );
    assert_eq!(failures("dep-4"), ["DL-AUTH-1", "DL-AUTH-2", "DL-TST-1"]);
    let elsewhere = text(&app, &format!("{REPORT}&format=json").replace("production", "staging"));
    let elsewhere: Value = serde_json::from_str(&elsewhere).unwrap();
    assert_eq!(elsewhere["population"]["count"], 0, "an empty population is a result");
}

#[rstest]
fn text_from_outside_stays_text(#[values(Backend::Sqlite)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let hostile = [
        "feat: <script>alert(1)</script>",
        "feat: <img src=x onerror=alert(1)>",
        "feat: [click](javascript:alert(1))",
        "feat: ![x](https://evil.example.com/x.png)",
        "feat: <a href='javascript:alert(1)'>x</a>",
        "feat: </li></ul><iframe src=//evil.example.com>",
        "feat: {{ 7*7 }} {% raw %}",
        "feat: &lt;script&gt; &#x3c;script&#x3e;",
        "feat: `</code><script>`",
        "feat: <https://evil.example.com> https://evil.example.com/x",
        "feat: \u{2028}# heading\n\n# heading",
        "feat: | a | b |\n|---|---|",
    ];
    for (n, message) in (1..).zip(hostile) {
        let mut event = deployment(n, "2026-03-05T10:00:00Z", "success", message);
        let ours = &mut event["customData"]["shipslog"];
        ours["version"] = message.replace('\n', " ").replace('\u{2028}', "").into();
        ours["actor"]["name"] = message.into();
        ours["tickets"] = json!([{ "id": "T<b>1", "url": "javascript:alert(1)", "title": message }]);
        ours["run_url"] = "javascript:alert(1)".into();
        app.client.record(&sign(&event, &app.pipeline)).expect(201);
        for path in [NOTES, REPORT] {
            let page = text(&app, &format!("{path}&format=html"));
            assert_eq!(unexpected(&page), Vec::<String>::new(), "{message}");
        }
    }
    let rows = text(&app, &format!("{REPORT}&format=json"));
    assert!(rows.contains(&digest(1)) || rows.contains("dep-1"));
}

/// Elements that a document has no use for, links that are not http(s) or mailto, and anything that runs or fetches.
fn unexpected(page: &str) -> Vec<String> {
    const ELEMENTS: &[&str] = &[
        "!doctype",
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "header",
        "footer",
        "article",
        "section",
        "nav",
        "div",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "p",
        "a",
        "ul",
        "ol",
        "li",
        "em",
        "strong",
        "code",
        "pre",
        "blockquote",
        "hr",
        "br",
        "del",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "sup",
        "span",
        "details",
        "summary",
    ];
    let mut found = Vec::new();
    for tag in page.split('<').skip(1) {
        let tag = &tag[..tag.find('>').unwrap_or(tag.len())];
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(|c| !c.is_whitespace())
            .collect();
        if !ELEMENTS.contains(&name.to_ascii_lowercase().as_str()) {
            found.push(format!("<{tag}>"));
        }
        for attribute in tag.split_whitespace().skip(1) {
            let lower = attribute.to_ascii_lowercase();
            let link = lower.strip_prefix("href=").map(|value| value.trim_matches(['"', '\'']));
            let harmless = link.is_none_or(|link| {
                link.starts_with("https:")
                    || link.starts_with("http:")
                    || link.starts_with("mailto:")
                    || link.starts_with(['#', '/'])
            });
            if lower.starts_with("on") && lower.contains('=') || lower.starts_with("src=") || !harmless {
                found.push(format!("{attribute} in <{tag}>"));
            }
        }
    }
    found
}

/// What nobody reviewed in January waits in February too, as long as nobody has.
#[rstest]
fn a_service_report_counts_what_waits_for_a_review_since_before(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = TestApp::start(backend) else { return };
    app.record(&at(deployed("c1", "checkout", "production", 1), "2026-01-05T10:00:00Z"));
    for (name, time) in [("INC-1", "2026-01-05T10:10:00Z"), ("INC-2", "2026-01-05T12:00:00Z")] {
        app.record(&at(incident(name, name, "checkout", "production"), time));
    }
    let march = "/v1/reports/service?environment=production&period=2026-03&format=json";
    let february = "/v1/reports/service?environment=production&period=2026-02&format=json";
    let report = || app.client.get(february).expect(200).json();
    let before = report();
    for report in [&before, &app.client.get(march).expect(200).json()] {
        let waiting = &report["review_backlog"];
        assert_eq!((&waiting["suggestions"], &waiting["earlier"]), (&json!(2), &json!(2)));
    }
    let decisions = before["decisions"].as_array().unwrap().iter();
    let texts: Vec<&str> = decisions.map(|decision| decision["text"].as_str().unwrap()).collect();
    assert_eq!(
        texts,
        [
            "Incident INC-1 began before the period and is not known to be over.",
            "Incident INC-2 began before the period and is not known to be over.",
            "2 suggested links between incidents and deployments wait for a review, 2 of them about incidents of before the \
             period; until then the change fail rate is a range.",
        ]
    );
    let verdict = json!({ "incident": "INC-1", "deployment": "c1", "verdict": "confirmed", "reason": "we looked" });
    app.client.post_json("/v1/links", &verdict).expect(201);
    let after = report();
    assert_eq!(after["review_backlog"]["suggestions"], 1);
    assert_eq!(after["stability"]["still_failing"][0]["deployment"]["id"], "c1");
}
