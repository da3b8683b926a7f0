//! A request for approval, and the answers to it: what an answer does not say is taken from what was said before.
//!
//! What opens something takes only from the request; what takes something back, from what it takes back: where that cannot be told, from
//! all that it may be.

use std::collections::HashSet;

use super::binding::Binding;
use super::{Answer, Approval, Origin, bound, origin};
use crate::domain::event::{Approval as ApprovalBody, ApprovalStep, Recorded};

/// What is known of a request before an answer.
#[derive(Default)]
pub(super) struct Request {
    requested_by: Option<String>,
    request: Option<Origin>,
    binding: Binding,
    /// Positions of the answers so far.
    answers: Vec<usize>,
}

impl Request {
    /// The closing of an approval repeats its last answer: that is one answer, and the first telling of it counts.
    pub(super) fn push(&mut self, approvals: &mut Vec<Approval>, answer: Approval) {
        let mut known = self.answers.iter().rev().map(|at| &approvals[*at]);
        let last = known.find(|known| known.person == answer.person);
        if last.is_none_or(|last| last.answer != answer.answer || last.binding != answer.binding) {
            self.answers.push(approvals.len());
            approvals.push(answer);
        }
    }

    /// Takes in an event about the request; gives the answer, where the event is one, once for each thing that it is about. Known are all
    /// answers so far, and `elsewhere` the positions of those to requests of the same id, whatever their source.
    pub(super) fn answer(
        &mut self,
        record: &Recorded,
        body: &ApprovalBody,
        known: &[Approval],
        elsewhere: &[usize],
    ) -> Vec<Approval> {
        let named = bound(record);
        let silent = !named.names_content();
        let binding = named.or(&self.binding);
        if body.step == ApprovalStep::Created {
            self.requested_by = person(record, body);
            self.request = Some(origin(record));
            self.binding = binding;
            return Vec::new();
        }
        let person = person(record, body);
        let Some(answer) = Answer::of(body) else {
            return Vec::new();
        };
        let mut about = vec![binding];
        if silent && answer.revokes() {
            // Whoever takes an answer back need not say again what it was about.
            let earlier = || self.answers.iter().rev().map(|at| &known[*at]);
            let own = earlier().find(|known| known.person == person);
            if let Some(last) = own.or_else(|| earlier().next()) {
                about = vec![about.remove(0).about(&last.binding)];
            } else if !about[0].names_content() {
                let there = elsewhere.iter().rev().map(|at| &known[*at]);
                about = standing(about.remove(0), there);
            }
        }
        let answers = about.into_iter().map(|binding| Approval {
            id: record.event.subject_id.clone(),
            origin: origin(record),
            person: person.clone(),
            answer,
            role: record.event.extension.role.clone(),
            requested_by: self.requested_by.clone(),
            request: self.request.clone(),
            note: record.event.extension.reason.clone(),
            details: body.details.clone(),
            binding,
        });
        answers.collect()
    }
}

/// What somebody takes back who says no more than the id of a request, and did not answer it before: all that still stands under that
/// id in the same place, since nothing tells which of it is meant. An id alone may be another request's, so the place must be the same,
/// too. Known are the answers under that id, newest first.
fn standing<'k>(silent: Binding, known: impl Iterator<Item = &'k Approval>) -> Vec<Binding> {
    let (mut seen, mut standing, mut newest) = (HashSet::new(), Vec::new(), None);
    for answer in known.filter(|answer| silent.is_of_place(&answer.binding)) {
        let about = silent.clone().about(&answer.binding);
        newest.get_or_insert_with(|| about.clone());
        // The last word about each thing says whether it stands.
        if seen.insert(about.clone()) && !answer.answer.revokes() {
            standing.push(about);
        }
    }
    if standing.is_empty() {
        standing.push(newest.unwrap_or(silent));
    }
    standing
}

/// Who asked or answered. CDEvents wants a URI there; `mailto:` only says that the rest is an address. What the service received from
/// another system names people in `actor`, as all that it received from there does.
fn person(record: &Recorded, body: &ApprovalBody) -> Option<String> {
    let actor = || record.event.extension.actor.as_ref().map(|a| a.id.clone());
    let named = body
        .person
        .as_deref()
        .map(|person| person.strip_prefix("mailto:").unwrap_or(person).to_owned());
    match &record.event.extension.received {
        Some(_) => actor().or(named),
        None => named.or_else(actor),
    }
}
