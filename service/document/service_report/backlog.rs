//! Suggested links between incidents and deployments that wait for a person when a period ends, whenever their incidents began.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::metrics::ReviewBacklog;

/// Suggestions that nobody has looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Backlog {
    /// How many.
    pub suggestions: usize,
    /// How many of them are about incidents that began before the period.
    pub earlier: usize,
    /// The incidents that they are about.
    pub incidents: BTreeSet<u64>,
    /// Whether there are still older incidents, which were not looked at.
    pub more: bool,
}

impl Backlog {
    /// Adds those about some incidents of before the period.
    pub fn add_earlier(&mut self, found: &ReviewBacklog) {
        self.earlier += found.suggestions;
        self.add(found);
    }

    /// With those about some incidents of before the period.
    pub(super) fn with_earlier(mut self, found: &ReviewBacklog) -> Self {
        self.add_earlier(found);
        self
    }

    /// With those about the incidents of the period.
    pub(super) fn with(mut self, found: &ReviewBacklog) -> Self {
        self.add(found);
        self
    }

    fn add(&mut self, found: &ReviewBacklog) {
        self.suggestions += found.suggestions;
        self.incidents.extend(&found.incidents);
    }
}
