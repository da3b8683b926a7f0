//! Documents: what the ledger says, arranged for readers, as a context that templates render.
//!
//! Pure. A document is a function of the facts below a tree size, the query, the time zone, the template and the
//! version of this program; it prints all of them, and nothing else enters, not even the time of its making. Every
//! row cites the indexes of the entries that it rests on.

mod assurance;
pub mod audience;
mod changes;
pub mod compliance;
pub mod release_notes;
mod rows;
pub mod sample;
pub mod service_report;

use std::collections::HashMap;

use serde::Serialize;

use crate::correlate::{self, Candidate, Correlator};
use crate::domain::facts::Facts;
use crate::domain::incident::Incident;
use crate::domain::parse::MAX_ITEMS;
use crate::domain::{EnvironmentName, Instant, Period, ServiceName, Zone};

/// Most erased entries that are named in sentences; the JSON form names all.
const ERASED_NOTES: usize = 20;

/// Version of the JSON contexts; raised when a member changes its meaning or goes away. Since 2 a `score` is from 0 to 1.
pub const CONTEXT_VERSION: u32 = 2;

/// The state of the ledger that a document speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerView {
    /// Name of the log.
    pub origin: String,
    /// Number of entries; the document knows those below it.
    pub tree_size: u64,
    /// Root hash at that size.
    pub root: String,
    /// The signed checkpoint, as its text.
    pub checkpoint: String,
    /// Entries below that size whose content was destroyed, before or after it was reached.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub erased: Vec<ErasedEntry>,
}

/// An entry whose content was destroyed: nothing of what it said can be in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErasedEntry {
    /// Its index.
    pub index: u64,
    /// Index of the entry that records the erasure.
    pub erased_by: u64,
    /// Why, from a closed list.
    pub reason: String,
}

impl LedgerView {
    /// One sentence for each erased entry. What it was about is not known any more, so it may have mattered to any document.
    fn erased_notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = self
            .erased
            .iter()
            .take(ERASED_NOTES)
            .map(|entry| {
                format!(
                    "Entry {} was erased by entry {} ({}). What it said is not in this document, whatever it was about.",
                    entry.index, entry.erased_by, entry.reason
                )
            })
            .collect();
        if self.erased.len() > ERASED_NOTES {
            notes.push(format!(
                "{} more entries were erased; all are in the JSON form of this document.",
                self.erased.len() - ERASED_NOTES
            ));
        }
        notes
    }
}

/// What every document is asked with.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The state of the ledger.
    pub ledger: &'a LedgerView,
    /// The question in the words in which it was asked: a command or a URL.
    pub query: &'a str,
    /// The zone of all dates.
    pub time_zone: Zone,
    /// Name of the template that will render it.
    pub template: &'a str,
    /// SHA-256 of the template, in hex.
    pub template_sha256: &'a str,
    /// SHA-256 of the catalogue that says which numbers checks use, in hex.
    pub catalogue_sha256: &'a str,
}

/// What a document was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Generated {
    /// The state of the ledger.
    pub ledger: LedgerView,
    /// The question, verbatim.
    pub query: String,
    /// The zone of all dates.
    pub time_zone: Zone,
    /// The template.
    pub template: TemplateRef,
    /// The checks and the files of the catalogue; see `templates/README.md` for what its digest covers.
    pub catalogue: CatalogueRef,
    /// The program.
    pub tool: Tool,
}

impl Generated {
    /// Without what was erased and why, which is not for everybody.
    fn without_erasures(mut self) -> Self {
        self.ledger.erased.clear();
        self
    }
}

/// A catalogue by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CatalogueRef {
    /// SHA-256 in hex.
    pub sha256: String,
}

/// A template by name and digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TemplateRef {
    /// Its name.
    pub name: String,
    /// SHA-256 in hex; see `templates/README.md` for what it covers.
    pub sha256: String,
}

/// The program that made a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The rules that suggest which deployment caused an incident.
    pub correlation: &'static str,
}

/// Why a document cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The ledger knows no deployment of the service to the environment.
    #[error("the ledger holds no deployment of {service} to {environment}")]
    NoDeployments {
        service: ServiceName,
        environment: EnvironmentName,
    },
    /// The ledger knows some, and none as early as that.
    #[error("the ledger holds no deployment of {service} to {environment} until {to}, only later ones")]
    NoneUntil {
        to: String,
        service: ServiceName,
        environment: EnvironmentName,
    },
    /// No such deployment there.
    #[error("the ledger holds no deployment `{deployment}` of {service} to {environment}")]
    UnknownDeployment {
        deployment: String,
        service: ServiceName,
        environment: EnvironmentName,
    },
    /// A period that ends before it begins.
    #[error("the range ends before it begins: {from} is after {to}")]
    Reversed { from: String, to: String },
    /// A point in time or history that cannot be read.
    #[error(
        "`{0}` is neither a date, a date and time with a zone, an entry such as `#12`, nor a deployment or version"
    )]
    Point(String),
    /// The seed of a sample is no key of HMAC.
    #[error("the seed cannot be used: {0}")]
    Seed(String),
    /// A sample of more items than an entry can name.
    #[error("the sample has {items} items; at most {MAX_ITEMS} can be issued, so draw fewer kinds in full")]
    SampleTooLarge { items: usize },
    /// What a sample rests on was not handed over with its proof: nothing is left out of a sample in silence.
    #[error("entry {index} of the sample has no {what}")]
    SampleGap { index: u64, what: &'static str },
    /// The table of the population cannot be written.
    #[error("the table cannot be written: {0}")]
    Table(String),
}

impl Request<'_> {
    fn generated(&self) -> Generated {
        Generated {
            ledger: self.ledger.clone(),
            query: self.query.to_owned(),
            time_zone: self.time_zone,
            template: TemplateRef {
                name: self.template.to_owned(),
                sha256: self.template_sha256.to_owned(),
            },
            catalogue: CatalogueRef {
                sha256: self.catalogue_sha256.to_owned(),
            },
            tool: Tool {
                name: env!("CARGO_PKG_NAME"),
                version: env!("CARGO_PKG_VERSION"),
                correlation: correlate::ALGORITHM,
            },
        }
    }
}

/// That a period is not over in the ledger, or has not begun: what is said of it is not the last word.
fn open_period(period: &Period, recorded_until: Option<Instant>) -> Option<String> {
    let Some(until) = recorded_until else {
        return Some("The ledger is empty.".to_owned());
    };
    let state = match until {
        until if until >= period.to => return None,
        until if until < period.from => "has not begun",
        _ => "is not over",
    };
    let newest = period.zone.to_the_minute(until);
    Some(format!(
        "The period {state} in the ledger, whose newest entry is of {newest}."
    ))
}

/// The incidents with the deployments that may have caused them, looked up by deployment.
struct Links<'a> {
    links: HashMap<u64, Vec<(&'a Incident, Candidate)>>,
    fixes: HashMap<u64, Vec<&'a Incident>>,
}

impl<'a> Links<'a> {
    fn of(facts: &'a Facts) -> Self {
        let mut links = Self {
            links: HashMap::new(),
            fixes: HashMap::new(),
        };
        let correlator = Correlator::new(facts);
        for incident in &facts.incidents {
            let correlation = correlator.candidates(incident);
            for index in correlation.remediated_by {
                links.fixes.entry(index).or_default().push(incident);
            }
            for candidate in correlation.candidates {
                let of_deployment = links.links.entry(candidate.index).or_default();
                of_deployment.push((incident, candidate));
            }
        }
        links
    }

    fn of_deployment(&self, index: u64) -> impl Iterator<Item = (&'a Incident, &Candidate)> {
        let links = self.links.get(&index).into_iter().flatten();
        links.map(|(incident, candidate)| (*incident, candidate))
    }

    /// The strongest link of an incident that is not dismissed.
    fn best_of_incident(&self, incident: u64) -> Option<&Candidate> {
        let links = self
            .links
            .values()
            .flatten()
            .filter(|(found, _)| found.index == incident);
        let candidates = links
            .map(|(_, candidate)| candidate)
            .filter(|c| !c.state.is_dismissed());
        candidates.max_by(|a, b| {
            let established = |c: &Candidate| c.state.is_established();
            let order = established(a).cmp(&established(b)).then(a.score.total_cmp(&b.score));
            order.then(a.index.cmp(&b.index))
        })
    }

    /// Incidents that somebody says it caused.
    fn established(&self, index: u64) -> Vec<&'a Incident> {
        self.of_deployment(index)
            .filter(|(_, c)| c.state.is_established())
            .map(|(incident, _)| incident)
            .collect()
    }

    fn fixed_by(&self, index: u64) -> impl Iterator<Item = &'a Incident> {
        self.fixes.get(&index).into_iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests;
