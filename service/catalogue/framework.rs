//! Frameworks: their requirements in our own words, and the checks whose results speak to each. They say how far that reaches, and
//! never hold the text of a standard.

use serde::{Deserialize, Serialize};

/// A standard, a law or a set of criteria.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Framework {
    /// Its id, by which a report is asked for.
    pub id: String,
    /// The edition that was mapped.
    pub version: String,
    /// Its name.
    pub title: String,
    /// Who publishes it.
    pub publisher: String,
    /// Where its controls can be had as an OSCAL catalogue, for the few that are public.
    pub control_source: Option<String>,
    /// Its requirements that a ledger of deployments can speak to.
    pub requirements: Vec<Requirement>,
}

impl Framework {
    /// All that people attest for its requirements.
    pub fn items(&self) -> impl Iterator<Item = &Manual> {
        self.requirements.iter().flat_map(|requirement| &requirement.manual)
    }
}

/// A requirement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Requirement {
    /// Its number in the framework.
    pub id: String,
    /// A paraphrase.
    pub title: String,
    /// Its id as a token of OSCAL.
    pub control: String,
    /// The checks that support it; none where only people can attest it.
    pub supported_by: Option<Support>,
    /// How far the checks reach.
    pub coverage: Coverage,
    /// What still counts as shown.
    pub tolerance: Tolerance,
    /// What people attest beside it.
    pub manual: Vec<Manual>,
    /// What the checks leave open.
    pub note: Option<String>,
}

/// How the results of several checks of one deployment become one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Support {
    /// All must pass.
    All(Vec<&'static str>),
    /// One is enough.
    Any(Vec<&'static str>),
    /// So many must pass.
    NOf {
        /// How many.
        n: usize,
        /// Of these.
        of: Vec<&'static str>,
    },
}

impl Support {
    /// The ids of the checks.
    pub fn checks(&self) -> &[&'static str] {
        match self {
            Self::All(checks) | Self::Any(checks) | Self::NOf { of: checks, .. } => checks,
        }
    }

    /// The rule in words.
    pub fn words(&self) -> String {
        let list = self.checks().join(", ");
        match self {
            Self::All(checks) if checks.len() == 1 => list,
            Self::All(_) => format!("all of {list}"),
            Self::Any(_) => format!("any of {list}"),
            Self::NOf { n, .. } => format!("{n} of {list}"),
        }
    }
}

/// How far the evidence of a ledger of deployments reaches for a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// Nothing else is needed.
    Full,
    /// A part of what it asks for.
    Partial,
    /// Something that helps to judge it.
    Supporting,
}

impl Coverage {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::Supporting => "supporting",
        }
    }
}

/// What still counts as shown, as shares of deployments.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// Largest share of failures among those that could be evaluated, from 0 to 1; 0 if absent.
    #[serde(default)]
    pub max_fail_rate: f64,
    /// Smallest share that could be evaluated among those that it applies to, from 0 to 1; 1 if absent.
    #[serde(default = "all")]
    pub min_evaluable: f64,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self {
            max_fail_rate: 0.0,
            min_evaluable: all(),
        }
    }
}

const fn all() -> f64 {
    1.0
}

/// Something that a person attests, because no check can see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manual {
    /// Its id within the framework.
    pub id: String,
    /// What is attested.
    pub title: String,
    /// How long an attestation counts, in days.
    pub valid_days: u32,
}
