//! Release notes over several services.

use super::*;
const SERVICES: [&str; 4] = ["payments", "search", "stock", "nowhere"];

#[test]
fn several_services_as_a_whole() {
    insta::assert_snapshot!("several", release_of(&busy(), &SERVICES, -60, 95, Audience::Auditor).1);
    insta::assert_snapshot!(
        "several_manager",
        release_of(&busy(), &SERVICES, -60, 95, Audience::Manager).1
    );
    insta::assert_snapshot!(
        "several_customer",
        release_of(&busy(), &SERVICES, -60, 95, Audience::Customer).1
    );
}

#[test]
fn a_service_without_deployments_is_said_as_such() {
    let (context, text) = release_of(&busy(), &SERVICES, -60, 95, Audience::Auditor);
    let notes = |at: usize| &context["services"][at]["notes"];
    assert_eq!(notes(0)["deployments"].as_array().unwrap().len(), 2);
    assert_eq!(
        notes(2)["deployments"].as_array().unwrap().len(),
        0,
        "stock was deployed before"
    );
    assert!(notes(3).is_null(), "nobody ever deployed it");
    assert!(
        text.contains("Nothing was deployed: 5.1.0 runs in production throughout."),
        "{text}"
    );
    assert!(text.contains("no deployment of nowhere to production"), "{text}");
    let (context, text) = release_of(&busy(), &["stock", "nowhere"], -60, 95, Audience::Auditor);
    assert!(
        text.contains("None of the 2 services was deployed to production"),
        "{text}"
    );
    assert_eq!(context["summary"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_withheld_is_added_up() {
    let (context, text) = release_of(&busy(), &SERVICES, -60, 95, Audience::Customer);
    let sum = |list: &serde_json::Value| -> u64 {
        let rows = list.as_array().into_iter().flatten();
        rows.map(|row| row["count"].as_u64().unwrap()).sum()
    };
    let sections = context["services"].as_array().unwrap();
    let each: u64 = sections.iter().map(|section| sum(&section["notes"]["withheld"])).sum();
    assert_eq!(sum(&context["withheld"]), each);
    assert!(each > 20, "{each}");
    for needle in ["alice", "PAY-1", "/entries/", "ci.example"] {
        assert!(!text.contains(needle), "{needle}: {text}");
    }
    let (whole, _) = release_of(&busy(), &SERVICES, -60, 95, Audience::Auditor);
    assert!(whole.get("withheld").is_none());
}

#[test]
fn a_change_that_several_services_bring_is_counted_once() {
    let mut ledger = Ledger::default();
    let shared = commit("feat!: one (#12)\n\nBREAKING CHANGE: move to v2", "a");
    for service in SERVICES {
        elsewhere(&mut ledger, 0, service, "1").commits = vec![];
        elsewhere(&mut ledger, 20, service, "2").commits = vec![shared.clone()];
    }
    elsewhere(&mut ledger, 40, "search", "3").commits = vec![commit("fix: two", "a")];
    for audience in Audience::ALL {
        let (context, _) = release_of(&ledger, &SERVICES, 10, 50, audience);
        assert_eq!(context["summary"][1], "They bring 2 changes, 1 of them breaking.");
    }
}
