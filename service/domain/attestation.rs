//! What people attest for the requirements of frameworks because no check can see it: each a signed entry that counts for some time,
//! and so is its revocation. Which of them count for a period is judged by `document`; none of them ever stands for a check.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::artifact::digest;
use super::event::Recorded;
use super::exception::Revocation;
use super::extension::Actor;
use super::id::{EnvironmentName, ProducerName, ServiceName};
use super::instant::Instant;

/// Type of the events that attest something.
pub const ATTESTATION_MADE: &str = "dev.cdeventsx.shipslog-attestation.made.0.1.0";
/// Type of the events that take an attestation back.
pub const ATTESTATION_REVOKED: &str = "dev.cdeventsx.shipslog-attestation.revoked.0.1.0";
/// Subject part of both.
pub const ATTESTATION_SUBJECT: &str = "shipslog-attestation";

/// What a person attests: `customData.shipslog.attestation` of an event of the type `dev.cdeventsx.shipslog-attestation.made.0.1.0`,
/// whose `actor` attests it, whose `service` and `environment` say where it holds (everywhere if absent), and whose subject is
/// the id of the attestation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttestationStatement {
    /// Id of the framework, such as `pci-dss`.
    pub framework: String,
    /// Id of what the catalogue asks people to attest for a requirement of the framework, such as `no-live-pan`.
    pub item: String,
    /// What is attested, in the words of who attests it.
    pub statement: String,
    /// Where the evidence is, each as an http or https address or as a digest `algorithm:hex`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// From when on; the time of the event if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_from: Option<Instant>,
    /// Until when. The catalogue may say that it counts for a shorter time.
    #[schema(value_type = String, format = DateTime)]
    pub valid_until: Instant,
}

/// An attestation with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Attestation {
    /// Its id.
    pub id: String,
    /// Index of its entry.
    pub index: u64,
    /// When it was made, as claimed.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Instant,
    /// When it was recorded.
    #[schema(value_type = String, format = DateTime)]
    pub recorded_at: Instant,
    /// Who signed it.
    #[schema(value_type = String)]
    pub producer: ProducerName,
    /// Who attests it.
    pub by: Actor,
    /// The service that it is for; all if absent.
    #[schema(value_type = Option<String>)]
    pub service: Option<ServiceName>,
    /// The environment that it is for; all if absent.
    #[schema(value_type = Option<String>)]
    pub environment: Option<EnvironmentName>,
    /// What is attested.
    #[serde(flatten)]
    pub said: AttestationStatement,
    /// Its revocation.
    pub revoked: Option<Revocation>,
}

impl AttestationStatement {
    /// What is wrong with it in itself, made at that time: the member, and why.
    pub fn fault(&self, made_at: Instant) -> Option<(&'static str, String)> {
        if self.statement.trim().is_empty() {
            return Some(("statement", "must not be empty".to_owned()));
        }
        if let Some(wrong) = self.evidence.iter().find(|given| !is_reference(given)) {
            let message = format!("{wrong} is neither an http or https address nor a digest, algorithm:hex");
            return Some(("evidence", message));
        }
        let from = self.valid_from.unwrap_or(made_at);
        (self.valid_until <= from).then(|| ("valid_until", format!("must be later than it begins ({from})")))
    }
}

impl Attestation {
    /// From when on it was meant to count.
    pub fn valid_from(&self) -> Instant {
        self.said.valid_from.unwrap_or(self.made_at)
    }

    /// Whether it is for something in an environment; of one service, where one is given.
    pub fn concerns(&self, environment: &EnvironmentName, service: Option<&ServiceName>) -> bool {
        let here = self.environment.as_ref().is_none_or(|named| named == environment);
        let of = self.service.as_ref().zip(service);
        here && of.is_none_or(|(named, service)| named == service)
    }
}

/// An address that a browser can open, or a digest.
fn is_reference(text: &str) -> bool {
    let address = |scheme: &str| {
        let host = text.strip_prefix(scheme).unwrap_or_default();
        !host.is_empty() && !host.starts_with('/') && !text.contains(char::is_whitespace)
    };
    digest(text).is_some() || address("https://") || address("http://")
}

/// The attestations among events, ascending by index and of any mixture. Another one under the same id stands beside those before it,
/// and a revocation is of all that have its id by then.
pub fn fold(records: &[Recorded]) -> Vec<Attestation> {
    let mut found: Vec<Attestation> = Vec::new();
    for record in records {
        let (event, extension) = (&record.event, &record.event.extension);
        if let Some((said, by)) = extension.attestation.as_ref().zip(extension.actor.as_ref()) {
            found.push(Attestation {
                id: event.subject_id.clone(),
                index: record.index,
                made_at: event.occurred_at,
                recorded_at: record.recorded_at,
                producer: record.producer.clone(),
                by: by.clone(),
                service: event.service.clone(),
                environment: event.environment.clone(),
                said: AttestationStatement::clone(said),
                revoked: None,
            });
        } else if event.event_type.text == ATTESTATION_REVOKED {
            for made in found.iter_mut().filter(|known| known.id == event.subject_id) {
                made.revoked.get_or_insert_with(|| Revocation::of(record));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixture::{Ledger, at, attested};

    #[test]
    fn it_is_for_what_it_names_and_a_revocation_is_of_all_of_its_id() {
        let mut ledger = Ledger::default();
        ledger.attest(0, "AT-1", "eve", attested("no-live-pan"));
        ledger.attest(5, "AT-1", "eve", attested("no-live-pan")).event.service = Some("payments".parse().unwrap());
        ledger.revoke_attestation(7, "AT-1");
        ledger.revoke_attestation(9, "AT-1");
        ledger
            .attest(9, "AT-2", "eve", attested("no-live-pan"))
            .event
            .environment = Some("production".parse().unwrap());
        let found = fold(&ledger.records);
        let revoked: Vec<_> = found
            .iter()
            .map(|made| made.revoked.as_ref().map(|by| by.index))
            .collect();
        assert_eq!(revoked, [Some(2), Some(2), None]);
        let (production, search) = ("production".parse().unwrap(), "search".parse().unwrap());
        assert!(found[0].concerns(&production, Some(&search)) && found[1].concerns(&production, None));
        assert!(!found[1].concerns(&production, Some(&search)));
        let staging = "staging".parse().unwrap();
        assert!(found[0].concerns(&staging, None) && !found[2].concerns(&staging, None));
    }

    #[test]
    fn what_makes_no_sense_in_itself_is_named() {
        type Change = fn(&mut AttestationStatement);
        let faults: [(Change, &str); 6] = [
            (|said| said.statement = " ".to_owned(), "statement"),
            (|said| said.evidence.push("ftp://files.example".to_owned()), "evidence"),
            (|said| said.evidence.push("https://".to_owned()), "evidence"),
            (|said| said.evidence.push("sha256:12".to_owned()), "evidence"),
            (|said| said.valid_until = at(0), "valid_until"),
            (|said| said.valid_from = Some(said.valid_until), "valid_until"),
        ];
        for (change, member) in faults {
            let mut said = attested("no-live-pan");
            change(&mut said);
            assert_eq!(said.fault(at(0)).map(|(member, _)| member), Some(member));
        }
        let mut good = attested("no-live-pan");
        good.evidence = vec!["https://wiki.example/a?b#c".to_owned(), format!("sha256:{:064}", 7)];
        assert_eq!(good.fault(at(0)), None);
    }
}
