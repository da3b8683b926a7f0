//! What deployments brought, where GitHub's webhooks are all that the ledger hears: real deliveries, edited so that the pushes connect.

use std::fs;

use rstest::rstest;
use serde_json::{Value, json};

use crate::gate::{ask, question};
use crate::hooks::{deliver_to, signature};
use crate::support::app::GITHUB_SECRET;
use crate::support::binary::{Service, code, run, said, stdout};
use crate::support::database::TestDatabase;
use crate::support::events::{at, incident};
use crate::support::http::Client;
use crate::support::{Backend, TestApp, shared};

const NOTES: &str = "/v1/release-notes?service=Hello-World&environment=production";

/// A commit's id, by its number.
fn id(number: u32) -> String {
    format!("{number:02x}").repeat(20)
}

/// A service, where the deliveries are there.
fn started(backend: Backend) -> Option<TestApp> {
    shared("payloads/github/octokit")?;
    TestApp::start(backend)
}

/// A repository on GitHub whose webhook the service takes.
struct Repository<'a>(&'a Client);

impl Repository<'_> {
    fn deliver(&self, event: &str, file: &str, edit: impl FnOnce(&mut Value)) {
        self.told(event, file, edit);
    }

    /// The same; the body, and what is answered.
    fn told(&self, event: &str, file: &str, edit: impl FnOnce(&mut Value)) -> (Vec<u8>, Value) {
        let root = shared("payloads/github/octokit").unwrap();
        let mut body: Value = serde_json::from_slice(&fs::read(root.join(event).join(file)).unwrap()).unwrap();
        edit(&mut body);
        let body = serde_json::to_vec(&body).unwrap();
        let answer = deliver_to(self.0, event, "1", &body, &signature(GITHUB_SECRET, &body)).expect(201);
        (body, answer.json())
    }

    /// A push of commits, by number and message, at an hour of a day in January.
    fn push(&self, before: u32, commits: &[(u32, &str)], hour: &str) {
        self.deliver("push", "with-no-username-committer.payload.json", |body| {
            let one = body["commits"][0].clone();
            let listed = commits.iter().map(|(number, message)| {
                let mut commit = one.clone();
                commit["id"] = id(*number).into();
                commit["message"] = (*message).into();
                commit["timestamp"] = format!("2026-01-{hour}:00:00Z").into();
                commit
            });
            body["commits"] = listed.collect();
            body["created"] = (before == 0).into();
            body["before"] = id(before).into();
            body["after"] = body["commits"][commits.len() - 1]["id"].clone();
        });
    }

    /// The first commit, and its deployment.
    fn begin(&self) {
        self.push(0, &[(1, "Initial commit")], "05T09");
        self.deploy(1, 1, "06T10");
    }

    fn merge(&self, number: u32, title: &str, commit: u32) {
        self.deliver("pull_request", "closed.payload.json", |body| {
            let request = &mut body["pull_request"];
            request["number"] = number.into();
            request["title"] = title.into();
            request["html_url"] = format!("https://github.com/Codertocat/Hello-World/pull/{number}").into();
            request["merged"] = true.into();
            request["merged_at"] = "2026-01-08T09:00:00Z".into();
            request["merged_by"] = json!({ "login": "octocat", "type": "User" });
            request["merge_commit_sha"] = id(commit).into();
        });
    }

    fn approve(&self, number: u32, commit: u32) {
        self.deliver(
            "pull_request_review",
            "submitted.with-organization.payload.json",
            |body| {
                body["repository"] = json!({
                    "name": "Hello-World",
                    "full_name": "Codertocat/Hello-World",
                    "html_url": "https://github.com/Codertocat/Hello-World",
                });
                body["review"]["state"] = "approved".into();
                body["review"]["commit_id"] = id(commit).into();
                body["review"]["submitted_at"] = "2026-01-08T08:00:00Z".into();
                body["review"]["user"] = json!({ "login": "octocat", "type": "User" });
                body["pull_request"]["number"] = number.into();
                body["pull_request"]["html_url"] =
                    format!("https://github.com/Codertocat/Hello-World/pull/{number}").into();
            },
        );
    }

    fn deploy(&self, number: u32, commit: u32, hour: &str) {
        for (state, minute) in [("in_progress", 0), ("success", 5)] {
            self.deliver("deployment_status", "with-installation.payload.json", |body| {
                body["deployment"]["id"] = number.into();
                body["deployment"]["sha"] = id(commit).into();
                body["deployment_status"]["state"] = state.into();
                body["deployment_status"]["created_at"] = format!("2026-01-{hour}:{minute:02}:00Z").into();
            });
        }
    }

    /// Somebody's answer to whether a commit may go to production.
    fn review(&self, commit: u32, action: &str, who: &str, hour: &str) {
        self.deliver("deployment_review", "requested.payload.json", |body| {
            let at = format!("2026-01-{hour}:00:00Z");
            body["action"] = action.into();
            body["since"] = at.clone().into();
            body["workflow_run"]["head_sha"] = id(commit).into();
            body["workflow_run"]["updated_at"] = at.clone().into();
            body["workflow_job_run"]["updated_at"] = at.into();
            body["workflow_job_run"]["environment"] = "production".into();
            body["environment"] = "production".into();
            body[if action == "requested" { "requestor" } else { "approver" }] =
                json!({ "login": who, "type": "User" });
            body["repository"] = json!({
                "name": "Hello-World",
                "full_name": "Codertocat/Hello-World",
                "html_url": "https://github.com/Codertocat/Hello-World",
            });
        });
    }

    /// Two deployments, and three commits between them: one alone, two as a pull request that was reviewed.
    fn history(&self) {
        self.begin();
        self.push(1, &[(2, "feat: greet in French")], "07T09");
        self.approve(7, 3);
        let merge = (
            4,
            "Merge pull request #7 from Codertocat/umlauts\n\nGreet people by their names with umlauts",
        );
        self.push(2, &[(3, "fix: umlauts"), merge], "08T09");
        self.merge(7, "Greet people by their names with umlauts", 4);
        self.deploy(2, 4, "09T10");
    }
}

fn text(client: &Client, query: &str) -> String {
    client.get(&format!("{NOTES}{query}")).expect(200).text().to_owned()
}

/// Without what differs from ledger to ledger of the same story: keys, and so roots and checkpoints.
fn body_of(notes: &str) -> &str {
    notes.split("\n---\n").next().unwrap()
}

#[rstest]
fn notes_metrics_checks_and_pages_tell_of_the_pushes_between_two_deployments(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = started(backend) else { return };
    Repository(&app.client).history();
    insta::assert_snapshot!("github_changes", body_of(&text(&app.client, "")));

    let context: Value = serde_json::from_str(&text(&app.client, "&format=json")).unwrap();
    let check = |id: &str| {
        let mut checks = context["assurance"][0]["checks"].as_array().unwrap().iter();
        checks.find(|check| check["id"] == id).unwrap().clone()
    };
    // The commit that came without a pull request was looked at by nobody.
    assert_eq!(check("DL-SOD-3")["result"], "not_evaluable");
    assert!(check("DL-SOD-3")["found"].as_str().unwrap().contains(&id(2)[..12]));
    assert_eq!(check("DL-CHG-1")["result"], "pass", "{}", check("DL-CHG-1"));

    let query = "from=2026-01-01&to=2026-02-01&environment=production";
    let metrics = app
        .client
        .get(&format!("/v1/delivery-performance?{query}"))
        .expect(200)
        .json();
    let lead = &metrics["whole"]["change_lead_time"];
    assert_eq!(
        (&lead["commits"]["n"], &lead["merges"]),
        (&json!(2), &json!(1)),
        "{lead}"
    );
    let two_days_and_an_hour = 49 * 3_600_000 + 300_000;
    assert_eq!(lead["longest"][0]["lead_time_ms"], two_days_and_an_hour, "{lead}");

    let one = app.client.get("/v1/deployments/2").expect(200).json();
    let list = app.client.get("/v1/deployments?service=Hello-World").expect(200).json();
    for shown in [&one["deployment"], &list["items"][0]] {
        let commits = shown["commits"].as_array().unwrap().iter().map(|commit| &commit["id"]);
        assert!(commits.eq(&[2, 3, 4].map(|number| json!(id(number)))), "{shown}");
        assert_eq!(
            shown["pull_requests"][0]["title"],
            "Greet people by their names with umlauts"
        );
        assert_eq!(shown["change_set"], json!({ "since": id(1), "gap": null }));
    }
    // Before the second push was recorded there was no way from one to the other, nor a deployment.
    let size = app.tree_size();
    let earlier = text(&app.client, &format!("&tree_size={}", size - 3));
    assert!(!earlier.contains("Greet in French"), "{earlier}");
    assert_eq!(text(&app.client, &format!("&tree_size={size}")), text(&app.client, ""));
}

#[rstest]
fn what_no_push_tells_of_is_said_and_a_delivery_that_is_sent_again_mends_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = started(backend) else { return };
    let repository = Repository(&app.client);
    repository.begin();
    repository.push(2, &[(3, "fix: umlauts")], "08T09");
    repository.deploy(2, 3, "09T10");
    let notes = text(&app.client, "");
    for words in [
        "It brings 1 change: 1 fixed. More may have come in than is recorded.",
        "are those of recorded pushes, and there may be more; these notes do not tell of them: the recorded pushes do not lead there \
         from 010101010101, which ran before.",
    ] {
        assert!(notes.contains(words), "{words}: {notes}");
    }
    let customer = text(&app.client, "&audience=customer");
    assert!(
        customer.contains("More may have come in than is recorded."),
        "{customer}"
    );
    repository.push(1, &[(2, "feat: greet in French")], "07T09");
    let notes = text(&app.client, "");
    assert!(notes.contains("It brings 2 changes: 1 new and 1 fixed."), "{notes}");
    assert!(!notes.contains("More may have"), "{notes}");
}

#[rstest]
fn going_back_withdraws_what_the_pushes_brought(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = started(backend) else { return };
    let repository = Repository(&app.client);
    repository.history();
    repository.deploy(3, 1, "09T12");
    let notes = text(&app.client, "");
    assert!(notes.contains("went back to"), "{notes}");
    let (_, withdrawn) = notes.split_once("Withdrawn").unwrap_or_else(|| panic!("{notes}"));
    assert!(withdrawn.contains("Greet in French"), "{notes}");
    repository.deploy(4, 4, "09T14");
    let notes = text(&app.client, "");
    assert!(notes.contains("that had been withdrawn run again"), "{notes}");
}

#[rstest]
fn the_note_comes_out_of_an_export_again(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(database) = TestDatabase::new(backend) else {
        return;
    };
    if shared("payloads/github/octokit").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("secret"), GITHUB_SECRET).unwrap();
    let data = folder.path().join("data");
    let service = Service::start(&data, Some(&database.url), &["--github-secret-file", &path("secret")]);
    Repository(&service.client).history();
    for form in ["md", "html", "json"] {
        let notes = stdout(&service.shipslog(&["notes", "Hello-World", "production", "--format", form]));
        fs::write(path(form), notes).unwrap();
    }
    stdout(&service.shipslog(&["export", &path("bundle")]));
    for form in ["md", "html", "json"] {
        let (document, bundle, vkey) = (path(form), path("bundle"), path("data/log.vkey"));
        let verdict = run(&["verify", "report", &document, "--bundle", &bundle, "--log-key", &vkey]);
        assert_eq!(code(&verdict), 0, "{form}: {}", said(&verdict));
    }
    assert!(service.terminate());
}

#[rstest]
fn an_answer_to_a_review_of_a_deployment_approves_it(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = started(backend) else { return };
    let repository = Repository(&app.client);
    let check = |id: &str| {
        let context: Value = serde_json::from_str(&text(&app.client, "&format=json")).unwrap();
        let mut checks = context["assurance"][0]["checks"].as_array().unwrap().iter();
        let found = checks.find(|check| check["id"] == id).unwrap();
        (found["result"].as_str().unwrap().to_owned(), found["found"].clone())
    };
    repository.begin();
    repository.push(1, &[(2, "feat: greet in French")], "07T09");
    repository.review(2, "requested", "Codertocat", "08T09");
    repository.review(2, "approved", "octocat", "08T10");
    repository.deploy(2, 2, "09T10");
    for id in ["DL-AUTH-1", "DL-AUTH-2", "DL-SOD-1"] {
        assert_eq!(check(id).0, "pass", "{id}: {}", check(id).1);
    }
    let notes = text(&app.client, "");
    assert!(notes.contains("octocat") && !notes.contains("urn:github"), "{notes}");
    // Who wrote the change lets it go, under the same name.
    repository.push(2, &[(3, "feat: greet in Dutch")], "10T09");
    repository.review(3, "approved", "Codertocat", "10T10");
    repository.deploy(3, 3, "11T10");
    assert_eq!(check("DL-SOD-1").0, "fail");
    repository.push(3, &[(4, "feat: greet in Greek")], "12T09");
    repository.review(4, "approved", "octocat", "12T10");
    repository.review(4, "rejected", "octocat", "12T11");
    repository.deploy(4, 4, "13T10");
    assert_eq!(check("DL-AUTH-1").0, "fail");
}

#[rstest]
fn a_push_that_is_too_large_to_be_kept_is_recorded_without_its_body(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = started(backend) else { return };
    let repository = Repository(&app.client);
    repository.begin();
    // As many as GitHub lists, less one: then all are there. The second time their messages are longer than one record may be.
    for (number, length, left_out) in [(2, 100, None), (3, 1000, Some(()))] {
        let message = format!("feat: {}", "long ".repeat(length / 5));
        let before = number - 1;
        let index = app.tree_size();
        let (body, answer) = repository.told("push", "with-no-username-committer.payload.json", |body| {
            let one = body["commits"][0].clone();
            let ids = (0..2046).map(|at| format!("{number:02x}{at:038x}"));
            let listed = ids.chain([id(number)]).map(|id| {
                let mut commit = one.clone();
                (commit["id"], commit["message"]) = (id.into(), message.clone().into());
                commit
            });
            body["commits"] = listed.collect();
            (body["created"], body["before"], body["after"]) = (false.into(), id(before).into(), id(number).into());
        });
        assert!(
            answer["left_out"].as_str().unwrap().contains(&body.len().to_string()),
            "{answer}"
        );
        let shown = app.client.get(&format!("/v1/events/{index}")).expect(200).json();
        let ours = &shown["payload"]["customData"]["shipslog"];
        let digest = ledger::sha256(&body).to_hex();
        let declared = json!({ "sha256": digest, "bytes": body.len() });
        assert_eq!(ours["received"]["body_not_kept"], declared);
        assert!(ours["received"].get("body").is_none());
        assert_eq!(ours["commits_left_out"].is_null(), left_out.is_none());
        let kept = ours["commits"].as_array().unwrap();
        assert_eq!(kept.last().unwrap()["id"], id(number), "the newest are told");
        let all = kept.len() as u64 + ours["commits_left_out"].as_u64().unwrap_or_default();
        assert_eq!(all, 2047);
        repository.deploy(number, number, &format!("{:02}T10", 6 + number));
        let shown = app.client.get(&format!("/v1/deployments/{number}")).expect(200).json();
        assert_eq!(shown["deployment"]["commits"].as_array().unwrap().len(), kept.len());
        assert_eq!(shown["deployment"]["change_set"]["gap"].is_null(), left_out.is_none());
    }
    app.check_log();
}

#[rstest]
fn an_incident_may_name_a_commit_that_a_push_brought(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = started(backend) else { return };
    Repository(&app.client).history();
    let mut hurt = at(
        incident("i1", "INC-1", "Hello-World", "production"),
        "2026-01-09T11:00:00Z",
    );
    hurt["customData"]["shipslog"]["caused_by"] = id(3).into();
    app.record(&hurt);
    let notes = text(&app.client, "");
    assert!(notes.contains("1 incident is linked to it"), "{notes}");
    let shown = app.client.get("/v1/incidents/INC-1").expect(200).json();
    let candidate = &shown["incident"]["correlation"]["candidates"][0];
    assert_eq!(candidate["deployment"], "2", "{shown}");
    assert_eq!(candidate["state"], "explicit", "{shown}");
}

#[rstest]
fn the_gate_knows_what_the_pushes_would_bring(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = started(backend) else { return };
    let repository = Repository(&app.client);
    repository.history();
    repository.approve(8, 5);
    repository.push(4, &[(5, "feat: greet in Greek (#8)")], "10T09");
    repository.merge(8, "Greet people in Greek as well", 5);
    let about = json!({
        "service": "Hello-World",
        "commit": id(5),
        "commits": [],
        "tickets": [],
        "repository": "https://github.com/Codertocat/Hello-World",
    });
    let answer = ask(&app, &question("q", "production", about));
    let mut checks = answer["checks"].as_array().unwrap().iter();
    let referred = checks.find(|check| check["id"] == "DL-CHG-1").unwrap();
    assert_eq!(referred["text"], "pull request 8", "{answer}");
}
