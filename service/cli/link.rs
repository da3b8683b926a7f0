//! `link`: which deployments caused which incidents, as the rules suggest and people decide.

use serde_json::{Value, json};

use super::client::{Client, block_on, query};
use super::output::{Format, cell, print, print_json, table};
use super::producer::items;
use super::{Context, Failure, text};
use crate::config::ClientSettings;
use crate::domain::link::Verdict;
use crate::domain::{EnvironmentName, IncidentId, ServiceName};

/// What can be done with links.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// What may have caused which incident; without --state, what waits for a review
    List(List),
    /// Say that a deployment caused an incident
    Confirm(About),
    /// Say that a deployment did not cause an incident
    Reject(About),
    /// Doubt what an event says, that a deployment caused an incident
    Dispute(About),
    /// Say that no deployment caused an incident
    None(NoDeployment),
}

/// Arguments of `link list`.
#[derive(Debug, clap::Args)]
pub struct List {
    /// In this state
    #[arg(long, value_enum, default_value_t)]
    state: State,
    /// Service that was hurt
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
    /// Environment that was hurt
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvironmentName>,
    /// As of this tree size [default: the newest]
    #[arg(long, value_name = "N")]
    tree_size: Option<u64>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    client: ClientSettings,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum State {
    /// Found by the rules, and nobody has looked at it
    #[default]
    Suggested,
    /// Named by an event
    Explicit,
    /// A person said yes
    Confirmed,
    /// A person said no
    Rejected,
    /// Named by an event, and a person doubts it
    Disputed,
    /// Found by the rules, but the cause is another one
    Superseded,
    /// All of them
    All,
}

/// Arguments of a decision about one deployment.
#[derive(Debug, clap::Args)]
pub struct About {
    /// Id of the incident
    incident: IncidentId,
    /// Deployment: its id, or #INDEX of one of its entries
    #[arg(value_parser = text)]
    deployment: String,
    #[command(flatten)]
    decision: Decision,
}

/// Arguments of `link none`.
#[derive(Debug, clap::Args)]
pub struct NoDeployment {
    /// Id of the incident
    incident: IncidentId,
    #[command(flatten)]
    decision: Decision,
}

/// Arguments of every decision.
#[derive(Debug, clap::Args)]
struct Decision {
    /// Why
    #[arg(long, value_name = "TEXT", value_parser = text)]
    reason: String,
    /// Tree size as of which it was looked at [default: the newest]
    #[arg(long, value_name = "N")]
    tree_size: Option<u64>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    client: ClientSettings,
}

impl Command {
    /// Does it.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(context),
            Self::Confirm(about) => about.decide(Verdict::Confirmed, context),
            Self::Reject(about) => about.decide(Verdict::Rejected, context),
            Self::Dispute(about) => about.decide(Verdict::Disputed, context),
            Self::None(about) => about
                .decision
                .send(Verdict::NoDeployment, &about.incident, None, context),
        }
    }
}

impl State {
    const fn word(self) -> Option<&'static str> {
        match self {
            Self::Suggested => Some("suggested"),
            Self::Explicit => Some("explicit"),
            Self::Confirmed => Some("confirmed"),
            Self::Rejected => Some("rejected"),
            Self::Disputed => Some("disputed"),
            Self::Superseded => Some("superseded"),
            Self::All => None,
        }
    }
}

impl List {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let client = Client::new(self.client, context)?;
        let parameters = query(&[
            ("state", self.state.word().map(str::to_owned)),
            ("service", self.service.map(String::from)),
            ("environment", self.environment.map(String::from)),
            ("tree_size", self.tree_size.map(|size| size.to_string())),
        ]);
        let answer = block_on(client.get(&format!("/v1/links{parameters}")))?;
        if self.format == Format::Json {
            return print_json(&answer);
        }
        print(&rows(items(&answer), "deployment_index"))
    }
}

impl About {
    fn decide(self, verdict: Verdict, context: &Context) -> Result<(), Failure> {
        self.decision
            .send(verdict, &self.incident, Some(&self.deployment), context)
    }
}

impl Decision {
    fn send(
        self,
        verdict: Verdict,
        incident: &IncidentId,
        deployment: Option<&str>,
        context: &Context,
    ) -> Result<(), Failure> {
        let client = Client::new(self.client, context)?;
        let asked = json!({
            "incident": incident,
            "deployment": deployment,
            "verdict": verdict,
            "reason": self.reason,
            "tree_size": self.tree_size,
        });
        let answer = block_on(client.post("/v1/links", &asked))?;
        if self.format == Format::Json {
            return print_json(&answer);
        }
        let mut candidates = items(&answer["incident"]["correlation"]["candidates"]).to_vec();
        for candidate in &mut candidates {
            candidate["incident"] = json!(incident);
        }
        let links = rows(&candidates, "index");
        print(&format!(
            "Recorded as entry {}. What is known of the cause now:\n{links}",
            cell(&answer, "index")
        ))
    }
}

fn rows(links: &[Value], index: &str) -> String {
    let mut rows = table(["incident", "deployment", "entry", "state", "score", "share", "because"]);
    for link in links {
        let members = ["incident", "deployment", index, "state", "score", "share", "reasons"];
        rows.add_row(members.map(|member| cell(link, member)));
    }
    rows.to_string()
}
