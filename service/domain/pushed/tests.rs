//! Ways from one commit to the next through pushes, and what is said where there is none.

use super::*;
use crate::domain::event::Push as Told;
use crate::domain::extension::{DeploymentKind, Received};
use crate::domain::fixture::Ledger;

const REPOSITORY: &str = "https://github.com/acme/payments";

/// A commit called after a letter.
fn id(name: &str) -> String {
    let hex: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex:0<40}")
}

fn listed(name: &str) -> Commit {
    Commit {
        id: id(name),
        message: format!("feat: {name}"),
        author: Some("ann".to_owned()),
        committed_at: None,
        merge: None,
    }
}

fn from_github(extension: Extension) -> Extension {
    let received = Received {
        from: "github".to_owned(),
        event: "push".to_owned(),
        delivery: "1".to_owned(),
        body: None,
        body_not_kept: None,
    };
    Extension {
        received: Some(received),
        repository: Some(REPOSITORY.to_owned()),
        ..extension
    }
}

/// A push: from, to, and what it lists.
fn push(ledger: &mut Ledger, before: Option<&str>, after: &str, names: &[&str]) -> u64 {
    let told = Told {
        before: before.map(id),
        after: Some(id(after)),
        forced: false,
    };
    let record = ledger.add(0, "github-push.received", "refs/heads/main", Body::Push(told));
    record.event.extension = from_github(Extension {
        commits: names.iter().map(|name| listed(name)).collect(),
        ..Extension::default()
    });
    record.index
}

fn force(ledger: &mut Ledger, index: u64) {
    let Body::Push(told) = &mut ledger.records[index as usize].event.body else {
        panic!()
    };
    told.forced = true;
}

fn merged(ledger: &mut Ledger, number: &str, commit: &str) -> u64 {
    let body = Body::Change {
        step: ChangeStep::Merged,
        description: None,
        repository: None,
    };
    let request = PullRequest {
        merge_commit: Some(id(commit)),
        ..crate::domain::fixture::pull_request(number, "Pay by card")
    };
    let record = ledger.add(0, "change.merged", number, body);
    record.event.extension = from_github(Extension {
        pull_requests: vec![request],
        ..Extension::default()
    });
    record.index
}

/// A deployment of a commit, as GitHub's own events tell of it.
fn deploy(ledger: &mut Ledger, name: &str) {
    let extension = Extension {
        commit: Some(id(name)),
        repository: Some(format!("{REPOSITORY}.git")),
        ..Extension::default()
    };
    let attempt = format!("deployment {}", ledger.records.len());
    ledger.deploy(0, &attempt, name, extension);
}

fn names(deployment: &Deployment) -> Vec<String> {
    let messages = deployment.commits.iter();
    messages.map(|said| said.value.message.replace("feat: ", "")).collect()
}

/// The commits of the last deployment, and why there may be more.
fn told(ledger: &Ledger) -> (Vec<String>, Option<Gap>) {
    let deployments = ledger.deployments();
    let last = deployments.last().unwrap();
    (names(last), last.gap().cloned())
}

#[test]
fn the_pushes_since_what_ran_before_are_what_a_deployment_brought() {
    let mut ledger = Ledger::default();
    push(&mut ledger, None, "a", &["a"]);
    deploy(&mut ledger, "a");
    let first = push(&mut ledger, Some("a"), "c", &["b", "c"]);
    let request = merged(&mut ledger, "7", "c");
    // A branch that was pushed before it came in, and a tag, lead nowhere.
    push(&mut ledger, None, "e", &["d", "e"]);
    let second = push(&mut ledger, Some("c"), "e", &["d", "e"]);
    push(&mut ledger, None, "e", &[]);
    deploy(&mut ledger, "e");
    let deployments = ledger.deployments();
    let [before, last] = &deployments[..] else { panic!() };
    assert_eq!(
        (names(before), &before.change_set),
        (vec![], &None),
        "nothing ran before"
    );
    assert_eq!(names(last), ["b", "c", "d", "e"]);
    let said: Vec<u64> = last.commits.iter().map(|said| said.index).collect();
    assert_eq!(said, [first, first, second, second]);
    let set = ChangeSet {
        since: Some(id("a")),
        gap: None,
    };
    assert_eq!(last.change_set, Some(set));
    let [said] = &last.pull_requests[..] else { panic!() };
    assert_eq!((said.value.id.as_str(), said.index), ("7", request));
}

#[test]
fn where_the_way_has_a_gap_it_is_said_and_nothing_is_guessed() {
    let mut ledger = Ledger::default();
    push(&mut ledger, None, "a", &["a"]);
    deploy(&mut ledger, "a");
    // What led from a to b was never recorded.
    push(&mut ledger, Some("b"), "c", &["c"]);
    deploy(&mut ledger, "c");
    assert_eq!(told(&ledger), (vec!["c".to_owned()], Some(Gap::Hole(id("a")))));
    // It came after all, as a delivery that was sent again.
    push(&mut ledger, Some("a"), "b", &["b"]);
    assert_eq!(told(&ledger), (vec!["b".to_owned(), "c".to_owned()], None));

    let forced = push(&mut ledger, Some("c"), "d", &["d"]);
    force(&mut ledger, forced);
    deploy(&mut ledger, "d");
    assert_eq!(told(&ledger), (vec!["d".to_owned()], Some(Gap::Forced(forced))));

    let cut = push(&mut ledger, Some("d"), "e", &["e"]);
    ledger.records[cut as usize].event.extension.commits_left_out = Some(9);
    deploy(&mut ledger, "e");
    assert_eq!(told(&ledger), (vec!["e".to_owned()], Some(Gap::Cut(cut))));

    let whole = push(&mut ledger, Some("e"), "h", &["f", "g", "h"]);
    deploy(&mut ledger, "g");
    let to_g = vec!["f".to_owned(), "g".to_owned()];
    assert_eq!(told(&ledger), (to_g, Some(Gap::Within(whole))));
    deploy(&mut ledger, "h");
    assert_eq!(told(&ledger), (vec!["h".to_owned()], Some(Gap::Within(whole))));
}

#[test]
fn going_back_brings_nothing_and_neither_does_what_no_push_brought() {
    let mut ledger = Ledger::default();
    push(&mut ledger, None, "a", &["a"]);
    deploy(&mut ledger, "a");
    push(&mut ledger, Some("a"), "b", &["b"]);
    push(&mut ledger, Some("b"), "c", &["c"]);
    deploy(&mut ledger, "c");
    deploy(&mut ledger, "a");
    let back = ledger.deployments().pop().unwrap();
    assert_eq!(back.kind.kind, DeploymentKind::Rollback);
    assert_eq!((names(&back), back.change_set), (vec![], None));
    // A commit between the two ran here never: what came before it is no news.
    deploy(&mut ledger, "c");
    deploy(&mut ledger, "b");
    assert_eq!(told(&ledger), (vec![], Some(Gap::Hole(id("c")))));
    deploy(&mut ledger, "x");
    assert_eq!(
        told(&ledger),
        (vec![], None),
        "no push is known, so there is nothing to tell"
    );
}

#[test]
fn only_pushes_that_github_delivered_count_and_only_of_the_same_repository() {
    for change in ["sender", "repository"] {
        let mut ledger = Ledger::default();
        push(&mut ledger, None, "a", &["a"]);
        deploy(&mut ledger, "a");
        let forged = push(&mut ledger, Some("a"), "b", &["b"]);
        let extension = &mut ledger.records[forged as usize].event.extension;
        match change {
            "sender" => extension.received = None,
            _ => extension.repository = Some("https://github.com/acme/search".to_owned()),
        }
        deploy(&mut ledger, "b");
        assert_eq!(told(&ledger), (vec![], None), "{change}");
    }
}

#[test]
fn the_commit_that_merges_a_request_is_told_from_its_own_commits() {
    let mut ledger = Ledger::default();
    push(&mut ledger, None, "a", &["a"]);
    deploy(&mut ledger, "a");
    let merge = push(&mut ledger, Some("a"), "c", &["b", "c"]);
    merged(&mut ledger, "7", "c");
    let alone = push(&mut ledger, Some("c"), "d", &["d"]);
    merged(&mut ledger, "8", "d");
    for (index, number) in [(merge, 7), (alone, 8)] {
        let commits = &mut ledger.records[index as usize].event.extension.commits;
        commits.last_mut().unwrap().message = format!("Merge pull request #{number} from acme/cards");
    }
    deploy(&mut ledger, "d");
    let last = ledger.deployments().pop().unwrap();
    let merges: Vec<Option<bool>> = last.commits.iter().map(|said| said.value.merge).collect();
    assert_eq!(merges, [None, Some(true), None], "what comes alone may be anything");
}

#[test]
fn a_way_back_to_nowhere_costs_no_more_than_what_came_since() {
    let mut ledger = Ledger::default();
    for number in 0..200 {
        push(
            &mut ledger,
            Some(&number.to_string()),
            &(number + 1).to_string(),
            &[&(number + 1).to_string()],
        );
    }
    // A repair on a branch of its own, then the main line again.
    push(&mut ledger, None, "fix", &["fix"]);
    deploy(&mut ledger, "fix");
    push(&mut ledger, Some("200"), "201", &["201"]);
    deploy(&mut ledger, "201");
    let deployments = ledger.deployments();
    let mut last = deployments[1].clone();
    assert_eq!(told(&ledger), (vec!["201".to_owned()], Some(Gap::Hole(id("fix")))));
    (last.commits, last.change_set) = (Vec::new(), None);
    let mut pushes = Pushes::default();
    pushes.add(&ledger.records);
    assert!(pushes.sought(&last, &deployments).len() < 50);
}
