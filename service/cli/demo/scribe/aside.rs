//! What is told beside the story: declarations about services and people, texts for the top of release notes, exceptions, and what people
//! attest and conclude.

use serde_json::json;

use super::super::cast::{Person, Service, Signer};
use super::super::facts::Release;
use super::{Scribe, draft, repository, shown};
use crate::cli::event::Draft;
use crate::domain::alias::{ALIAS_DECLARED, AliasDeclaration, RoleHeld};
use crate::domain::attestation::{ATTESTATION_MADE, AttestationStatement};
use crate::domain::conclusion::{CONCLUSION_DRAWN, Conclusion};
use crate::domain::exception::{EXCEPTION_GRANTED, ExceptionGrant};
use crate::domain::extension::{Actor, ActorKind};
use crate::domain::highlight::{HIGHLIGHT_WRITTEN, HighlightKind, HighlightText};
use crate::domain::service::{Declaration, SERVICE_DECLARED};
use crate::domain::{Extension, Instant};

/// What tells about people.
const PEOPLE: &str = "https://people.northwind.example";
/// Where the auditor writes.
const AUDIT: &str = "https://assurance.example";

impl Scribe {
    /// The chance in it stays the same with and without.
    pub(super) fn aside(&mut self, signer: Signer, at: Instant, draft: &Draft) {
        let counter = self.counter;
        self.asides += 1;
        self.counter = u64::MAX / 2 + 100 * self.asides;
        self.write(signer, at, 0, draft);
        self.counter = counter;
    }

    /// What is declared about a service.
    pub fn declared(&mut self, at: Instant, service: &'static Service, declaration: Declaration) {
        let extension = Extension {
            service: service.name.parse().ok(),
            declaration: Some(Box::new(declaration)),
            ..Extension::default()
        };
        let event = draft(
            SERVICE_DECLARED,
            &repository(service),
            service.name,
            json!({}),
            extension,
        );
        self.aside(service.team.pipeline, at, &event);
    }

    /// A manager, who has a login beside the mail address and may approve releases.
    pub fn known_as(&mut self, at: Instant, manager: Person) {
        let login = manager.email.split('@').next().unwrap_or(manager.email);
        let said = AliasDeclaration {
            person: manager.email.to_owned(),
            names: vec![format!("urn:ldap:{login}")],
            roles: vec![RoleHeld {
                role: "release manager".to_owned(),
                services: Vec::new(),
            }],
            ..AliasDeclaration::default()
        };
        let extension = Extension {
            alias: Some(Box::new(said)),
            actor: Some(Actor {
                id: "people-desk".to_owned(),
                kind: Some(ActorKind::Pipeline),
                name: None,
            }),
            ..Extension::default()
        };
        let event = draft(ALIAS_DECLARED, PEOPLE, manager.email, json!({}), extension);
        self.aside(Signer::Platform, at, &event);
    }

    /// A deviation that somebody accepts.
    pub fn excepted(&mut self, at: Instant, id: &str, granted: ExceptionGrant, reason: &str, by: Person) {
        let extension = Extension {
            exception: Some(Box::new(granted)),
            reason: Some(reason.to_owned()),
            actor: Some(shown(by)),
            ..Extension::default()
        };
        let event = draft(EXCEPTION_GRANTED, PEOPLE, id, json!({}), extension);
        self.aside(Signer::ReleaseDesk, at, &event);
    }

    /// Somebody attests what no check can see.
    pub fn attested(&mut self, at: Instant, id: &str, said: AttestationStatement, by: Person) {
        let extension = Extension {
            attestation: Some(Box::new(said)),
            actor: Some(shown(by)),
            ..Extension::default()
        };
        let event = draft(ATTESTATION_MADE, PEOPLE, id, json!({}), extension);
        self.aside(Signer::ComplianceDesk, at, &event);
    }

    /// An auditor concludes something of a sample.
    pub fn concluded(&mut self, at: Instant, said: Conclusion, by: Person) {
        let sample = format!("sample-{}", said.sample);
        let extension = Extension {
            conclusion: Some(Box::new(said)),
            actor: Some(shown(by)),
            ..Extension::default()
        };
        let event = draft(CONCLUSION_DRAWN, AUDIT, &sample, json!({}), extension);
        self.aside(Signer::Auditor, at, &event);
    }

    /// Somebody writes something for the top of the notes of a deployment to production.
    pub fn highlight(
        &mut self,
        at: Instant,
        release: &Release,
        deployment: &str,
        kind: HighlightKind,
        text: &str,
        by: Person,
    ) {
        let extension = Extension {
            service: release.service.name.parse().ok(),
            environment: "production".parse().ok(),
            deployment_id: deployment.parse().ok(),
            actor: Some(shown(by)),
            highlight: Some(Box::new(HighlightText {
                kind,
                text: text.to_owned(),
            })),
            ..Extension::default()
        };
        let source = "https://releases.northwind.example";
        let event = draft(HIGHLIGHT_WRITTEN, source, deployment, json!({}), extension);
        self.aside(Signer::ReleaseDesk, at, &event);
    }
}
