//! Release notes through the service: what is declared about services and written about deployments, who reads what, and
//! several services in one document.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::binary::{Service, run, said, stdout};
use crate::support::database::TestDatabase;
use crate::support::events::{at, event, purl, sign};
use crate::support::{Backend, TestApp};

const NOTES: &str = "/v1/release-notes?service=checkout&environment=production";
const SEVERAL: &str = "/v1/release-notes?service=checkout&service=search&service=mail&environment=production&from=2026-03-01&to=2026-03-31";

fn declared(id: &str, ours: Value) -> Value {
    event(id, "shipslog-service.declared.0.1.0", "checkout", json!({}), ours)
}

fn written(id: &str, ours: Value) -> Value {
    event(id, "shipslog-highlight.written.0.1.0", "dep-1", json!({}), ours)
}

fn finished(id: &str, service: &str, version: u64, time: &str, ours: Value) -> Value {
    let content =
        json!({ "environment": { "id": "production" }, "artifactId": purl(service, version), "outcome": "success" });
    let mut all = json!({ "service": service, "version": format!("1.{version}.0") });
    for (name, value) in ours.as_object().unwrap() {
        all[name] = value.clone();
    }
    at(event(id, "shipslog-deployment.finished.0.1.0", id, content, all), time)
}

/// A team with a tracker, two services released together, a highlight, a known issue and something to do.
fn history(app: &TestApp) {
    let about = json!({ "service": "checkout", "environment": "production", "deployment_id": "dep-1" });
    let highlight = |id: &str, said: Value| {
        let mut ours = about.clone();
        ours["highlight"] = said;
        at(written(id, ours), "2026-03-05T12:00:00Z")
    };
    let declaration =
        json!({ "team": "Team Till", "ticket_links": [{ "prefix": "PAY-", "url": "https://tickets.example/{id}" }] });
    let change = json!({
        "actor": { "id": "ada@example.com", "kind": "human", "name": "Ada Byron" },
        "tickets": [{ "id": "PAY-7" }],
        "commits": [
            { "id": format!("{:040x}", 1), "message": "feat: pay by card (PAY-7), thanks to Ada Byron", "author": "ada@example.com" },
            { "id": format!("{:040x}", 3), "message": "fix: UTF-8 in names of CVE-2026-1\n\nRefs: OPS-3\nCo-authored-by: PAY-9" },
            { "id": format!("{:040x}", 2), "message": "chore(deps): bump serde from 1.0.1 to 1.0.2", "author": "ada@example.com" },
        ],
        "dependency_changes": [{ "name": "openssl", "from": "3.0.14", "to": "3.4.0" }],
        "run_url": "https://ci.example/runs/1",
    });
    for event in [
        at(
            declared("s1", json!({ "service": "checkout", "declaration": declaration })),
            "2026-03-01T09:00:00Z",
        ),
        finished("dep-1", "checkout", 1, "2026-03-05T10:00:00Z", change),
        finished(
            "dep-2",
            "search",
            4,
            "2026-03-05T10:20:00Z",
            json!({ "tickets": [{ "id": "PAY-7" }] }),
        ),
        finished("dep-3", "stock", 2, "2026-03-05T18:00:00Z", json!({})),
        finished(
            "dep-4",
            "desk",
            1,
            "2026-03-06T10:00:00Z",
            json!({ "tickets": [{ "id": "PAY-7" }] }),
        ),
        highlight("h1", json!({ "text": "Cards are taken." })),
        highlight("h2", json!({ "kind": "action", "text": "Order new terminals." })),
        highlight("h3", json!({ "kind": "known_issue", "text": "Amex is refused." })),
    ] {
        app.record(&event);
    }
}

fn text(app: &TestApp, path: &str) -> String {
    app.client.get(path).expect(200).text().to_owned()
}

#[test]
fn they_are_the_same_on_both_databases() {
    let (Some(sqlite), Some(postgres)) = (TestApp::start(Backend::Sqlite), TestApp::start(Backend::Postgres)) else {
        return;
    };
    history(&sqlite);
    history(&postgres);
    for path in [NOTES, SEVERAL] {
        for audience in ["customer", "manager", "auditor"] {
            for format in ["md", "html", "json"] {
                let path = format!("{path}&audience={audience}&format={format}");
                assert_eq!(text(&sqlite, &path), text(&postgres, &path), "{path}");
            }
        }
    }
}

#[rstest]
fn they_say_what_was_declared_written_and_deployed_with_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = TestApp::start(backend) else { return };
    history(&app);
    let notes = text(&app, NOTES);
    for words in [
        "| Owned by | Team Till",
        "- Pay by card (PAY-7), thanks to Ada Byron, [PAY-7](https://tickets.example/PAY-7) (",
        "Tickets: [PAY-7](https://tickets.example/PAY-7), [PAY-9](https://tickets.example/PAY-9), OPS-3.",
        "- Cards are taken. (",
        "## Actions required\n\n- Order new terminals. (",
        "## Known issues\n\n- Amex is refused. (",
        "| serde | 1.0.1 | 1.0.2 |",
        "| openssl | 3.0.14 | 3.4.0 |",
        "| search | 1.4.0 | succeeded | 2026-03-05 10:20 UTC | same ticket PAY-7; ended 20 min after |",
    ] {
        assert!(notes.contains(words), "{words}: {notes}");
    }
    assert!(!notes.contains("| stock |"), "eight hours later: {notes}");
    let several = text(&app, SEVERAL);
    let also = several.split("## Also deployed").nth(1).unwrap();
    assert!(
        also.contains("| desk | 1.1.0 | succeeded | 2026-03-06 10:00 UTC | same ticket PAY-7 |"),
        "{also}"
    );
    assert!(!also.contains("| search |"), "a part of the release: {also}");
    // Before anybody had written it, it was not there.
    let before = text(&app, &format!("{NOTES}&tree_size={}", app.tree_size() - 3));
    assert!(
        before.contains("Pay by card") && !before.contains("Cards are taken"),
        "{before}"
    );
}

#[rstest]
fn who_reads_decides_what_is_in_them(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    history(&app);
    for path in [NOTES, SEVERAL] {
        for format in ["md", "html", "json"] {
            let notes = text(&app, &format!("{path}&audience=customer&format={format}"));
            for secret in [
                "Ada",
                "ada@",
                "PAY-7",
                "OPS-3",
                "desk",
                "ci.example",
                "tickets.example",
                "Team Till",
                "serde",
                "00000001",
            ] {
                assert!(!notes.contains(secret), "{secret} in {format}: {notes}");
            }
            assert!(
                notes.contains("by card") && notes.contains("Cards are taken."),
                "{notes}"
            );
        }
        let manager = text(&app, &format!("{path}&audience=manager"));
        assert!(
            manager.contains("Ada Byron") && manager.contains("Withheld from this variant: "),
            "{manager}"
        );
        assert!(
            !manager.contains("| Asks for |"),
            "the checks are counted, not listed: {manager}"
        );
        assert_eq!(
            text(&app, &format!("{path}&audience=auditor&format=json")).replace(" --audience auditor", ""),
            text(&app, &format!("{path}&format=json"))
        );
    }
    let problem = app.client.get(&format!("{NOTES}&audience=press")).problem(400);
    assert_eq!(problem["pointer"], "audience", "{problem}");
}

#[rstest]
fn several_services_are_one_document(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    history(&app);
    let release: Value = serde_json::from_str(&text(&app, &format!("{SEVERAL}&format=json"))).unwrap();
    let of = |at: usize| &release["services"][at];
    assert_eq!(
        (&of(0)["service"], &of(1)["service"]),
        (&json!("checkout"), &json!("search"))
    );
    assert_eq!(of(0)["notes"]["deployment"]["id"], "dep-1");
    assert!(of(2)["notes"].is_null(), "mail was never deployed");
    assert_eq!(
        release["generated"]["query"],
        format!(
            "shipslog notes checkout,search,mail production --from 2026-03-01 --to 2026-03-31 --tree-size {}",
            app.tree_size()
        )
    );
    for (query, parameter) in [
        ("service=a&service=b&environment=e&deployment=d", "deployment"),
        ("service=a&service=b&environment=e&to=2026-03-01", "from"),
        ("service=a&service=b&environment=e&from=1.2.0&to=2026-03-01", "from"),
        ("service=a&service=b&environment=e&from=2026-03-01", "to"),
        ("service=a&service=b&environment=e&from=2026-03-02&to=2026-03-01", "to"),
        (
            "service=a&service=a&environment=e&from=2026-03-01&to=2026-03-02",
            "service",
        ),
        (
            "service=a&service=%20&environment=e&from=2026-03-01&to=2026-03-02",
            "service",
        ),
        ("service=a&service=b&from=2026-03-01&to=2026-03-02", "environment"),
        ("environment=e&from=2026-03-01&to=2026-03-02", "service"),
    ] {
        let problem = app.client.get(&format!("/v1/release-notes?{query}")).problem(400);
        assert_eq!(problem["pointer"], parameter, "{query}: {problem}");
    }
    let many: String = (0..51).map(|n| format!("service=s{n}&")).collect();
    let path = format!("/v1/release-notes?{many}environment=e&from=2026-03-01&to=2026-03-02");
    assert_eq!(app.client.get(&path).problem(400)["pointer"], "service");
}

#[rstest]
fn what_is_declared_and_written_is_checked(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let link = |prefix: &str, url: &str| json!({ "ticket_links": [{ "prefix": prefix, "url": url }] });
    let declaration = |ours: Value| declared("s", json!({ "service": "checkout", "declaration": ours }));
    let highlight = |remove: &str, said: Value| {
        let mut ours = json!({
            "service": "checkout", "environment": "production", "deployment_id": "dep-1", "highlight": said,
        });
        ours.as_object_mut().unwrap().remove(remove);
        written("h", ours)
    };
    let twice = json!({ "ticket_links": [
        { "prefix": "P-", "url": "https://t.example/{id}" }, { "prefix": "P-", "url": "https://u.example/{id}" },
    ] });
    let said = |ours: Value| finished("d", "checkout", 1, "2026-03-05T10:00:00Z", ours);
    let changes = |changes: Value| said(json!({ "dependency_changes": changes }));
    for (event, pointer) in [
        (declared("s", json!({ "service": "checkout" })), "declaration"),
        (declared("s", json!({ "declaration": {} })), "service"),
        (declaration(json!({ "team": " " })), "declaration/team"),
        (declaration(json!({ "owner": "x" })), "declaration/owner"),
        (
            declaration(link("", "https://t.example/{id}")),
            "declaration/ticket_links/0/prefix",
        ),
        (
            declaration(link("P-", "javascript:{id}")),
            "declaration/ticket_links/0/url",
        ),
        (
            declaration(link("P-", "https://t.example/")),
            "declaration/ticket_links/0/url",
        ),
        (
            declaration(link("P-", "https://{id}.example/")),
            "declaration/ticket_links/0/url",
        ),
        (
            declaration(json!({ "half_life_minutes": 0 })),
            "declaration/half_life_minutes",
        ),
        (
            declaration(json!({ "half_life_minutes": 10081 })),
            "declaration/half_life_minutes",
        ),
        (declaration(twice), "declaration/ticket_links/1/prefix"),
        (highlight("highlight", json!({})), "highlight"),
        (highlight("service", json!({ "text": "x" })), "service"),
        (highlight("environment", json!({ "text": "x" })), "environment"),
        (highlight("deployment_id", json!({ "text": "x" })), "deployment_id"),
        (highlight("", json!({ "text": " " })), "highlight/text"),
        (highlight("", json!({})), "highlight/text"),
        (
            highlight("", json!({ "kind": "rumour", "text": "x" })),
            "highlight/kind",
        ),
        (changes(json!([{ "name": "serde" }])), "dependency_changes/0/to"),
        (
            changes(json!([{ "name": " ", "to": "1" }])),
            "dependency_changes/0/name",
        ),
        (said(json!({ "downtime": {} })), "downtime"),
        (
            said(json!({ "downtime": { "planned_minutes": -1 } })),
            "downtime/planned_minutes",
        ),
        (said(json!({ "risk": { "text": "x" } })), "risk/level"),
        (said(json!({ "risk": { "level": "extreme" } })), "risk/level"),
        (
            said(json!({ "rollout": { "share_percent": 101 } })),
            "rollout/share_percent",
        ),
        (
            said(json!({ "rollout": { "share_percent": 1, "users": 7 } })),
            "rollout/users",
        ),
        (
            declared(
                "s",
                json!({ "service": "checkout", "declaration": {}, "rollout": { "share_percent": 1 } }),
            ),
            "rollout",
        ),
        (
            declared(
                "s",
                json!({ "service": "checkout", "declaration": {}, "dependency_changes": [{ "name": "a", "to": "1" }] }),
            ),
            "dependency_changes",
        ),
    ] {
        let problem = app.client.record(&sign(&event, &app.pipeline)).problem(422);
        assert_eq!(
            problem["pointer"],
            format!("/customData/shipslog/{pointer}"),
            "{problem}"
        );
    }
}

#[rstest]
fn the_command_line_declares_writes_and_reads(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(database) = TestDatabase::new(backend) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let service = Service::start(&folder.path().join("data"), Some(&database.url), &[]);
    stdout(&run(&["keygen", "--out", &path("ci.pem")]));
    let (key, public) = (path("ci.pem"), path("ci.pub.pem"));
    let did = |arguments: &[&str]| stdout(&service.shipslog(arguments));
    did(&["producer", "add", "ci", "--public-key", &public]);
    let place = ["--service", "checkout", "--environment", "production", "--key", &key];
    did(&[
        "record",
        "service",
        "checkout",
        "--team",
        "Team Till",
        "--ticket-link",
        "PAY-=https://tickets.example/{id}",
        "--at",
        "2026-03-01T10:00:00Z",
        "--key",
        &key,
    ]);
    let record = |noun: &str, more: &[&str]| did(&[&["record", noun][..], &place, more].concat());
    let details = [
        "--deployment-id",
        "c1",
        "--version",
        "1.0",
        "--ticket",
        "PAY-7",
        "--dependency",
        "openssl=3.0.14..3.4.0",
    ];
    record(
        "deployment",
        &[&details[..], &["--at", "2026-03-02T10:00:00Z", "--no-commits"]].concat(),
    );
    record("highlight", &["Cards are taken.", "--deployment", "c1"]);
    record(
        "highlight",
        &["Amex is refused.", "--deployment", "c1", "--kind", "known-issue"],
    );

    let notes = did(&["notes", "checkout", "production"]);
    for words in [
        "Team Till",
        "https://tickets.example/PAY-7",
        "Cards are taken.",
        "## Known issues",
        "| openssl | 3.0.14 | 3.4.0 |",
    ] {
        assert!(notes.contains(words), "{words}: {notes}");
    }
    let customer = did(&["notes", "checkout", "production", "--audience", "customer"]);
    assert!(
        customer.contains("Cards are taken.") && !customer.contains("PAY-7"),
        "{customer}"
    );
    let several = did(&[
        "notes",
        "checkout,mail",
        "production",
        "--from",
        "2026-03-01",
        "--to",
        "2026-03-31",
    ]);
    assert!(
        several.contains("## checkout") && several.contains("no deployment of mail to production"),
        "{several}"
    );
    let refused = service.shipslog(&["record", "service", "checkout", "--key", &key]);
    assert!(said(&refused).contains("--team"), "{}", said(&refused));
    let refused = service.shipslog(&[
        "record",
        "service",
        "checkout",
        "--ticket-link",
        "P-=ftp://x/{id}",
        "--key",
        &key,
    ]);
    assert!(said(&refused).contains("http or https"), "{}", said(&refused));
}
