//! `record alias`: which names are one person, and in which roles the person stands.

use serde_json::json;

use super::Common;
use crate::cli::ci::Claims;
use crate::cli::event::Draft;
use crate::cli::{Context, Failure, text};
use crate::domain::alias::{ALIAS_DECLARED, AliasDeclaration, RoleHeld};
use crate::domain::{Extension, Instant, ServiceName};

/// Arguments of `record alias`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What is declared replaces all that was declared about the person before. With nothing but the person, it ends it."
)]
pub struct Alias {
    /// The name that the person goes by here
    #[arg(value_name = "PERSON", value_parser = text)]
    person: String,
    /// Another name of the person: a login, a mail address; may be repeated
    #[arg(long = "name", value_name = "NAME", value_parser = text)]
    names: Vec<String>,
    /// A name that looks like one of these and is somebody else's; may be repeated
    #[arg(long = "not", value_name = "NAME", value_parser = text)]
    not: Vec<String>,
    /// A role of the person, for all services or for those named; may be repeated
    #[arg(long = "role", value_name = "ROLE[=SERVICE,...]", value_parser = role)]
    roles: Vec<RoleHeld>,
    /// From when on, RFC 3339 [default: the time of the record]
    #[arg(long, value_name = "TIME", value_parser = Instant::parse)]
    from: Option<Instant>,
    /// Until when, RFC 3339 [default: until it is declared again]
    #[arg(long, value_name = "TIME", value_parser = Instant::parse)]
    until: Option<Instant>,
    #[command(flatten)]
    common: Common,
}

impl Alias {
    /// Records it.
    pub fn run(self, context: &Context, claims: &Claims) -> Result<(), Failure> {
        let said = AliasDeclaration {
            person: self.person,
            names: self.names,
            not: self.not,
            roles: self.roles,
            valid_from: self.from,
            valid_until: self.until,
        };
        if let Some((member, fault)) = said.fault() {
            return Err(Failure::unclear(format!("{member}: {fault}")));
        }
        let draft = Draft {
            event_type: ALIAS_DECLARED,
            source: self.common.source(claims),
            subject: said.person.clone(),
            content: json!({}),
            extension: Extension {
                alias: Some(Box::new(said)),
                ..self.common.extension(claims)
            },
        };
        self.common.send(&draft, context)
    }
}

fn role(value: &str) -> Result<RoleHeld, String> {
    let (role, services) = value.split_once('=').unwrap_or((value, ""));
    if role.trim().is_empty() {
        return Err("must be ROLE or ROLE=SERVICE,SERVICE".to_owned());
    }
    let services = services.split(',').map(str::trim).filter(|name| !name.is_empty());
    let services = services.map(|name| name.parse::<ServiceName>().map_err(|error| format!("{name} {error}")));
    Ok(RoleHeld {
        role: role.trim().to_owned(),
        services: services.collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_for_all_services_or_for_some() {
        let read = |value| {
            let held = role(value).unwrap();
            (
                held.role,
                held.services.iter().map(ToString::to_string).collect::<Vec<_>>(),
            )
        };
        assert_eq!(read("release manager"), ("release manager".to_owned(), vec![]));
        let some = vec!["shop".to_owned(), "search".to_owned()];
        assert_eq!(read("auditor=shop, search"), ("auditor".to_owned(), some));
        assert!(role("=shop").is_err());
    }
}
