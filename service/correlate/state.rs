//! From evidence and decisions to states and shares.
//!
//! The newest decision counts. A person settles an incident by confirming a deployment, or by saying that none caused it; an
//! event settles it by naming one. What is only suggested then needs no review any more.

use std::collections::HashMap;

use super::rules::Clue;
use super::{BACKGROUND_PER_HOUR, Candidate, LinkState, NoDeployment};
use crate::domain::link::{Decided, Verdict};

/// What people decided about one incident.
#[derive(Default)]
pub(super) struct Verdicts<'a> {
    /// By deployment, the newest.
    on: HashMap<u64, &'a Decided>,
    /// The newest that says that no deployment caused it.
    none: Option<&'a Decided>,
}

impl<'a> Verdicts<'a> {
    /// Adds a decision, in ledger order.
    pub(super) fn add(&mut self, decided: &'a Decided) {
        match decided.deployment {
            Some(deployment) => drop(self.on.insert(deployment, decided)),
            None => self.none = Some(decided),
        }
    }

    /// The newest about a deployment.
    pub(super) fn on(&self, deployment: u64) -> Option<&'a Decided> {
        self.on.get(&deployment).copied()
    }

    /// The deployments that something was decided about.
    pub(super) fn deployments(&self) -> impl Iterator<Item = u64> {
        self.on.keys().copied()
    }

    /// The states and shares of all that is shown, those that somebody spoke of first.
    pub(super) fn judge(&self, clues: Vec<Clue<'_>>) -> (Vec<Candidate>, NoDeployment) {
        // Confirming a deployment later takes back that there was none.
        let confirmed = self.on.values().filter(|decided| decided.verdict == Verdict::Confirmed);
        let confirmed = confirmed.map(|decided| decided.index).max();
        let none = self
            .none
            .filter(|none| confirmed.is_none_or(|index| index < none.index));
        let mut settled = none.is_some() || confirmed.is_some();
        let states: Vec<LinkState> = clues.iter().map(|clue| self.said(clue, none)).collect();
        settled |= states.iter().any(|state| state.is_established());
        let states: Vec<LinkState> = states
            .into_iter()
            .map(|state| match state {
                LinkState::Suggested if settled => LinkState::Superseded,
                state => state,
            })
            .collect();
        let (shares, share_of_none) = shares(&clues, &states, none.is_some());
        let mut candidates: Vec<Candidate> = clues
            .into_iter()
            .zip(states)
            .zip(shares)
            .map(|((clue, state), share)| Candidate {
                deployment: clue.deployment.id.clone(),
                index: clue.deployment.index,
                service: clue.deployment.service.clone(),
                environment: clue.deployment.environment.clone(),
                label: clue.deployment.label(),
                score: hundredths(clue.score),
                share: hundredths(share),
                reasons: clue.reasons,
                half_life: clue.half_life,
                state,
                decided: self.on(clue.deployment.index).cloned(),
            })
            .collect();
        // Stable: the strongest stay first among those of one kind.
        candidates.sort_by_key(|candidate| !candidate.state.is_established());
        let no_deployment = NoDeployment {
            share: hundredths(share_of_none),
            decided: none.cloned(),
        };
        (candidates, no_deployment)
    }

    /// The state of one link by itself.
    fn said(&self, clue: &Clue<'_>, none: Option<&Decided>) -> LinkState {
        let here = self.on(clue.deployment.index);
        // That none caused it is also said about this one, unless something was said about it later.
        let later = |decided: &&Decided| none.is_none_or(|none| none.index < decided.index);
        match (here.filter(later).map(|decided| decided.verdict), clue.explicit) {
            (Some(Verdict::Confirmed), _) => LinkState::Confirmed,
            (Some(Verdict::Rejected | Verdict::Disputed | Verdict::NoDeployment), true) => LinkState::Disputed,
            (Some(Verdict::Rejected | Verdict::Disputed | Verdict::NoDeployment), false) => LinkState::Rejected,
            (None, true) if none.is_some() => LinkState::Disputed,
            (None, true) => LinkState::Explicit,
            (None, false) if here.is_some_and(|decided| decided.verdict != Verdict::Confirmed) => LinkState::Rejected,
            (None, false) => LinkState::Suggested,
        }
    }
}

/// How the explanations share what there is to explain: settled links equally; else each by its weight, against incidents that
/// no deployment causes.
fn shares(clues: &[Clue<'_>], states: &[LinkState], none: bool) -> (Vec<f64>, f64) {
    let established = states.iter().filter(|state| state.is_established()).count();
    if established > 0 {
        let each = |state: &LinkState| {
            if state.is_established() {
                1.0 / established as f64
            } else {
                0.0
            }
        };
        return (states.iter().map(each).collect(), 0.0);
    }
    if none {
        return (vec![0.0; clues.len()], 1.0);
    }
    let weight = |(clue, state): (&Clue<'_>, &LinkState)| match state {
        LinkState::Rejected | LinkState::Disputed => 0.0,
        LinkState::Explicit | LinkState::Suggested | LinkState::Confirmed | LinkState::Superseded => clue.weight,
    };
    let weights: Vec<f64> = clues.iter().zip(states).map(weight).collect();
    let all = weights.iter().sum::<f64>() + BACKGROUND_PER_HOUR;
    let shares = weights.into_iter().map(|weight| weight / all).collect();
    (shares, BACKGROUND_PER_HOUR / all)
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
