//! What checks of deployments look at, and what several of them ask of it.

use super::parameters::Parameters;
use super::verdict::{Verdict, fail, not_applicable, not_evaluable};
use crate::domain::deployment::{Deployment, Status};
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

    /// Whether it is told to be the first record of what already ran, and nothing in the ledger ran there before.
    pub(super) fn is_baseline(&self) -> bool {
        let kind = self.deployment.kind;
        kind.said_at.is_some() && kind.kind == DeploymentKind::Baseline && self.deployment.lineage.replaces.is_none()
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

    /// What kind of deployment it is.
    pub(super) fn kind(&self) -> DeploymentKind {
        self.deployment.kind.kind
    }

    /// Evidence is absent: a failure where the organisation asks for it, else not evaluable.
    pub(super) fn absent(&self, check: &str, expected: impl Into<String>, found: &str) -> Verdict {
        let required = self.parameters.required.iter().any(|id| id == check);
        let verdict = if required { fail } else { not_evaluable };
        verdict(expected, found, vec![self.start_entry()])
    }
}
