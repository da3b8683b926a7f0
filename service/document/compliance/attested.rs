//! What people attest for requirements that no check can see, as it stands at the end of the period. It never changes what the checks
//! come to, nor how far they reach.

use serde::Serialize;

use super::ComplianceInput;
use crate::catalogue::framework::{Framework, Manual};
use crate::domain::Instant;
use crate::domain::attestation::Attestation;
use crate::domain::words::when;

const DAY_MS: i64 = 86_400_000;

/// Something that people must attest, with what they did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ManualRow {
    /// What is asked for.
    #[serde(flatten)]
    pub asked: Manual,
    /// How that stands at the end of the period.
    pub state: ManualState,
    /// The same in words.
    pub says: String,
    /// What was attested for what the report is about, in ledger order.
    pub attestations: Vec<AttestationRow>,
}

/// How what people must attest stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ManualState {
    /// An attestation counts for all that the report is about.
    Attested,
    /// Attestations count for some services alone.
    Partly,
    /// All ran out before the end of the period.
    Expired,
    /// None counts, and the newest was taken back.
    Revoked,
    /// There is none.
    Missing,
}

/// An attestation as the report counts it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttestationRow {
    /// The attestation.
    #[serde(flatten)]
    pub made: Attestation,
    /// Until when it counts: as it says itself, or for as long as the catalogue lets it.
    pub counts_until: Instant,
    /// Whether it counts at the end of the period.
    pub counts: bool,
}

impl AttestationRow {
    fn of(made: &Attestation, asked: &Manual, end: Instant) -> Self {
        let longest = made.valid_from().plus_millis(i64::from(asked.valid_days) * DAY_MS);
        let counts_until = made.said.valid_until.min(longest);
        Self {
            // One that was taken back was wrong when it was made, as far as anybody can tell.
            counts: made.revoked.is_none() && counts_until >= end,
            counts_until,
            made: made.clone(),
        }
    }

    fn words(&self) -> String {
        let Attestation {
            by, made_at, service, ..
        } = &self.made;
        let of = service.as_ref().map(|service| format!(", for {service} alone"));
        let name = by.name.as_ref().unwrap_or(&by.id);
        format!(
            "attested by {name} at {}, until {}{}",
            when(*made_at),
            when(self.counts_until),
            of.unwrap_or_default()
        )
    }
}

/// What a framework wants attested by this, in a period.
pub(super) fn row(asked: &Manual, framework: &Framework, input: &ComplianceInput<'_>) -> ManualRow {
    let end = input.period.to;
    let meant = |made: &&Attestation| {
        made.said.framework == framework.id
            && made.said.item == asked.id
            && made.concerns(input.environment, input.service)
            && made.valid_from() < end
    };
    let found = input.facts.attestations.iter().filter(meant);
    let attestations: Vec<AttestationRow> = found.map(|made| AttestationRow::of(made, asked, end)).collect();
    let (state, says) = judge(&attestations, input);
    ManualRow {
        asked: asked.clone(),
        state,
        says,
        attestations,
    }
}

fn judge(attestations: &[AttestationRow], input: &ComplianceInput<'_>) -> (ManualState, String) {
    let whole = |row: &&AttestationRow| row.made.service.is_none() || row.made.service.as_ref() == input.service;
    let counting = || attestations.iter().filter(|row| row.counts);
    if let Some(row) = counting().rfind(whole) {
        return (ManualState::Attested, row.words());
    }
    let parts: Vec<String> = counting().map(AttestationRow::words).collect();
    if !parts.is_empty() {
        return (ManualState::Partly, parts.join("; "));
    }
    let Some(last) = attestations.last() else {
        return (ManualState::Missing, "no attestation recorded".to_owned());
    };
    match &last.made.revoked {
        Some(revoked) => {
            let says = format!("{}; taken back at {}", last.words(), when(revoked.at));
            (ManualState::Revoked, says)
        }
        None => {
            let says = format!("{}; that ran out before the end of the period", last.words());
            (ManualState::Expired, says)
        }
    }
}

/// What was attested for what the report is about and nobody asks for: of no framework of the catalogue, or of one that is reported on
/// and has no such item.
pub(super) fn unasked(input: &ComplianceInput<'_>) -> Vec<Attestation> {
    let asked = |made: &Attestation| {
        let reported = input.frameworks.iter().find(|found| found.id == made.said.framework);
        match reported {
            Some(framework) => framework.items().any(|item| item.id == made.said.item),
            None => input.catalogue.framework(&made.said.framework).is_some(),
        }
    };
    let found = input.facts.attestations.iter();
    let found = found.filter(|made| made.concerns(input.environment, input.service) && !asked(made));
    found.cloned().collect()
}
