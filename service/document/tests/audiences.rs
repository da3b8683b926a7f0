//! Release notes for managers and customers: what they say, and what never reaches them.

use proptest::prelude::*;

use super::*;
use crate::domain::Recorded;
use crate::domain::extension::{Actor, ActorKind, PullRequest, ReviewVerdict, TestDetail};

fn of(ledger: &Ledger, id: &str, audience: Audience) -> (serde_json::Value, String) {
    variant(ledger, Scope::Deployment(id.parse().unwrap()), audience)
}

#[test]
fn a_release_for_managers_as_a_whole() {
    let (context, text) = of(&busy(), "run-2", Audience::Manager);
    insta::assert_snapshot!("release_manager", text);
    insta::assert_json_snapshot!("release_manager_context", context);
}

#[test]
fn a_release_for_customers_as_a_whole() {
    let (context, text) = of(&busy(), "run-2", Audience::Customer);
    insta::assert_snapshot!("release_customer", text);
    insta::assert_json_snapshot!("release_customer_context", context);
}

#[test]
fn a_rollback_for_customers_as_a_whole() {
    insta::assert_snapshot!("rollback_customer", of(&busy(), "run-4", Audience::Customer).1);
}

#[test]
fn the_variant_for_auditors_is_the_whole_document() {
    let (context, text) = of(&busy(), "run-2", Audience::Auditor);
    let mut whole = notes_of(&busy(), "run-2");
    whole.generated.tool.version = "1.2.3";
    assert_eq!(context, serde_json::to_value(&whole).unwrap());
    assert!(!text.contains("Withheld from this variant"), "{text}");
}

#[test]
fn no_template_shows_a_customer_what_is_not_in_the_variant() {
    // What a customer's template needs and the whole context has not is where rendering ends.
    let whole = notes_of(&busy(), "run-2");
    let ours = "{{ withheld|length }} {{ statements|length }}";
    let templates =
        Templates::with_overrides([("release-notes-customer.md".to_owned(), ours.to_owned())].into()).unwrap();
    assert!(templates.render("release-notes-customer.md", &whole).is_err());
    let (context, _) = of(&busy(), "run-2", Audience::Customer);
    let error = templates.render("release-notes-customer.md", &context).unwrap_err();
    assert!(error.to_string().contains("undefined"), "{error}");
}

/// Puts a text of its own into every field of every record that could hold one. A text that customers may read begins with
/// `open`, every other with `secret`.
fn mark(record: &mut Recorded, number: usize) {
    let mut count = 0;
    let mut make = |class: &str, what: &str| {
        count += 1;
        format!("{class}{number}x{count}{what}")
    };
    let secret = &mut |what: &str| make("secret", what);
    let person = |secret: &mut dyn FnMut(&str) -> String| Actor {
        id: secret("id"),
        kind: Some(ActorKind::Human),
        name: Some(secret("name")),
    };
    let is_highlight = record.event.extension.highlight.is_some();
    let writer = secret("writer");
    let extension = &mut record.event.extension;
    extension.actor = Some(person(secret));
    extension.reason = Some(secret("reason"));
    extension.impact = Some(secret("impact"));
    extension.risk = Some(Risk {
        level: RiskLevel::High,
        text: Some(secret("risk")),
    });
    extension.rollout = Some(Rollout {
        share_percent: 0,
        strategy: Some(secret("strategy")),
    });
    extension.severity = Some(secret("severity"));
    extension.role = Some(secret("role"));
    extension.commit = Some(format!("{number:0>2}face00ff00ff00ff00ff00ff00ff00ff00ff00ff"));
    extension.repository = Some(format!("https://{}.example/repository", secret("host")));
    extension.run_url = Some(format!("https://{}.example/run", secret("host")));
    extension.rollback_plan = Some(RollbackPlan {
        reference: Some(format!("https://{}.example/plan", secret("host"))),
        target_version: Some(secret("target")),
    });
    extension.test = Some(TestDetail {
        kind: Some(secret("kind")),
        passed: Some(1),
        failed: None,
        skipped: None,
        url: Some(format!("https://{}.example/test", secret("host"))),
    });
    extension.review = Some(ReviewVerdict::Approved);
    extension.dependency_changes.push(DependencyChange {
        name: secret("dependency"),
        from: Some(secret("from")),
        to: Some(secret("to")),
    });
    let ticket = secret("ticket");
    extension.tickets.push(TicketRef {
        id: ticket.clone(),
        title: Some(secret("tickettitle")),
        url: Some(format!("https://{}.example/ticket", secret("host"))),
    });
    let (author, approver) = (secret("author"), secret("approver"));
    extension.pull_requests.push(PullRequest {
        id: secret("request"),
        title: None,
        url: Some(format!("https://{}.example/pull", secret("host"))),
        author: Some(secret("proposer")),
        approved_by: vec![approver.clone()],
        merged_by: Some(secret("merger")),
        merge_commit: None,
    });
    // The names and tickets of the records, within texts that customers read.
    let message = format!(
        "fix(open{number}scope)!: open{number}title for {author}, {ticket} and #77\n\nBREAKING CHANGE: open{number}note by {approver}"
    );
    extension.commits.push(commit(&message, &author));
    extension.commits.push(commit(&ticket, &author));
    if is_highlight {
        extension.actor = Some(human(&writer));
        let kind = extension.highlight.as_ref().map(|h| h.kind).unwrap_or_default();
        extension.highlight = Some(Box::new(HighlightText {
            kind,
            text: format!("open{number}highlight says secretly@mail.example, in short {writer}"),
        }));
    } else {
        extension.highlights = Some(format!("open{number}highlights, says {author}"));
    }
    if extension.declaration.is_some() {
        extension.declaration = Some(Box::new(Declaration {
            team: Some(secret("team")),
            ticket_links: vec![TicketLink {
                prefix: "SECRET-".to_owned(),
                url: format!("https://{}.example/{{id}}", secret("host")),
            }],
            half_life_minutes: None,
        }));
    }
    match &mut record.event.body {
        Body::Deployment { artifact, .. } => artifact.id = secret("artifact"),
        Body::Incident {
            description, ticket, ..
        } => {
            *description = Some(secret("description"));
            *ticket = Some(format!("https://{}.example/incident", secret("host")));
        }
        Body::TestRun(run) => run.name = Some(secret("suite")),
        Body::Approval(approval) => approval.person = Some(secret("person")),
        _ => {}
    }
}

#[test]
fn nothing_internal_reaches_a_customer_whatever_field_it_is_in() {
    let mut ledger = busy();
    for (number, record) in ledger.records.iter_mut().enumerate() {
        mark(record, number);
    }
    let ids = ["run-2", "run-3", "run-4"].map(|id| Scope::Deployment(id.parse().unwrap()));
    let range = Scope::Range {
        from: Point::parse("2026-01-01", Zone::UTC).unwrap(),
        to: Point::parse("run-4", Zone::UTC).unwrap(),
    };
    for scope in ids.into_iter().chain([range]) {
        let (context, text) = variant(&ledger, scope.clone(), Audience::Customer);
        let json = serde_json::to_string(&context).unwrap();
        let html = to_html(&text);
        for (form, all) in [("markdown", text.as_str()), ("json", &json), ("html", html.as_str())] {
            let lower = all.to_lowercase();
            for needle in [
                "secret",
                "face00ff",
                "#77",
                "inc-7",
                "ci.example",
                "alice",
                "bob",
                "carol",
                "pay-1",
            ] {
                let found = lower
                    .find(needle)
                    .map(|at| &lower[at.saturating_sub(60)..(at + 60).min(lower.len())]);
                assert_eq!(found, None, "{needle} in {form} of {scope:?}");
            }
        }
        if scope != Scope::Deployment("run-4".parse().unwrap()) {
            assert!(json.contains("title for"), "changes are there: {json}");
        }
    }
    // The same records do hold all of it: the test would see it.
    let whole = serde_json::to_string(&notes_of(&ledger, "run-2")).unwrap();
    for needle in [
        "author", "approver", "ticket", "team", "person", "artifact", "impact", "suite", "risk", "strategy",
    ] {
        assert!(whole.contains(needle) && whole.contains("secret"), "{needle}");
    }
}

#[test]
fn what_is_withheld_is_counted_and_told() {
    let (context, text) = of(&busy(), "run-2", Audience::Customer);
    let withheld = context["withheld"].as_array().unwrap();
    let count = |field: &str| {
        let row = withheld.iter().find(|row| row["field"] == field);
        row.map_or(0, |row| row["count"].as_u64().unwrap())
    };
    assert_eq!(count("changes.tickets"), 2);
    assert_eq!(count("changes.groups.entries.authors"), 4);
    assert_eq!(count("assurance.approvals"), 1);
    assert_eq!((count("deployments.risk"), count("deployments.rollout")), (1, 1));
    assert_eq!(count("changes.dependencies"), 2);
    assert!(text.contains("Withheld from this variant: "), "{text}");
    for row in withheld {
        let told = format!("{} {}", row["count"], row["words"].as_str().unwrap());
        assert!(text.contains(&told), "{told}: {text}");
    }
}

#[test]
fn the_json_form_for_customers_says_no_more_than_the_text() {
    let ledger = busy();
    let facts = Facts::fold(&ledger.records);
    let mut view = view(&ledger);
    view.erased = vec![ErasedEntry {
        index: 1,
        erased_by: 2,
        reason: "data-subject-request".to_owned(),
    }];
    let notes = release_notes::compose_for(
        &ReleaseNotesInput {
            request: Request {
                query: "shipslog notes payments production --deployment run-2 --audience customer",
                ..request(&view, "release-notes-customer.md")
            },
            service: &"payments".parse().unwrap(),
            environment: &"production".parse().unwrap(),
            scope: &Scope::Deployment("run-2".parse().unwrap()),
            facts: &facts,
            parameters: &Parameters::default(),
        },
        Audience::Customer,
    );
    let context = serde_json::to_value(notes.unwrap()).unwrap();
    assert_eq!(context["generated"]["ledger"].get("erased"), None);
    let index = context["deployment"]["index"].as_u64().unwrap();
    assert_eq!(
        context["generated"]["query"],
        format!("shipslog notes payments production --deployment '#{index}' --audience customer")
    );
}

#[test]
fn a_version_that_is_a_commit_is_not_told_to_customers() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d1", "1", release(vec![]));
    for record in &mut ledger.records {
        record.event.extension.version = None;
        record.event.extension.commit = Some("f95f852bd8fca8fcc58a9a2d6c842781e32a215e".to_owned());
    }
    let (_, text) = of(&ledger, "d1", Audience::Customer);
    assert!(
        text.starts_with("# payments (version withheld) in production"),
        "{text}"
    );
    assert!(!text.contains("f95f852"), "{text}");
}

/// A release whose people are all called that, in fields and in texts.
fn people_called(name: &str) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.deploy(-1440, "run-1", "1.0.0", release(vec![]));
    let message = format!("fix(cart)!: total of {name}, and of {name}'s cart\n\nBREAKING CHANGE: ask {name} how");
    let request = PullRequest {
        author: Some(name.to_owned()),
        approved_by: vec![name.to_owned()],
        merged_by: Some(name.to_owned()),
        ..pull_request("7", &format!("feat: a wish of {name}"))
    };
    let extension = Extension {
        actor: Some(human(name)),
        commits: vec![commit(&message, name), commit(&format!("{name} was here"), name)],
        pull_requests: vec![request],
        highlights: Some(format!("Made by {name}.")),
        reason: Some(format!("{name} wants it")),
        ..release(vec![])
    };
    ledger.deploy(0, "run-2", "1.1.0", extension);
    ledger.approve(-20, name, "1.1.0");
    highlight(
        &mut ledger,
        20,
        "run-2",
        HighlightKind::KnownIssue,
        &format!("{name} knows"),
    );
    ledger
}

/// All texts in a value.
fn texts(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::String(text) => vec![text.to_lowercase()],
        serde_json::Value::Array(items) => items.iter().flat_map(texts).collect(),
        serde_json::Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => vec![],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_name_reaches_a_customer(name in "[\\PC]{3,24}|[A-Za-z]{3,9}( [A-Z][a-zäöé]{1,9})?( <[a-z.]{2,9}@[a-z]{2,9}\\.example>)?|[a-z.-]{3,12}@[a-z-]{2,9}\\.example") {
        let core = name.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        prop_assume!(core.chars().count() >= 3);
        // What the document says of its own accord holds many a short name.
        let (other, _) = of(&people_called("Zyx Qvw"), "run-2", Audience::Customer);
        prop_assume!(!texts(&other).iter().any(|text| text.contains(&core)));
        let (context, _) = of(&people_called(&name), "run-2", Audience::Customer);
        for text in texts(&context) {
            prop_assert!(!text.contains(&core), "{name:?} in {text:?}");
        }
    }
}
