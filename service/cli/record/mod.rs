//! `record`: builds an event, signs it, posts it, prints the receipt.
//!
//! One file a noun says what the event holds; this one says how every one of them is sent.

mod alias;
mod approval;
mod change;
mod changes;
mod dependencies;
mod deployment;
mod exception;
mod highlight;
mod incident;
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
use crate::domain::{Extension, Instant, ServiceName};

pub use changes::Changes;

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
    /// Which names are one person, and in which roles the person stands
    Alias(Box<alias::Alias>),
    /// An exception: a deviation that is accepted for some time, or the end of one
    Exception(Box<exception::Exception>),
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
            Self::Alias(alias) => alias.run(context, &claims),
            Self::Exception(exception) => exception.run(context, &claims),
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

    /// Signs the event, and keeps it where that is asked for.
    pub fn envelope(&self, draft: &Draft, context: &Context) -> Result<String, Failure> {
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

    /// Signs the event, posts it, and prints and keeps what the service answers.
    fn send(self, draft: &Draft, context: &Context) -> Result<(), Failure> {
        let envelope = self.envelope(draft, context)?;
        if self.dry_run {
            return output::print(&envelope);
        }
        let client = self.client(context)?;
        let receipt = block_on(client.post_again("/v1/events", ENVELOPE, envelope.into_bytes()))?;
        if let Some(path) = &self.receipt {
            keep(path, &receipt)?;
        }
        output::print(&receipt)
    }
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
    fn tickets_are_a_key_with_or_without_a_page() {
        assert_eq!(ticket("PAY-12").unwrap().url, None);
        assert_eq!(
            ticket("PAY-12=https://t/PAY-12?a=b").unwrap().url.unwrap(),
            "https://t/PAY-12?a=b"
        );
        assert!(ticket("=x").is_err() && ticket("PAY-12=").is_err() && ticket("").is_err());
    }
}
