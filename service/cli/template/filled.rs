//! Fills what sample contexts leave open: a member that is empty cannot be tried with hostile text, and a template that lets it
//! become markup would pass.
//!
//! What a member looks like is learned from the other contexts of the same template, by its place; what the story never has
//! stands in a table, by its name. Nothing that is there is changed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::sample::Sample;
use crate::document::release_notes::TEMPLATE;

/// The contexts with every list and text filled.
pub(super) fn filled(samples: &[Sample]) -> Vec<Sample> {
    let whole = |(template, context): &'_ Sample| (*template == TEMPLATE).then(|| context["deployment"].clone());
    let deployment = samples.iter().find_map(whole);
    let unseen = unseen(&deployment.unwrap_or_default());
    let mut known: BTreeMap<&str, Known> = BTreeMap::new();
    for (template, context) in samples {
        known.entry(template).or_default().learn(context, "");
    }
    let fill = |(template, context): &Sample| {
        let mut context = context.clone();
        if let Some(known) = known.get(template) {
            known.fill(&mut context, "", &unseen);
        }
        (*template, context)
    };
    samples.iter().map(fill).collect()
}

/// What stands at a place, that is a JSON pointer with `*` for positions in lists, and which members it has.
#[derive(Default)]
struct Known {
    values: BTreeMap<String, Value>,
    members: BTreeMap<String, BTreeSet<String>>,
}

impl Known {
    fn learn(&mut self, value: &Value, place: &str) {
        if is_open(value) {
            return;
        }
        if !self.values.contains_key(place) {
            self.values.insert(place.to_owned(), value.clone());
        }
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.learn(item, &format!("{place}/*"))),
            Value::Object(members) => {
                for (name, member) in members {
                    let known = self.members.entry(place.to_owned()).or_default();
                    known.insert(name.clone());
                    self.learn(member, &format!("{place}/{name}"));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn fill(&self, value: &mut Value, place: &str, unseen: &Value) {
        if is_open(value) {
            let mut cuts = place.rmatch_indices('/').map(|(at, _)| &place[at + 1..]);
            let (name, longer) = (cuts.next(), cuts.next());
            let told = [longer, name].into_iter().flatten().find_map(|name| unseen.get(name));
            if let Some(seen) = self.values.get(place).or(told) {
                value.clone_from(seen);
            }
        }
        match value {
            Value::Array(items) => {
                let place = format!("{place}/*");
                items.iter_mut().for_each(|item| self.fill(item, &place, unseen));
            }
            Value::Object(members) => {
                // A member that is left out where there is nothing to say.
                for name in self.members.get(place).into_iter().flatten() {
                    members.entry(name.as_str()).or_insert(Value::Null);
                }
                for (name, member) in members {
                    self.fill(member, &format!("{place}/{name}"), unseen);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// Whether there is nothing to try.
fn is_open(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// What the story leaves open, by the name of a member, or of the one around it too where a name stands for two things.
fn unseen(deployment: &Value) -> Value {
    let at = json!({ "at": "2026-06-01T08:00:00Z", "index": 7 });
    let change = json!({ "title": "Pay by card", "scope": "till", "breaking": true, "breaking_note": "Use /v2.", "commits": ["c0ffee00"],
        "pull_requests": [{ "id": "#7", "title": "Pay by card", "url": "https://git.example/7" }],
        "tickets": [{ "id": "PAY-7", "title": "Cards", "url": "https://tickets.example/PAY-7" }], "authors": ["ann"], "indexes": [7] });
    let changes = json!({ "total": 1, "shown": 1, "groups": [{ "key": "breaking", "title": "Breaking changes", "entries": [change] }],
        "maintenance": [{ "key": "chore", "words": "chore", "count": 1 }], "maintenance_total": 1, "cancelled": 0, "duplicates": 0,
        "dependencies": [{ "name": "openssl", "from": "3.0", "to": "3.4", "indexes": [7] }], "tickets": change["tickets"] });
    let old = json!([{ "label": "1.1.0", "index": 7, "finished_at": at["at"], "changes": changes }]);
    let text = json!([{ "text": "Tell the desk.", "index": 7 }]);
    let link = json!({ "deployment": "1.1.0", "index": 7, "state": "confirmed", "score": 0.9, "reasons": ["artifact_match"], "words": ["the same artifact"] });
    let incident = json!({ "id": "INC-7", "indexes": [7], "description": "Cards are refused.", "severity": "high", "began_at": at["at"],
        "began_by": "detected", "resolved_at": at["at"], "ticket": "https://tickets.example/INC-7", "link": link });
    let act = json!([{ "index": 7, "recorded_at": at["at"], "did": "asked for a report", "by": "smith" }]);
    let end = json!({ "at": at["at"], "index": 7, "reason": "No longer needed." });
    let rows = json!([deployment]);
    let told = json!([{ "service": "shop", "label": "1.1.0", "text": "Tell the desk.", "index": 7 }]);
    let mut unseen = json!({
        "actions_required": text, "highlights": text, "known_issues": text,
        "reintroduced": old, "withdrawn": old, "breaking_note": change["breaking_note"], "commits": change["commits"],
        "changes/dependencies": changes["dependencies"], "changes/maintenance": changes["maintenance"],
        "came_and_went": rows, "next": rows, "stability/rollbacks": rows, "stability/hotfixes": rows,
        "outlook/next": [{ "label": "1.2.0", "index": 7, "status": "queued", "at": at["at"] }],
        "outlook/merged": [{ "id": "7", "title": "Pay by card", "url": "https://git.example/7", "merged_at": at["at"], "index": 7 }],
        "outlook/planned": at, "outlook/in_window": { "open": false, "found": "The year ends." },
        "shipped/highlights": told, "shipped/actions_required": told, "shipped/known_issues": told,
        "late": [{ "deployment": deployment, "found": "recorded two days later" }],
        "also_deployed": [{ "service": "search", "label": "7.3.0", "ended": "succeeded", "finished_at": at["at"], "reasons": ["same_ticket"],
            "words": ["same ticket PAY-7"], "index": 7 }],
        "linked": [incident], "stability/other_incidents": [incident], "stability/earlier_incidents": [incident], "link": link,
        "still_failing": [{ "deployment": deployment, "in_rate": true, "certain": true, "incidents": [incident], "recovery_ms": 60_000, "open_for_ms": 60_000 }],
        "replaced_by": { "index": 7, "label": "1.2.0", "finished_at": at["at"], "ran_for_ms": 60_000, "went_back": true, "removes": false },
        "rollout": [{ "at": at["at"], "index": 7, "share_percent": 10, "strategy": "canary" }],
        "breaking": [{ "service": "shop", "label": "1.1.0", "change": change }],
    });
    let of_reports = json!({
        "control/late": [7],
        "counted_elsewhere": [{ "deployment": deployment, "claims": "a day before the period", "start_recorded_at": at["at"],
            "recorded": [7], "failed": ["DL-POP-4"] }],
        "overrides": [{ "index": 7, "recorded_at": at["at"], "service": "shop", "artifact": "pkg:oci/shop", "asked_by": "ann",
            "said": { "decision": "deny", "catalogue_sha256": "00ff", "override_reason": "users are hurt", "question": 7 } }],
        "against_gate": [{ "deployment": deployment, "answer": { "index": 7, "recorded_at": at["at"], "asked_by": "ann",
            "said": { "decision": "deny", "checks": [{ "id": "DL-TST-1", "result": "fail", "text": "e2e failed" }],
                "override_reason": "users are hurt", "question": 7 } } }],
        "aliases": [{ "index": 7, "person": "ann", "names": ["a.lee"], "not": ["anna"], "roles": [{ "role": "manager", "services": ["shop"] }],
            "from": at["at"], "until": at["at"], "recorded_at": at["at"], "recorded_after": true, "producer": "hr",
            "by": { "id": "ann", "name": "Ann", "kind": "human" } }],
        "parts": [{ "found": "undocumented of shop", "evidence": [7], "exception": { "id": "EX-7", "index": 7 } }],
        "reviews": [{ "person": "ann", "at": at["at"], "outcome": "Cards work again.", "index": 7 }],
        "sequences": [{ "source": "ci", "series": "runs", "first": 1, "last": 9, "missing": 1, "gaps": [{ "from": 4, "to": 4, "after": 7 }] }],
        "silent_sources": [{ "source": "ci", "last": at, "expected_within_ms": 60_000 }],
        "seen": { "first": at, "last": at, "gone": at },
        "closed": { "at": at["at"], "index": 7, "how": "resolved" },
        "keys": [{ "name": "ci", "key": "00ff", "scope": {}, "may_sign": "all", "registered_at": at["at"], "registered": 7,
            "valid_from": at["at"], "valid_until": at["at"], "revoked": [7] }],
        "acts": act, "questions": act, "consistency": ["00ff"], "hashes": ["00ff"], "consistent": true,
        "scopes": [{ "framework": "pci-dss", "services": ["shop"], "environments": ["production"], "from": at["at"], "to": at["at"] }], "scope": { "services": ["shop"] },
        "revoked": end, "replaced": end, "by": { "id": "ann", "name": "Ann", "kind": "human" },
        "open": [{ "deployment": 7, "age_ms": 60_000, "certain": true }], "recoveries": [{ "deployment": 7, "recovery_ms": 60_000, "certain": true }],
        "*/until": at["at"], "*/outcome": "Cards work again.", "deployment/impact": "None expected.", "deployment/planned": true,
        "deployment/reason": "Pay by card", "deployment/downtime": { "planned_minutes": 0, "actual_minutes": 2 },
        "deployment/risk": { "level": "medium", "text": "Cards may be charged twice." }, "deployment/run_url": "https://ci.example/7",
        "team": "Team Shop", "service": "shop", "environment": "production", "services": ["shop"], "sha256": "00ff", "digest": "sha256:00ff",
        "url": "https://ci.example/7",
    });
    let index = [
        "baselines",
        "cancelled",
        "deployments",
        "disputed",
        "incidents",
        "indexes",
        "negative",
        "negative_deployments",
        "no_deployment",
        "outside",
        "over_before_end",
        "redeploys",
        "rollbacks",
        "unattributed",
        "without_request",
        "without_start",
        "without_time_deployments",
    ];
    let millis = [
        "median_ms",
        "p75_ms",
        "p90_ms",
        "oldest_open_ms",
        "open_for_ms",
        "recovery_ms",
    ];
    if let (Some(members), Value::Object(more)) = (unseen.as_object_mut(), of_reports) {
        members.extend(more);
        members.extend(index.map(|name| (name.to_owned(), json!([7]))));
        members.extend(millis.map(|name| (name.to_owned(), json!(60_000))));
    }
    unseen
}
