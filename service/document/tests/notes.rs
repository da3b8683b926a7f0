//! Release notes: whole documents, and the stories behind them.

use super::*;

fn titles(changes: &crate::document::changes::Changes) -> Vec<(&'static str, String)> {
    let entries = changes
        .groups
        .iter()
        .flat_map(|g| g.entries.iter().map(|e| (g.key, e.title.clone())));
    entries.collect()
}

fn md(notes: &ReleaseNotes) -> String {
    let mut notes = notes.clone();
    notes.generated.tool.version = "1.2.3";
    markdown(release_notes::TEMPLATE, &notes)
}

#[test]
fn a_release_as_a_whole() {
    let mut notes = notes_of(&busy(), "run-2");
    notes.generated.tool.version = "1.2.3";
    insta::assert_snapshot!("release", md(&notes));
    insta::assert_json_snapshot!("release_context", notes);
}

#[test]
fn a_rollback_as_a_whole() {
    insta::assert_snapshot!("rollback", md(&notes_of(&story(), "run-4")));
}

#[test]
fn a_range_as_a_whole() {
    insta::assert_snapshot!("range", md(&range(&story(), "1.0.0", "#12").unwrap()));
}

#[test]
fn a_failed_deployment_as_a_whole() {
    let mut ledger = story();
    ledger.start(
        200,
        "run-5",
        "1.3.0",
        release(vec![commit("feat: split bills", "alice")]),
    );
    ledger.finish(204, "run-5", "1.3.0", Outcome::Failure);
    insta::assert_snapshot!("failed", md(&notes_of(&ledger, "run-5")));
}

#[test]
fn commits_that_a_record_had_no_room_for_are_told() {
    let mut ledger = Ledger::default();
    let cut = Extension {
        commits_left_out: Some(200),
        ..release(vec![commit("feat: split bills", "alice")])
    };
    ledger.deploy(0, "run-1", "1.0.0", cut);
    let told = "1.0.0 brought 200 more commits than its record holds; these notes do not tell of them.";
    assert!(notes_of(&ledger, "run-1").data_notes.iter().any(|note| note == told));
}

#[test]
fn what_took_its_place_is_told_and_that_the_way_back_was_taken() {
    let ledger = story();
    let next = |id: &str| notes_of(&ledger, id).replaced_by;
    let second = next("run-2").unwrap();
    assert_eq!((second.label.as_str(), second.went_back), ("1.2.0", false));
    let third = next("run-3").unwrap();
    assert_eq!(
        (third.label.as_str(), third.went_back, third.removes),
        ("1.0.0", true, false)
    );
    assert_eq!(third.ran_for_ms, Some(40 * 60_000));
    assert_eq!(next("run-4"), None, "it runs");
    let told = md(&notes_of(&ledger, "run-3"));
    assert!(
        told.contains("It ran for 40 min: on 2026-03-02 11:13 UTC production went back to 1.0.0."),
        "{told}"
    );
    let told = md(&notes_of(&ledger, "run-2"));
    assert!(told.contains(", 1.2.0 took its place ([#12](/entries/12))"), "{told}");
}

/// V1 V2 V3 V1, and V3 again.
#[test]
fn going_back_withdraws_and_coming_back_is_new_again() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d1", "1", release(vec![commit("feat: one", "a")]));
    ledger.deploy(10, "d2", "2", release(vec![commit("feat: two", "a")]));
    ledger.deploy(20, "d3", "3", release(vec![commit("feat: three", "a")]));
    ledger.deploy(30, "d4", "1", release(vec![]));
    ledger.deploy(40, "d5", "3", release(vec![]));

    let back = notes_of(&ledger, "d4");
    let withdrawn: Vec<(&str, String)> = back
        .withdrawn
        .iter()
        .map(|w| (w.label.as_str(), titles(&w.changes)[0].1.clone()))
        .collect();
    assert_eq!(withdrawn, [("2", "two".to_owned()), ("3", "three".to_owned())]);
    assert!(back.changes.groups.is_empty());
    assert_eq!(
        back.previous.as_ref().map(|p| p.label.as_str()),
        Some("3"),
        "by ledger order, not by number"
    );
    assert!(
        back.summary[0].contains("went back to payments 1 from 3"),
        "{:?}",
        back.summary
    );
    assert!(
        back.summary
            .iter()
            .any(|s| s == "The changes of 2 and 3 are withdrawn."),
        "{:?}",
        back.summary
    );

    let again = notes_of(&ledger, "d5");
    assert_eq!(
        again.reintroduced.iter().map(|w| w.label.as_str()).collect::<Vec<_>>(),
        ["2", "3"]
    );
    assert!(again.withdrawn.is_empty());

    let net = range(&ledger, "#0", "#8").unwrap();
    assert_eq!(
        titles(&net.changes),
        [("feature", "two".to_owned()), ("feature", "three".to_owned())]
    );
    assert!(net.withdrawn.is_empty() && net.reintroduced.is_empty() && net.came_and_went.is_empty());

    let gone = range(&ledger, "d1", "d4").unwrap();
    assert_eq!(gone.came_and_went.len(), 2);
    assert!(gone.changes.groups.is_empty() && gone.withdrawn.is_empty());

    let from_two = range(&ledger, "d2", "d4").unwrap();
    assert_eq!(
        from_two.withdrawn.iter().map(|w| w.label.as_str()).collect::<Vec<_>>(),
        ["2"]
    );
}

/// V1, V2, back to V1, and V3 with the changes of V2 and one more.
#[test]
fn what_a_later_version_brings_again_is_neither_withdrawn_nor_new() {
    let mut ledger = Ledger::default();
    let (two, three) = (commit("feat: two", "a"), commit("fix: three", "a"));
    ledger.deploy(0, "d1", "1", release(vec![commit("feat: one", "a")]));
    ledger.deploy(10, "d2", "2", release(vec![two.clone()]));
    ledger.deploy(20, "d3", "1", release(vec![]));
    ledger.deploy(30, "d4", "3", release(vec![two.clone(), three.clone()]));
    let net = range(&ledger, "d2", "d4").unwrap();
    assert!(net.withdrawn.is_empty(), "{:?}", net.withdrawn);
    assert_eq!(titles(&net.changes), [("fix", "three".to_owned())]);
    // A way back that names what it takes out withdraws it.
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d1", "1", release(vec![]));
    ledger.deploy(10, "d2", "2", release(vec![two.clone()]));
    ledger.deploy(20, "d3", "1", release(vec![two]));
    let back = notes_of(&ledger, "d3");
    assert_eq!(titles(&back.withdrawn[0].changes), [("feature", "two".to_owned())]);
    assert!(back.changes.groups.is_empty());
}

/// V1 V2 V1 V2, whose records list their changes each time.
#[test]
fn what_runs_again_is_told_once() {
    let mut ledger = Ledger::default();
    let two = Extension {
        tickets: vec![ticket("PAY-2")],
        ..release(vec![commit("feat: two", "a")])
    };
    ledger.deploy(0, "d1", "1", release(vec![]));
    ledger.deploy(10, "d2", "2", two.clone());
    ledger.deploy(20, "d3", "1", release(vec![]));
    ledger.deploy(30, "d4", "2", two);
    let again = notes_of(&ledger, "d4");
    assert_eq!(titles(&again.reintroduced[0].changes), [("feature", "two".to_owned())]);
    assert!(again.changes.groups.is_empty(), "{:?}", again.changes);
    assert_eq!(again.summary[1], "1 change that had been withdrawn runs again.");
}

#[test]
fn what_did_not_succeed_says_so_first() {
    for (outcome, words) in [
        (Outcome::Failure, "failed on"),
        (Outcome::Error, "could not run on"),
        (Outcome::Cancel, "was cancelled on"),
    ] {
        let mut ledger = Ledger::default();
        ledger.deploy(0, "d1", "1", release(vec![]));
        ledger.start(10, "d2", "2", release(vec![commit("feat: two", "a")]));
        ledger.finish(12, "d2", "2", outcome);
        let notes = notes_of(&ledger, "d2");
        assert!(
            notes.summary[0].contains(words) && notes.summary[0].ends_with("1 kept running."),
            "{:?}",
            notes.summary
        );
        assert!(
            notes.summary[1].starts_with("It would have brought 1 change"),
            "{:?}",
            notes.summary
        );
    }
    let mut ledger = Ledger::default();
    ledger.start(10, "d2", "2", release(vec![]));
    assert!(notes_of(&ledger, "d2").summary[0].contains("no word of its end"));
}

#[test]
fn a_redeployment_invents_nothing() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d1", "1", release(vec![commit("feat: one", "a")]));
    ledger.deploy(10, "d2", "1", release(vec![]));
    let notes = notes_of(&ledger, "d2");
    assert!(
        notes.summary[1].starts_with("No functional changes (the same content"),
        "{:?}",
        notes.summary
    );
}

#[test]
fn a_removal_is_told_plainly() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d1", "1", release(vec![]));
    ledger.service(100, ServiceStep::Removed, None);
    let notes = notes(&ledger, Scope::Latest).unwrap();
    assert_eq!(notes.title, "payments removed from production");
    assert!(
        notes.summary[0].contains("It was 1, which had run for 1 h 37 min"),
        "{:?}",
        notes.summary
    );
}

#[test]
fn points_are_read_as_dates_entries_and_names() {
    let ledger = story();
    let by_time = range(&ledger, "2026-03-02", "2026-03-02T09:10:00Z").unwrap();
    assert_eq!(
        by_time.deployments.iter().map(|d| d.label.as_str()).collect::<Vec<_>>(),
        ["1.1.0"]
    );
    let by_name = range(&ledger, "1.1.0", "run-3").unwrap();
    assert_eq!(
        by_name.deployments.iter().map(|d| d.label.as_str()).collect::<Vec<_>>(),
        ["1.2.0"]
    );
    assert!(matches!(
        range(&ledger, "run-3", "run-2"),
        Err(DocumentError::Reversed { .. })
    ));
    assert!(matches!(
        range(&ledger, "nope", "run-2"),
        Err(DocumentError::UnknownDeployment { .. })
    ));
    assert!(matches!(range(&ledger, "", "run-2"), Err(DocumentError::Point(_))));
    assert!(matches!(range(&ledger, "#x", "run-2"), Err(DocumentError::Point(_))));
    let nothing = range(&ledger, "run-2", "run-2").unwrap();
    assert!(nothing.deployments.is_empty() && nothing.summary[0].starts_with("Nothing was deployed"));
    assert!(md(&nothing).contains("Nothing was deployed in this range."));
}

#[test]
fn what_is_not_there_is_an_error_that_says_so() {
    let empty = Ledger::default();
    assert!(matches!(
        notes(&empty, Scope::Latest),
        Err(DocumentError::NoDeployments { .. })
    ));
    let unknown = notes(&story(), Scope::Deployment("nope".parse().unwrap())).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "the ledger holds no deployment `nope` of payments to production"
    );
}

#[test]
fn the_latest_is_what_runs_and_what_is_queued_is_told_as_such() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d1", "1", release(vec![]));
    ledger.start(10, "d2", "2", release(vec![commit("feat: two", "a")]));
    let latest = notes(&ledger, Scope::Latest).unwrap();
    assert_eq!(latest.deployment.id, "d1");
    let unfinished = md(&notes_of(&ledger, "d2"));
    assert!(unfinished.contains("This deployment has not ended"), "{unfinished}");
    assert!(!unfinished.contains("did not succeed"), "{unfinished}");
    let since = Scope::Range {
        from: Point::parse("#0", Zone::UTC).unwrap(),
        to: Point::Now,
    };
    assert!(notes(&ledger, since).unwrap().deployments.is_empty());
    let early = range(&ledger, "2020-01-01", "2020-02-01").unwrap_err();
    assert_eq!(
        early.to_string(),
        "the ledger holds no deployment of payments to production until 2020-02-01T00:00:00.000Z, only later ones"
    );
    let entry = notes(&ledger, Scope::Deployment("#2".parse().unwrap())).unwrap();
    assert_eq!(entry.deployment.id, "d2");
}

#[test]
fn dates_are_in_the_zone_that_was_asked_for() {
    let ledger = story();
    let facts = Facts::fold(&ledger.records);
    let view = view(&ledger);
    let notes = release_notes::compose(&ReleaseNotesInput {
        request: Request {
            time_zone: Zone::parse("Asia/Kolkata").unwrap(),
            ..request(&view, release_notes::TEMPLATE)
        },
        service: &"payments".parse().unwrap(),
        environment: &"production".parse().unwrap(),
        scope: &Scope::Latest,
        facts: &facts,
        parameters: &Parameters::default(),
    });
    let text = md(&notes.unwrap());
    let times: Vec<&str> = text
        .match_indices("+05:30")
        .map(|(at, _)| &text[at - 17..at + 6])
        .collect();
    insta::assert_debug_snapshot!(times);
    assert!(text.contains("Times are in Asia/Kolkata, those"), "{text}");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    assert_eq!(md(&notes_of(&story(), "run-4")), md(&notes_of(&story(), "run-4")));
    assert_eq!(
        serde_json::to_vec(&notes_of(&story(), "run-2")).unwrap(),
        serde_json::to_vec(&notes_of(&story(), "run-2")).unwrap()
    );
}

#[test]
fn records_after_the_tree_size_do_not_change_older_notes() {
    let ledger = story();
    let older = Ledger {
        records: ledger.records[..9].to_vec(),
    };
    let notes = notes_of(&older, "run-2");
    assert!(notes.incidents.linked.is_empty());
    assert_eq!(notes.generated.ledger.tree_size, 9);
}

#[test]
fn an_organisation_can_change_one_block() {
    let ours = "{% extends 'builtin/release-notes.md' %}{% block title %}# ACME: {{ title }}\n{% endblock %}";
    let templates = Templates::with_overrides([(release_notes::TEMPLATE.to_owned(), ours.to_owned())].into()).unwrap();
    let text = templates
        .render(release_notes::TEMPLATE, &notes_of(&story(), "run-4"))
        .unwrap();
    assert!(text.starts_with("# ACME: payments rolled back"), "{text}");
    assert!(text.contains("## Withdrawn by this deployment"));
}

#[test]
fn one_incident_is_counted_once_in_a_range() {
    let says = |ledger: &Ledger, linked: usize, sentence: &str| {
        let notes = range(ledger, "1.0.0", "run-3").unwrap();
        assert_eq!(notes.incidents.linked.len(), linked);
        assert!(notes.summary.iter().any(|s| s == sentence), "{:?}", notes.summary);
    };
    let mut ledger = story();
    says(&ledger, 1, "1 incident is linked to it.");
    for record in &mut ledger.records {
        record.event.extension.remediates = None;
    }
    // Then both deployments are candidates.
    says(
        &ledger,
        2,
        "1 incident may be connected with it; nobody has confirmed that.",
    );
}

#[test]
fn tickets_without_a_page_get_the_declared_one() {
    let notes = notes_of(&story(), "run-2");
    let page = |id: &str| {
        let ticket = notes.changes.tickets.iter().find(|ticket| ticket.id == id);
        ticket.unwrap().url.as_deref()
    };
    assert_eq!(
        page("PAY-12"),
        Some("https://tickets.example/PAY-12"),
        "what came with the ticket"
    );
    assert_eq!(page("PAY-13"), Some("https://tickets.example/browse/PAY-13"));
    assert_eq!(
        notes.team.as_ref().map(|team| (team.name.as_str(), team.index)),
        Some(("Team Payments", 0))
    );
}

#[test]
fn what_is_written_about_a_deployment_stands_at_its_top_and_nowhere_else() {
    let mut ledger = story();
    highlight(&mut ledger, 500, "run-2", HighlightKind::Highlight, "Elsewhere.");
    let elsewhere = ledger.records.len() - 1;
    ledger.move_to(elsewhere, "staging");
    let all = notes_of(&ledger, "run-2");
    let texts = |list: &[release_notes::Highlight]| list.iter().map(|h| h.text.clone()).collect::<Vec<_>>();
    assert_eq!(
        texts(&all.highlights),
        ["Card refunds are here.", "Refunds arrive within a day."]
    );
    assert_eq!(texts(&all.actions_required), ["Tell the desk how to refund."]);
    assert_eq!(texts(&all.known_issues), ["Refunds of vouchers are rejected."]);
    let other = notes_of(&ledger, "run-3");
    assert!(other.highlights.is_empty() && other.actions_required.is_empty() && other.known_issues.is_empty());
    let both = range(&ledger, "1.0.0", "run-3").unwrap();
    assert_eq!(both.highlights.len(), 2);
}

#[test]
fn what_was_deployed_with_it_is_shown_with_the_reason() {
    let notes = notes_of(&busy(), "run-2");
    let shown: Vec<_> = notes
        .also_deployed
        .iter()
        .map(|row| (row.service.as_str(), row.reasons.clone(), row.words.join("; ")))
        .collect();
    assert_eq!(
        shown,
        [
            (
                "search",
                vec!["same_ticket", "same_run", "ended_near"],
                "same ticket PAY-12; same pipeline run; ended 12 min after".to_owned()
            ),
            ("mail", vec!["ended_near"], "ended 33 min before".to_owned()),
        ],
        "stock ended more than an hour before"
    );
    let over_a_range = range(&busy(), "1.0.0", "run-3").unwrap();
    let shown: Vec<_> = over_a_range
        .also_deployed
        .iter()
        .map(|row| (row.service.as_str(), row.reasons.clone()))
        .collect();
    assert_eq!(
        shown,
        [("search", vec!["same_ticket"])],
        "time says nothing over a range"
    );
}

#[test]
fn what_was_deployed_with_it_is_bounded_and_of_the_same_environment() {
    let mut ledger = busy();
    for number in 0..30 {
        elsewhere(&mut ledger, 10, &format!("part-{number:02}"), "1");
    }
    let from = ledger.records.len();
    elsewhere(&mut ledger, 3, "console", "1");
    ledger.move_to(from, "staging");
    let notes = notes_of(&ledger, "run-2");
    assert_eq!((notes.also_deployed.len(), notes.also_deployed_more), (20, 12));
    assert_eq!(
        notes.also_deployed[0].service.as_str(),
        "search",
        "a ticket says more than the time"
    );
    assert!(notes.also_deployed.iter().all(|row| row.service.as_str() != "console"));
    assert!(md(&notes).contains("12 more are not shown."));
}
