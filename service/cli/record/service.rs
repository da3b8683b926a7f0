//! `record service`: which team owns a service, where its tickets live, and how soon its faults show, from now on.

use serde_json::json;

use super::Common;
use crate::cli::ci::Claims;
use crate::cli::event::Draft;
use crate::cli::{Context, Failure, text};
use crate::domain::service::{Declaration, MAX_HALF_LIFE_MINUTES, SERVICE_DECLARED, TicketLink};
use crate::domain::{Extension, ServiceName};

/// Arguments of `record service`.
#[derive(Debug, clap::Args)]
#[command(after_help = "What is declared replaces all that was declared about the service before.")]
pub struct Service {
    /// The service
    #[arg(value_name = "NAME")]
    service: ServiceName,
    /// Team that owns it
    #[arg(long, value_name = "NAME", value_parser = text)]
    team: Option<String>,
    /// Where the tickets live whose ids begin with PREFIX: an address with {id} in it; may be repeated
    #[arg(long = "ticket-link", value_name = "PREFIX=URL", value_parser = ticket_link)]
    ticket_links: Vec<TicketLink>,
    /// How soon faults of its deployments show: after this time an incident points to a deployment half as much [default: 240]
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_HALF_LIFE_MINUTES)))]
    half_life_minutes: Option<u32>,
    #[command(flatten)]
    common: Common,
}

impl Service {
    /// Records it.
    pub fn run(self, context: &Context, claims: &Claims) -> Result<(), Failure> {
        if self.team.is_none() && self.ticket_links.is_empty() && self.half_life_minutes.is_none() {
            return Err(Failure::unclear(
                "what is declared? Give --team NAME, --ticket-link PREFIX=URL, --half-life-minutes MINUTES, or several of them",
            ));
        }
        let draft = Draft {
            event_type: SERVICE_DECLARED,
            source: self.common.source(claims),
            subject: self.service.as_str().to_owned(),
            content: json!({}),
            extension: Extension {
                declaration: Some(Box::new(Declaration {
                    team: self.team.clone(),
                    ticket_links: self.ticket_links.clone(),
                    half_life_minutes: self.half_life_minutes,
                })),
                service: Some(self.service.clone()),
                ..self.common.extension(claims)
            },
        };
        self.common.send(&draft, context)
    }
}

fn ticket_link(value: &str) -> Result<TicketLink, String> {
    let (prefix, url) = value
        .split_once('=')
        .filter(|(prefix, _)| !prefix.trim().is_empty())
        .ok_or("must be PREFIX=URL, such as PAY-=https://tickets.example/{id}")?;
    let link = TicketLink {
        prefix: prefix.to_owned(),
        url: url.to_owned(),
    };
    link.check_url().map_err(|error| format!("the address {error}"))?;
    Ok(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_link_is_a_prefix_and_an_address() {
        let link = ticket_link("PAY-=https://t.example/?q={id}").unwrap();
        assert_eq!(
            (link.prefix.as_str(), link.url.as_str()),
            ("PAY-", "https://t.example/?q={id}")
        );
        assert!(ticket_link("PAY-").unwrap_err().starts_with("must be PREFIX=URL"));
        assert!(
            ticket_link("=https://t.example/{id}")
                .unwrap_err()
                .starts_with("must be PREFIX=URL")
        );
        assert!(
            ticket_link("PAY-=javascript:{id}")
                .unwrap_err()
                .contains("http or https")
        );
    }
}
