//! The web pages: who may see them, what they show, and that text from outside does nothing there.

mod axe;
mod browser;

use rstest::rstest;
use serde_json::json;

use crate::completeness::snapshot;
use crate::documents::{approval, test};
use crate::support::events::{at, deployed, incident};
use crate::support::http::Answer;
use crate::support::{Backend, TestApp};

const HOSTILE: &str = "<script>window.hit = 1</script><img src=x onerror='window.hit = 2'>{{ 7 * 7 }}\u{202e}\"><b>";

/// Every page that needs nothing but the story.
const PAGES: [&str; 18] = [
    "/",
    "/services",
    "/deployments",
    "/deployments?service=checkout&environment=production",
    "/incidents",
    "/incidents?open=true",
    "/links",
    "/completeness",
    "/completeness?environment=production",
    "/delivery",
    "/delivery?environment=production&service=checkout&team=&period=2026-Q1&time_zone=",
    "/service-reports",
    "/service-reports?environment=production&period=2026-Q1",
    "/release-notes?service=checkout&environment=production",
    "/release-notes?service=checkout&environment=production&audience=manager",
    "/release-notes?service=checkout&environment=production&audience=customer",
    "/release-notes?service=checkout&service=search&environment=production&from=2026-01-01&to=2026-12-31",
    "/entries/4",
];

/// Somebody who is signed in.
struct Visitor<'a> {
    app: &'a TestApp,
    cookie: String,
}

impl<'a> Visitor<'a> {
    fn sign_in(app: &'a TestApp, token: &str) -> Self {
        let answer = post(app, "/sign-in", &[], &[("token", token), ("next", "/links")]);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/links")));
        let set = answer.header("set-cookie").unwrap();
        for attribute in ["Path=/", "HttpOnly", "SameSite=Lax"] {
            assert!(set.contains(attribute), "{set}");
        }
        let cookie = set.split(';').next().unwrap().to_owned();
        Self { app, cookie }
    }

    fn of_role(app: &'a TestApp, role: &str) -> Self {
        let issued = app
            .client
            .post_json("/v1/tokens", &json!({ "name": role, "role": role }))
            .expect(201)
            .json();
        Self::sign_in(app, issued["token"].as_str().unwrap())
    }

    fn get(&self, path: &str) -> Answer {
        let client = self.app.client.anonymous();
        client.send("GET", path, &[("Cookie", &self.cookie)], None)
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
        post(
            self.app,
            path,
            &[&[("Cookie", self.cookie.as_str())], headers].concat(),
            fields,
        )
    }

    /// The key that a form of this session carries.
    fn form_key(&self) -> String {
        let page = self.get("/").text().to_owned();
        let after = page.split("name=\"form_key\" value=\"").nth(1).expect("a form");
        after.split('"').next().unwrap().to_owned()
    }
}

fn post(app: &TestApp, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
    let form = "application/x-www-form-urlencoded";
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let headers = [headers, &[("Content-Type", form)]].concat();
    app.client
        .anonymous()
        .send("POST", path, &headers, Some(body.as_bytes()))
}

/// Two deployments, and an incident after them, all with hostile text wherever a producer may write.
fn story(app: &TestApp) {
    let mut first = deployed("c1", "checkout", "production", 1);
    let mut second = deployed("c2", "checkout", "production", 2);
    for event in [&mut first, &mut second] {
        let ours = &mut event["customData"]["shipslog"];
        ours["reason"] = HOSTILE.into();
        ours["impact"] = HOSTILE.into();
        ours["downtime"] = json!({ "planned_minutes": 5, "actual_minutes": 7 });
        ours["risk"] = json!({ "level": "high", "text": HOSTILE });
        ours["rollout"] = json!({ "share_percent": 10, "strategy": HOSTILE });
        ours["highlights"] = HOSTILE.into();
        ours["run_url"] = "javascript:window.hit=3".into();
        ours["commits"] =
            json!([{ "id": "0123456789abcdef0123456789abcdef01234567", "message": HOSTILE, "author": HOSTILE }]);
        ours["tickets"] = json!([{ "id": "PAY-1", "title": HOSTILE, "url": "javascript:window.hit=4" }]);
    }
    // An id holds nothing that is hidden.
    let seen = HOSTILE.replace('\u{202e}', "");
    second["customData"]["shipslog"]["actor"] = json!({ "id": seen });
    app.record(&approval(2, "mailto:grace@example.com", "2026-02-26T10:00:00Z"));
    app.record(&test(2, "success", "2026-02-26T11:00:00Z"));
    app.record(&at(first, "2026-02-27T10:00:00Z"));
    app.record(&at(second, "2026-02-28T10:00:00Z"));
    let mut trouble = incident("i1", "INC 1/a", "checkout", "production");
    trouble["subject"]["content"]["description"] = HOSTILE.into();
    app.record(&at(trouble, "2026-02-28T11:00:00Z"));
    let mut runs = snapshot("r1", "2026-02-28T12:00:00Z", &[("checkout", 3)]);
    runs["context"]["source"] = seen.clone().into();
    runs["customData"]["shipslog"]["sequence"] = json!({ "number": 3, "series": seen });
    let taken = &mut runs["customData"]["shipslog"]["snapshot"];
    taken["running"][0]["version"] = seen.clone().into();
    taken["complete"] = false.into();
    taken["unmapped"] = json!([seen]);
    app.record(&runs);
}

#[rstest]
fn pages_are_for_those_who_are_signed_in(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    story(&app);
    let nobody = app.client.anonymous();
    for path in PAGES {
        let answer = nobody.get(path);
        assert_eq!(answer.status, 303, "{path}");
        assert!(
            answer.header("location").unwrap().starts_with("/sign-in?next=%2F"),
            "{path}"
        );
    }
    let form = nobody.get("/sign-in?next=//evil.example").expect(200);
    assert!(
        form.text().contains("name=\"next\" value=\"&#x2f;\""),
        "{}",
        form.text()
    );
    assert_eq!(
        post(&app, "/sign-in", &[], &[("token", "shipslog_x_y"), ("next", "/")]).status,
        401
    );

    let reader = Visitor::of_role(&app, "reader");
    for path in PAGES.into_iter().chain(["/deployments/c2", "/incidents/INC%201%2Fa"]) {
        let page = reader.get(path).expect(200);
        assert!(page.header("content-type").unwrap().starts_with("text/html"), "{path}");
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{path}: {policy}"
        );
        assert_eq!(page.header("cache-control"), Some("private, no-store"), "{path}");
        let text = page.text();
        for tag in ["<script", "<img", "<b>", "href=\"javascript:"] {
            assert!(!text.contains(tag), "{path}: {tag}");
        }
        assert!(!text.contains('\u{202e}') || path.starts_with("/entries"), "{path}");
    }
    assert!(
        reader
            .get("/incidents/INC%201%2Fa")
            .text()
            .contains("same service recent")
    );
    let shown = reader.get("/deployments/c2").text().to_owned();
    assert!(
        shown.contains("grace@example.com") && shown.contains("integration"),
        "{shown}"
    );
    let missing = reader.get("/incidents/none").expect(404);
    assert!(
        missing.text().contains("there is no incident none"),
        "{}",
        missing.text()
    );
    assert_eq!(reader.get("/incidents?open=maybe").status, 400);
    assert_eq!(reader.get("/deployments?colour=blue").status, 400);

    // Signing out ends the session, and so does revoking the token.
    let key = reader.form_key();
    assert_eq!(reader.post("/sign-out", &[], &[("form_key", &key)]).status, 303);
    assert_eq!(reader.get("/").status, 303);
    let other = Visitor::of_role(&app, "reader");
    let tokens = app.client.get("/v1/tokens").expect(200).json();
    let id = tokens.as_array().unwrap().last().unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    app.client
        .post_json(&format!("/v1/tokens/{id}/revocation"), &json!({ "reason": "left" }))
        .expect(200);
    assert_eq!(other.get("/").status, 303);
}

#[rstest]
fn the_overview_names_a_likely_cause_only_where_it_is_likelier_than_none(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = TestApp::start(backend) else { return };
    app.record(&at(deployed("c1", "checkout", "production", 1), "2026-01-05T10:00:00Z"));
    let reader = Visitor::of_role(&app, "reader");
    let begin = |name: &str, time: &str| app.record(&at(incident(name, name, "checkout", "production"), time));
    begin("INC-1", "2026-01-05T10:10:00Z");
    let shown = || reader.get("/").expect(200).text().to_owned();
    assert!(
        shown().contains("<td>checkout 1.1.0 in production: suggested, "),
        "{}",
        shown()
    );
    begin("INC-2", "2026-01-05T18:00:00Z");
    assert!(shown().contains("<td>no deployment: "), "{}", shown());
}

#[rstest]
fn delivery_of_a_period_is_shown_with_the_entries_behind_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = TestApp::start(backend) else { return };
    let broken = app.record(&at(deployed("c1", "checkout", "production", 1), "2026-01-05T10:00:00Z"));
    let mut trouble = incident("i1", "INC-1", "checkout", "production");
    trouble["customData"]["shipslog"]["caused_by"] = "c1".into();
    app.record(&at(trouble, "2026-01-05T11:00:00Z"));
    app.record(&at(deployed("s1", "search", "production", 2), "2026-01-20T10:00:00Z"));
    let reader = Visitor::of_role(&app, "reader");
    let shown = |query: &str| reader.get(&format!("/delivery?{query}")).expect(200).text().to_owned();
    let all = shown("environment=&service=&team=&period=2026-01&time_zone=Europe/Berlin");
    for text in [
        "All services in production",
        "(days of Europe&#x2f;Berlin)",
        "<th scope=\"row\">Deployment frequency</th><td>2 deployments</td>",
        "<td>1 of 2</td><td>2 deployments</td><td>no data</td>",
        "<th scope=\"row\">Approval lead time</th><td>no data</td><td>0 approvals</td>",
        &format!("<a href=\"/entries/{broken}\">"),
    ] {
        assert!(all.contains(text), "{text}\n{all}");
    }
    assert!(shown("service=search&period=2026-01").contains("<td>1 deployment</td>"));
    // Any period, in any zone: the days of Auckland begin eleven to thirteen hours earlier.
    let days = shown("from=2026-01-05&to=2026-01-06&time_zone=Pacific/Auckland&team=");
    assert!(days.contains("<td>0 deployments</td>"), "{days}");
    let days = shown("from=2026-01-05&to=2026-01-06&service=checkout&environment=production");
    assert!(
        days.contains("<td>1 deployment</td>") && days.contains("value=\"2026-01-05\""),
        "{days}"
    );
}

#[rstest]
fn what_is_wrong_with_a_period_is_said_at_its_field(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    story(&app);
    let reader = Visitor::of_role(&app, "reader");
    for (query, status, field) in [
        ("period=soon", 400, "period"),
        ("service=checkout", 400, "period"),
        ("period=2026&from=2026-01-01", 400, "period"),
        ("from=2026-01-01", 400, "to"),
        ("from=%3Cb%3E&to=2026-01-01", 400, "from"),
        ("from=2026-02-01&to=2026-01-01", 400, "to"),
        ("period=2026&time_zone=Mars", 400, "time_zone"),
        ("period=2026&team=none", 404, "team"),
        ("period=2026&service=none", 404, "service"),
    ] {
        for page in ["/delivery?", "/service-reports?environment=production&"] {
            let answer = reader.get(&format!("{page}{query}")).expect(status);
            let text = answer.text();
            assert!(
                text.contains("role=\"alert\" class=\"problem\" id=\"wrong\""),
                "{page}{query}: {text}"
            );
            let marked = text.split(&format!("name=\"{field}\"")).nth(1).unwrap();
            let marked = marked.split('>').next().unwrap();
            assert!(marked.contains("aria-describedby=\"wrong\""), "{page}{query}: {marked}");
            assert_eq!(text.matches("aria-invalid").count(), 1, "{page}{query}");
            assert!(!text.contains("<b>"), "{page}{query}");
        }
    }
}

#[rstest]
fn an_auditor_sees_no_page(#[values(Backend::Sqlite)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let body = json!({ "name": "Smith", "role": "auditor" });
    let issued = app.client.post_json("/v1/tokens", &body).expect(201).json();
    let token = issued["token"].as_str().unwrap();
    let answer = post(&app, "/sign-in", &[], &[("token", token)]).expect(403);
    assert!(answer.text().contains("auditor&#x27;s token"), "{}", answer.text());
    assert_eq!(answer.header("set-cookie"), None);
    for page in PAGES {
        app.client.with_token(token).get(page).expect(303);
    }
}

#[rstest]
fn a_decision_is_made_from_a_form_of_the_session(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    story(&app);
    let size = app.tree_size().to_string();
    let fields = |key: &str| -> Vec<(String, String)> {
        let index = app.client.get("/v1/deployments/c2").expect(200).json()["deployment"]["index"].to_string();
        [
            ("form_key", key),
            ("incident", "INC 1/a"),
            ("deployment", &format!("#{index}")),
            ("verdict", "confirmed"),
            ("reason", "the traces end there"),
            ("tree_size", &size),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    };
    let send = |visitor: &Visitor<'_>, headers: &[(&str, &str)], fields: &[(String, String)]| {
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        visitor.post("/links", headers, &fields)
    };
    let reader = Visitor::of_role(&app, "reader");
    assert_eq!(send(&reader, &[], &fields(&reader.form_key())).status, 403);
    assert!(
        !reader
            .get("/incidents/INC%201%2Fa")
            .text()
            .contains("action=\"/links\"")
    );

    let manager = Visitor::of_role(&app, "reviewer");
    let key = manager.form_key();
    assert_ne!(key, reader.form_key());
    let before = app.tree_size();
    assert_eq!(
        send(&manager, &[], &fields(&reader.form_key())).status,
        403,
        "a key of another session"
    );
    assert_eq!(
        send(&manager, &[("Origin", "https://evil.example")], &fields(&key)).status,
        403
    );
    let no_reason: Vec<_> = fields(&key).into_iter().filter(|(name, _)| name != "reason").collect();
    assert_eq!(send(&manager, &[], &no_reason).status, 400);
    assert_eq!(app.tree_size(), before);

    let origin = format!("http://{}", app.client.address);
    let answer = send(&manager, &[("Origin", &origin)], &fields(&key));
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(answer.header("location"), Some("/incidents/INC%201%2Fa"));
    let shown = manager.get("/incidents/INC%201%2Fa").expect(200);
    assert!(shown.text().contains("confirmed by reviewer"), "{}", shown.text());
    assert_eq!(app.tree_size(), before + 1);
    app.check_log();
}
