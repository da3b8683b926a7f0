//! Release notes over several services: what each of them deployed within a time, and what that comes to.

use std::collections::BTreeSet;

use serde::Serialize;

use super::also::{AlsoDeployed, Companions};
use super::variant::Variant;
use super::{Point, ReleaseNotesInput, Scope, compose_selected};
use crate::check::Parameters;
use crate::document::audience::{Audience, Tally, Withheld};
use crate::document::changes::Identity;
use crate::document::{CONTEXT_VERSION, DocumentError, Generated, Request};
use crate::domain::facts::Facts;
use crate::domain::words::{count, list};
use crate::domain::{EnvironmentName, Instant, ServiceName};

/// Name of the built-in template.
pub const RELEASE_TEMPLATE: &str = "release.md";

/// What release notes over several services are composed from.
#[derive(Debug, Clone, Copy)]
pub struct ReleaseInput<'a> {
    /// What was asked, of which state of the ledger.
    pub request: Request<'a>,
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// After what ran at this time.
    pub from: Instant,
    /// Up to what ran at this time.
    pub to: Instant,
    /// Who it is for.
    pub audience: Audience,
    /// The services, in the order to show them, each with the facts that notes on it are made of.
    pub services: &'a [(ServiceName, Facts)],
    /// Numbers of the checks.
    pub parameters: &'a Parameters,
}

/// The context of release notes over several services.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Release {
    /// See [`CONTEXT_VERSION`].
    pub context_version: u32,
    /// `release`.
    pub document: &'static str,
    /// Who it is for.
    pub audience: Audience,
    /// What it was made from.
    pub generated: Generated,
    /// One line.
    pub title: String,
    /// The environment.
    pub environment: EnvironmentName,
    /// After what ran at this time.
    pub from: Instant,
    /// Up to what ran at this time.
    pub to: Instant,
    /// Sentences that say the main things of all services together.
    pub summary: Vec<String>,
    /// Each service, in the order asked for.
    pub services: Vec<Section>,
    /// Deployments of services that are none of these and seem to belong with them; none for customers.
    pub also_deployed: Vec<AlsoDeployed>,
    /// How many more there are.
    pub also_deployed_more: usize,
    /// What the notes of all services withhold, together; absent for auditors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Vec<Withheld>>,
}

/// One of the services.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Section {
    /// The service.
    pub service: ServiceName,
    /// Its notes; none where the ledger knows of no deployment until then.
    pub notes: Option<Variant>,
}

/// What the services come to, together.
#[derive(Default)]
struct Totals {
    deployed: Vec<String>,
    attempts: usize,
    succeeded: usize,
    changes: Told,
    incomplete: bool,
    incidents: BTreeSet<String>,
}

/// Changes, each once however many services bring it.
#[derive(Default)]
struct Told {
    seen: BTreeSet<String>,
    all: usize,
    breaking: usize,
}

impl Told {
    fn add(&mut self, changes: &[Identity]) {
        for change in changes {
            if !change.ids.iter().any(|id| self.seen.contains(id)) {
                self.all += 1;
                self.breaking += usize::from(change.breaking);
            }
            self.seen.extend(change.ids.iter().cloned());
        }
    }
}

/// Composes release notes over several services.
pub fn compose_release(input: &ReleaseInput<'_>) -> Result<Release, DocumentError> {
    let scope = Scope::Range {
        from: Point::At(input.from),
        to: Point::At(input.to),
    };
    let names: Vec<&ServiceName> = input.services.iter().map(|(service, _)| service).collect();
    let mut companions = Companions::default();
    let mut totals = Totals::default();
    let mut services = Vec::with_capacity(input.services.len());
    for (service, facts) in input.services {
        let one = ReleaseNotesInput {
            request: input.request,
            service,
            environment: input.environment,
            scope: &scope,
            facts,
            parameters: input.parameters,
        };
        let notes = match compose_selected(&one) {
            Ok((notes, selection)) => {
                totals.attempts += selection.deployments.len();
                totals.succeeded += selection.deployments.iter().filter(|d| d.succeeded()).count();
                if !selection.deployments.is_empty() {
                    totals.deployed.push(service.to_string());
                }
                match input.audience {
                    Audience::Auditor | Audience::Manager => companions.add(&selection, &facts.deployments, &names),
                    Audience::Customer => {}
                }
                let known = notes.incidents.linked.iter();
                let known = known.filter(|row| row.link.as_ref().is_some_and(|link| link.state.is_established()));
                totals.incidents.extend(known.map(|row| row.id.clone()));
                totals.incomplete |= notes.changes.incomplete;
                let whole = notes.changes.identities();
                let variant = Variant::of(notes, &selection, &one, input.audience);
                match &variant {
                    Variant::Customer(notes) => totals.changes.add(notes.identities()),
                    Variant::Auditor(_) | Variant::Manager(_) => totals.changes.add(&whole),
                }
                Some(variant)
            }
            Err(DocumentError::NoDeployments { .. } | DocumentError::NoneUntil { .. }) => None,
            Err(error) => return Err(error),
        };
        services.push(Section {
            service: service.clone(),
            notes,
        });
    }
    let withheld = match input.audience {
        Audience::Auditor => None,
        Audience::Customer | Audience::Manager => Some(together(&services)),
    };
    let (also_deployed, also_deployed_more) = companions.shown();
    Ok(Release {
        context_version: CONTEXT_VERSION,
        document: "release",
        audience: input.audience,
        generated: generated(input),
        title: title(input),
        environment: input.environment.clone(),
        from: input.from,
        to: input.to,
        summary: totals.sentences(input),
        services,
        also_deployed,
        also_deployed_more,
        withheld,
    })
}

fn generated(input: &ReleaseInput<'_>) -> Generated {
    let generated = input.request.generated();
    match input.audience {
        Audience::Customer => generated.without_erasures(),
        Audience::Auditor | Audience::Manager => generated,
    }
}

fn title(input: &ReleaseInput<'_>) -> String {
    let names: Vec<String> = input.services.iter().map(|(service, _)| service.to_string()).collect();
    format!("{} in {}", list(&names), input.environment)
}

fn together(services: &[Section]) -> Vec<Withheld> {
    let mut tally = Tally::default();
    for row in services.iter().flat_map(|s| s.notes.iter().flat_map(Variant::withheld)) {
        tally.add_again(row);
    }
    tally.withheld()
}

impl Totals {
    fn sentences(&self, input: &ReleaseInput<'_>) -> Vec<String> {
        let zone = input.request.time_zone;
        let between = format!(
            "between {} and {}",
            zone.to_the_minute(input.from),
            zone.to_the_minute(input.to)
        );
        let all = input.services.len();
        let environment = input.environment;
        if self.deployed.is_empty() {
            return vec![format!(
                "None of the {all} services was deployed to {environment} {between}."
            )];
        }
        let which = if self.deployed.len() == all {
            format!(
                "{} services were",
                if all == 2 {
                    "Both".to_owned()
                } else {
                    format!("All {all}")
                }
            )
        } else {
            let verb = if self.deployed.len() == 1 { "was" } else { "were" };
            format!("Of the {all} services, {} {verb}", list(&self.deployed))
        };
        let failed = match self.attempts - self.succeeded {
            0 => String::new(),
            failed => format!("; {failed} of them did not succeed"),
        };
        let attempts = count(self.attempts, "deployment");
        let mut sentences = vec![format!(
            "{which} deployed to {environment} {between}, with {attempts}{failed}."
        )];
        sentences.push(match (self.changes.all, self.changes.breaking) {
            (0, _) => "No functional changes are recorded for them.".to_owned(),
            (changes, 0) => format!("They bring {}.", count(changes, "change")),
            (changes, breaking) => format!("They bring {}, {breaking} of them breaking.", count(changes, "change")),
        });
        if self.incomplete {
            sentences.push("More may have come in than is recorded.".to_owned());
        }
        if !self.incidents.is_empty() {
            let verb = if self.incidents.len() == 1 { "is" } else { "are" };
            sentences.push(format!(
                "{} {verb} linked to them.",
                count(self.incidents.len(), "incident")
            ));
        }
        sentences
    }
}
