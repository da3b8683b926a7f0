//! What checks of deployments look at, and what several of them ask of it.

use super::parameters::Parameters;
use super::person::{Likeness, compare_since};
use super::verdict::{Verdict, fail, not_applicable, not_evaluable};
use crate::domain::alias::Owner;
use crate::domain::deployment::{Deployment, Effect, Status};
use crate::domain::extension::DeploymentKind;
use crate::domain::facts::Facts;
use crate::domain::incident::Incident;
use crate::domain::words::{span, when};
use crate::domain::{Instant, Outcome};

/// What a check looks at: one deployment attempt among the facts of the reading.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The deployment.
    pub deployment: &'a Deployment,
    /// All facts: the same service elsewhere, evidence, incidents.
    pub facts: &'a Facts,
    /// Incidents that an event explicitly links to the deployment.
    pub incidents: &'a [&'a Incident],
    /// Numbers.
    pub parameters: &'a Parameters,
}

impl Subject<'_> {
    /// "Before the deployment" means by claim *and* by ledger order.
    pub(super) fn before(&self, index: u64, occurred_at: Instant) -> bool {
        self.deployment.starts_after(index, occurred_at)
    }

    /// Why something did not come before, in words.
    pub(super) fn not_before(&self, index: u64, occurred_at: Instant) -> String {
        let start = self.deployment.start_at();
        let late = occurred_at.millis_since(start);
        match (late >= 0, index > self.deployment.start_index()) {
            (true, _) => format!("at {}, {} after the start", when(occurred_at), span(late)),
            (false, true) => {
                format!(
                    "for {}, but it was recorded only after the start was",
                    when(occurred_at)
                )
            }
            (false, false) => format!("at {}, together with the start", when(occurred_at)),
        }
    }

    /// Whether it is told to be the first record of what already ran, and nothing in the ledger ever ran there before.
    pub(super) fn is_baseline(&self) -> bool {
        self.deployment.kind.said_at.is_some() && self.kind() == DeploymentKind::Baseline
    }

    /// Checks of what must come before a start do not concern what never started, or ran before the ledger began.
    pub(super) fn never_started(&self) -> Option<Verdict> {
        let deployment = self.deployment;
        let not_begun = deployment.started().is_none()
            && (deployment.status() == Status::Queued || deployment.outcome() == Some(Outcome::Cancel));
        if not_begun {
            Some(not_applicable("the deployment never started", deployment.indexes()))
        } else if self.is_baseline() {
            Some(not_applicable(
                "recorded as what ran before the ledger began",
                deployment.indexes(),
            ))
        } else {
            None
        }
    }

    /// Entry of the start, or the first about the deployment.
    pub(super) fn start_entry(&self) -> u64 {
        self.deployment.start_index()
    }

    /// What kind of deployment it is, as far as the ledger bears out what its producer says: a word of theirs excuses nothing.
    pub(super) fn kind(&self) -> DeploymentKind {
        let (deployment, claimed) = (self.deployment, self.deployment.kind);
        let borne_out = match (claimed.kind, claimed.said_at) {
            (_, None) => true,
            (DeploymentKind::Emergency, Some(said_at)) => said_at <= self.start_entry(),
            (DeploymentKind::Baseline, Some(_)) => !self.ran_before(),
            (DeploymentKind::Rollback, Some(_)) => deployment.lineage.returns_to.is_some(),
            (DeploymentKind::Redeploy, Some(_)) => self.is_again(),
            (DeploymentKind::Standard | DeploymentKind::Normal | DeploymentKind::Hotfix, Some(_)) => true,
        };
        if borne_out {
            claimed.kind
        } else {
            DeploymentKind::Normal
        }
    }

    /// Whether what it puts in place ran there before, so that nobody wrote anything for it.
    pub(super) fn brings_nothing_new(&self) -> bool {
        let removes = self.deployment.effect == Effect::Removes;
        removes || self.deployment.lineage.returns_to.is_some() || self.is_again()
    }

    /// Whether the same content ran there until then.
    fn is_again(&self) -> bool {
        let replaced = self.deployment.lineage.replaces;
        let replaced = replaced.and_then(|index| self.facts.deployment(index));
        replaced.is_some_and(|replaced| replaced.same_content(self.deployment))
    }

    /// Whether anything succeeded there before.
    fn ran_before(&self) -> bool {
        let here = |other: &Deployment| {
            other.environment == self.deployment.environment
                && other.index != self.deployment.index
                && other.order() < self.deployment.order()
        };
        let mut others = self.facts.of_service(&self.deployment.service);
        self.deployment.lineage.replaces.is_some() || others.any(|other| here(other) && other.succeeded())
    }

    /// What is known of two names, as of the start.
    pub(super) fn likeness(&self, one: &str, other: &str) -> Likeness {
        let at = self.deployment.start_at();
        compare_since(&self.facts.aliases, one, other, at, self.start_entry())
    }

    /// Whether a name is a declared person's at the start.
    pub(super) fn is_declared(&self, name: &str) -> bool {
        self.facts.aliases.owner(name, self.deployment.start_at()) != Owner::Undeclared
    }

    /// Evidence is absent: a failure where the organisation asks for it, else not evaluable.
    pub(super) fn absent(&self, check: &str, expected: impl Into<String>, found: &str) -> Verdict {
        let required = self.parameters.required.iter().any(|id| id == check);
        let verdict = if required { fail } else { not_evaluable };
        verdict(expected, found, vec![self.start_entry()])
    }
}
