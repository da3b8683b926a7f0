//! `record`: builds an event, signs it, posts it, prints the receipt.
//!
//! One file a noun says what the event holds; this one says how every one of them is sent.

mod alias;
mod approval;
mod attestation;
mod change;
mod changes;
mod commit;
mod conclusion;
mod dependencies;
mod deployed;
mod deployment;
mod exception;
mod highlight;
mod incident;
mod rollout;
mod service;
mod test;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use uuid::Uuid;

use super::ci::Claims;
use super::client::{Client, ENVELOPE, block_on};
use super::event::Draft;
use super::{Context, Failure, keys, output, text};
use crate::clock::Clock;
use crate::config::ClientSettings;
use crate::domain::extension::{Actor, ActorKind, TicketRef};
use crate::domain::sequence::{MOST, Sequence};
use crate::domain::{Extension, Instant, ServiceName};

pub use changes::{Changes, checkout};
pub use commit::commit;

/// What can be recorded.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// A deployment: queued, started, or finished with an outcome
    Deployment(Box<deployment::Deployment>),
    /// An incident: detected, reported with a ticket, or resolved
    Incident(Box<incident::Incident>),
    /// An approval, or the request for one
    Approval(Box<approval::Approval>),
    /// The result of a test suite
    Test(Box<test::Test>),
    /// A change: a pull or merge request that was proposed, reviewed, merged or given up
    Change(Box<change::Change>),
    /// Which services a service needs, from now on
    Dependencies(Box<dependencies::Dependencies>),
    /// Which team owns a service and where its tickets live, from now on
    Service(Box<service::Service>),
    /// Text for the top of the release notes of a deployment: a highlight, an action required or a known issue
    Highlight(Box<highlight::Highlight>),
    /// What share of users a deployment reaches from now on: a canary that grows, a flag that is switched off
    Rollout(Box<rollout::Rollout>),
    /// Which names are one person, and in which roles the person stands
    Alias(Box<alias::Alias>),
    /// An exception: a deviation that is accepted for some time, or the end of one
    Exception(Box<exception::Exception>),
    /// What a person attests for a requirement because no check can see it, or the end of it
    Attestation(Box<attestation::Attestation>),
    /// What an auditor concludes of a sample that was issued, or of one of its items
    Conclusion(Box<conclusion::Conclusion>),
}

/// What every kind of record can be told.
#[derive(Debug, clap::Args)]
pub struct Common {
    /// When it happened, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = Instant::parse)]
    at: Option<Instant>,
    /// Who or what acted: login, e-mail or workload identity [default: from the CI system]
    #[arg(long, value_name = "ID", value_parser = text)]
    actor: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT", value_parser = text)]
    reason: Option<String>,
    /// Ticket it is about, as KEY or KEY=URL; may be repeated
    #[arg(long = "ticket", value_name = "KEY[=URL]", value_parser = ticket)]
    tickets: Vec<TicketRef>,
    /// Page of the pipeline run [default: from the CI system]
    #[arg(long, value_name = "URL", value_parser = text)]
    run_url: Option<String>,
    /// What sends this, a URI reference [default: the repository, else "shipslog"]
    #[arg(long, value_name = "URI", value_parser = text)]
    source: Option<String>,
    /// Number of this record among those of its source, which rise by one, so that a missing record shows; "run" is the number
    /// of the CI run, for pipelines of which every run records something
    #[arg(long, value_name = "NUMBER|run", value_parser = number, help_heading = "Completeness")]
    sequence: Option<Number>,
    /// Series of the number, where a source has several [default with "run": the workflow or job]
    #[arg(long, value_name = "NAME", value_parser = text, requires = "sequence", help_heading = "Completeness")]
    series: Option<String>,
    /// Time within which the next record comes, such as 90s, 26h or 8d; after that the source counts as silent
    #[arg(long, value_name = "TIME", value_parser = seconds, requires = "sequence", help_heading = "Completeness")]
    next_within: Option<u32>,
    /// Private key that signs [env: SHIPSLOG_KEY]
    #[arg(long, value_name = "FILE.pem", help_heading = "Signing and sending")]
    key: Option<PathBuf>,
    /// Also keep the receipt in this file
    #[arg(long, value_name = "FILE", help_heading = "Signing and sending")]
    receipt: Option<PathBuf>,
    /// Also keep the envelope, as posted, in this file
    #[arg(long, value_name = "FILE", help_heading = "Signing and sending")]
    envelope: Option<PathBuf>,
    /// Print the signed envelope and send nothing
    #[arg(long, help_heading = "Signing and sending")]
    dry_run: bool,
    #[command(flatten)]
    client: ClientSettings,
}

/// The number of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Given(u64),
    /// That of the CI run.
    Run,
}

impl Command {
    /// Records it.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let claims = Claims::of(&context.environment);
        if !claims.system.is_empty() {
            output::note(&format!(
                "Running in {}; what no flag says is taken from its variables.",
                claims.system
            ));
        }
        match self {
            Self::Deployment(deployment) => deployment.run(context, &claims),
            Self::Incident(incident) => incident.run(context, &claims),
            Self::Approval(approval) => approval.run(context, &claims),
            Self::Test(test) => test.run(context, &claims),
            Self::Change(change) => change.run(context, &claims),
            Self::Dependencies(dependencies) => dependencies.run(context, &claims),
            Self::Service(service) => service.run(context, &claims),
            Self::Highlight(highlight) => highlight.run(context, &claims),
            Self::Rollout(rollout) => rollout.run(context, &claims),
            Self::Alias(alias) => alias.run(context, &claims),
            Self::Exception(exception) => exception.run(context, &claims),
            Self::Attestation(attestation) => attestation.run(context, &claims),
            Self::Conclusion(conclusion) => conclusion.run(context, &claims),
        }
    }
}

impl Common {
    /// The source of the event.
    pub fn source(&self, claims: &Claims) -> String {
        self.source
            .clone()
            .or_else(|| claims.repository.clone())
            .unwrap_or_else(|| "shipslog".to_owned())
    }

    /// What every record of a person or a pipeline may tell beside what it is about.
    pub fn extension(&self, claims: &Claims) -> Extension {
        Extension {
            actor: self.actor(claims),
            tickets: self.tickets.clone(),
            reason: self.reason.clone(),
            run_url: self.run_url(claims),
            ..Extension::default()
        }
    }

    /// Who acted: the flag, else who the CI system says started the run.
    fn actor(&self, claims: &Claims) -> Option<Actor> {
        match (&self.actor, &claims.actor) {
            (Some(id), _) => Some(Actor {
                id: id.clone(),
                kind: None,
                name: None,
            }),
            (None, Some(id)) => Some(Actor {
                id: id.clone(),
                kind: None,
                name: None,
            }),
            (None, None) => None,
        }
    }

    fn run_url(&self, claims: &Claims) -> Option<String> {
        self.run_url.clone().or_else(|| claims.run_url.clone())
    }

    /// Where the receipt is to be kept.
    pub fn receipt_file(&self) -> Option<PathBuf> {
        self.receipt.clone()
    }

    /// Signs the event, posts it, and prints and keeps what the service answers.
    fn send(self, draft: &Draft, context: &Context) -> Result<(), Failure> {
        let file = self.receipt_file();
        match self.post("/v1/events", draft, context)? {
            Some(receipt) => keep_and_print(file.as_deref(), &receipt),
            None => Ok(()),
        }
    }

    /// Signs the event and posts it there. Gives the answer; none where it is only to be printed.
    pub fn post(self, path: &str, draft: &Draft, context: &Context) -> Result<Option<String>, Failure> {
        let envelope = self.envelope(draft, context)?;
        if self.dry_run {
            return output::print(&envelope).map(|()| None);
        }
        if let Some(path) = &self.receipt {
            check_room(path)?;
        }
        let client = self.client(context)?;
        block_on(client.post_again(path, ENVELOPE, envelope.into_bytes())).map(Some)
    }

    /// Signs the event, and keeps it where that is asked for.
    pub fn envelope(&self, draft: &Draft, context: &Context) -> Result<String, Failure> {
        let draft = self.numbered(draft, context)?;
        let key = keys::signing_key(self.key.as_deref(), context)?;
        let at = self.at.unwrap_or_else(|| Clock::system().now());
        let id = Uuid::now_v7().to_string();
        let envelope = draft
            .sign(&id, at, &key)
            .map_err(|error| Failure::refused(format!("cannot write the event: {error}")))?
            .to_json();
        // Before it is sent, so that the record is not lost with the connection.
        if let Some(path) = &self.envelope {
            keep(path, &envelope)?;
        }
        Ok(envelope)
    }

    /// Whether nothing is to be sent.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// The service to speak to.
    pub fn client(&self, context: &Context) -> Result<Client, Failure> {
        Client::new(self.client.clone(), context)
    }

    /// The event with the number that was asked for.
    fn numbered(&self, draft: &Draft, context: &Context) -> Result<Draft, Failure> {
        let claims = Claims::of(&context.environment);
        let (number, series) = match self.sequence {
            None => return Ok(draft.clone()),
            Some(Number::Given(number)) => (number, self.series.clone()),
            Some(Number::Run) => {
                let number = claims.run_number.ok_or_else(|| {
                    Failure::unclear("--sequence run: no number of a run is known here; give the number itself")
                })?;
                (number, self.series.clone().or(claims.series))
            }
        };
        let mut draft = draft.clone();
        draft.extension.sequence = Some(Sequence {
            number,
            series,
            next_within_s: self.next_within,
        });
        Ok(draft)
    }
}

/// Prints a receipt, and keeps it in a file if there is to be one. It is printed in any case: the event is recorded.
pub(super) fn keep_and_print(file: Option<&Path>, receipt: &str) -> Result<(), Failure> {
    output::print(receipt)?;
    let Some(path) = file else { return Ok(()) };
    std::fs::write(path, receipt).map_err(|error| {
        Failure::refused(format!(
            "the event is recorded, do not record it again; its receipt is on standard output, since {} cannot be written: {error}",
            path.display()
        ))
    })
}

/// Whether a file can be written, before what it is to hold is made; leaves everything as it is.
fn check_room(path: &Path) -> Result<(), Failure> {
    let exists = match path.metadata() {
        // A pipe or a terminal would notice.
        Ok(found) if !found.is_file() && !found.is_dir() => return Ok(()),
        found => found.is_ok(),
    };
    let opened = std::fs::OpenOptions::new().append(true).create(true).open(path);
    let checked = opened.and_then(|_| if exists { Ok(()) } else { std::fs::remove_file(path) });
    checked.map_err(|error| {
        let path = path.display();
        Failure::refused(format!("nothing is recorded, since {path} cannot be written: {error}"))
    })
}

fn number(value: &str) -> Result<Number, String> {
    match value.parse() {
        Ok(number) if number <= MOST => Ok(Number::Given(number)),
        Err(_) if value == "run" => Ok(Number::Run),
        Ok(_) | Err(_) => Err(format!("must be a number up to {MOST}, or \"run\"")),
    }
}

/// A length of time in seconds, with its unit.
fn seconds(value: &str) -> Result<u32, &'static str> {
    let unit = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let read = unit.into_iter().find_map(|(unit, seconds)| {
        let number: u32 = value.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(seconds).filter(|seconds| *seconds > 0)
    });
    read.ok_or("must be a number with a unit: s, m, h or d")
}

fn keep(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::refused(format!("cannot write {}: {error}", path.display())))
}

fn ticket(value: &str) -> Result<TicketRef, &'static str> {
    let (id, url) = value.split_once('=').map_or((value, None), |(id, url)| (id, Some(url)));
    if id.trim().is_empty() || url.is_some_and(|url| url.trim().is_empty()) {
        return Err("must be KEY or KEY=URL, neither empty");
    }
    Ok(TicketRef {
        id: id.to_owned(),
        title: None,
        url: url.map(str::to_owned),
    })
}

/// A person, who decided or wrote something.
fn human(id: &str) -> Actor {
    Actor {
        id: id.to_owned(),
        kind: Some(ActorKind::Human),
        name: None,
    }
}

/// A service name given as a flag, else by `SHIPSLOG_SERVICE`.
pub fn service(flag: Option<ServiceName>, context: &Context) -> Result<ServiceName, Failure> {
    match (flag, context.environment.get("SHIPSLOG_SERVICE")) {
        (Some(name), _) => Ok(name),
        (None, Some(name)) => name
            .parse()
            .map_err(|error| Failure::unclear(format!("SHIPSLOG_SERVICE: \"{name}\" {error}"))),
        (None, None) => Err(Failure::unclear(
            "which service? Give --service NAME or set SHIPSLOG_SERVICE",
        )),
    }
}

/// An environment name given as a flag, else by `SHIPSLOG_ENVIRONMENT`, else by the CI system.
pub fn environment(
    flag: Option<crate::domain::EnvironmentName>,
    context: &Context,
    claims: &Claims,
) -> Result<crate::domain::EnvironmentName, Failure> {
    let named = context
        .environment
        .get("SHIPSLOG_ENVIRONMENT")
        .or(claims.environment.as_deref());
    match (flag, named) {
        (Some(name), _) => Ok(name),
        (None, Some(name)) => name
            .parse()
            .map_err(|error| Failure::unclear(format!("the environment \"{name}\" {error}"))),
        (None, None) => Err(Failure::unclear(
            "which environment? Give --environment NAME or set SHIPSLOG_ENVIRONMENT",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_say_what_is_wrong_with_them() {
        assert_eq!(
            (number("7").unwrap(), number("run").unwrap()),
            (Number::Given(7), Number::Run)
        );
        assert!(
            ["", "-1", "Run", "9007199254740992"]
                .into_iter()
                .all(|wrong| number(wrong).is_err())
        );
        assert_eq!(
            (seconds("90s"), seconds("26h"), seconds("8d")),
            (Ok(90), Ok(93_600), Ok(691_200))
        );
        assert!(
            ["", "5", "0h", "h", "99999999d"]
                .into_iter()
                .all(|wrong| seconds(wrong).is_err())
        );
    }

    #[test]
    fn tickets_are_a_key_with_or_without_a_page() {
        assert_eq!(ticket("PAY-12").unwrap().url, None);
        assert_eq!(
            ticket("PAY-12=https://t/PAY-12?a=b").unwrap().url.unwrap(),
            "https://t/PAY-12?a=b"
        );
        assert!(ticket("=x").is_err() && ticket("PAY-12=").is_err() && ticket("").is_err());
    }
}
