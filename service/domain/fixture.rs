//! Events for tests, built directly. Only compiled for tests.

use super::alias::{ALIAS_DECLARED, AliasDeclaration};
use super::attestation::{ATTESTATION_MADE, ATTESTATION_REVOKED, AttestationStatement};
use super::conclusion::{AuditResult, CONCLUSION_DRAWN, Conclusion};
use super::deployment::{self, Deployment};
use super::event::{
    Approval, ApprovalStep, Artifact, ArtifactStep, Body, Decision, Event, EventType, IncidentStep, Outcome, Phase,
    Recorded, RunPhase, ServiceStep, TestRun,
};
use super::exception::{EXCEPTION_GRANTED, EXCEPTION_REVOKED, ExceptionGrant, ExceptionScope};
use super::extension::{Actor, ActorKind, Commit, Extension, PullRequest, TicketRef};
use super::instant::Instant;
use super::issued::{DOCUMENT_ISSUED, IssuedDocument, IssuedSample};
use super::producer::own_payload;
use super::question::{DOCUMENT_ASKED, Question};

/// Minutes after 2026-03-02T09:00:00Z, a Monday.
pub fn at(minutes: i64) -> Instant {
    Instant::parse("2026-03-02T09:00:00Z")
        .unwrap()
        .plus_millis(minutes * 60_000)
}

/// A digest that can be told apart by its label.
pub fn digest(label: &str) -> String {
    let hex: String = label.bytes().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex:0<64}")
}

/// A container image of the service with that label's digest.
pub fn image(service: &str, label: &str) -> Artifact {
    let digest = digest(label);
    Artifact {
        id: format!("pkg:oci/{service}@{}", digest.replace(':', "%3A")),
        digest: Some(digest),
        version: None,
        name: Some(service.to_owned()),
    }
}

/// The payload of a question that an auditor asked with a token, as the service signs it.
pub fn question(token: &str) -> Vec<u8> {
    let extension = Extension {
        question: Some(Box::new(Question {
            token: token.to_owned(),
            query: "shipslog report compliance --environment production --tree-size 1 --format md".to_owned(),
            tree_size: 1,
            sha256: None,
        })),
        ..Extension::default()
    };
    own_payload(DOCUMENT_ASKED, token, "q1", "/shipslog/log", at(0), &extension).unwrap()
}

/// A person.
pub fn human(id: &str) -> Actor {
    Actor {
        id: id.to_owned(),
        kind: Some(ActorKind::Human),
        name: None,
    }
}

/// A pipeline.
pub fn pipeline(id: &str) -> Actor {
    Actor {
        id: id.to_owned(),
        kind: Some(ActorKind::Pipeline),
        name: None,
    }
}

/// A commit; its id is derived from the message.
pub fn commit(message: &str, author: &str) -> Commit {
    let sum = message.bytes().fold(7u128, |sum, b| {
        sum.wrapping_mul(0x0100_0000_01b3).wrapping_add(u128::from(b))
    });
    Commit {
        id: format!("{sum:0>40x}").chars().take(40).collect(),
        message: message.to_owned(),
        author: Some(author.to_owned()),
        committed_at: None,
        merge: None,
    }
}

/// An exception for `payments` in production, from its event until minute 60, that somebody else approved.
pub fn grant(checks: &[&str]) -> ExceptionGrant {
    ExceptionGrant {
        checks: checks.iter().map(|id| (*id).to_owned()).collect(),
        scope: ExceptionScope {
            services: vec!["payments".parse().unwrap()],
            environments: vec!["production".parse().unwrap()],
            ..ExceptionScope::default()
        },
        requested_by: "dev".to_owned(),
        approved_by: "risk-officer".to_owned(),
        compensating_control: "Watched by two people.".to_owned(),
        valid_from: None,
        expires_at: at(60),
    }
}

/// What is attested of an item of PCI DSS, until minute 60.
pub fn attested(item: &str) -> AttestationStatement {
    AttestationStatement {
        framework: "pci-dss".to_owned(),
        item: item.to_owned(),
        statement: "All test databases were searched.".to_owned(),
        evidence: vec!["https://wiki.example/search".to_owned()],
        valid_from: None,
        valid_until: at(60),
    }
}

/// A ticket.
pub fn ticket(id: &str) -> TicketRef {
    TicketRef {
        id: id.to_owned(),
        title: None,
        url: Some(format!("https://tickets.example/{id}")),
    }
}

/// A pull request.
pub fn pull_request(id: &str, title: &str) -> PullRequest {
    PullRequest {
        id: id.to_owned(),
        title: Some(title.to_owned()),
        url: Some(format!("https://git.example/payments/pull/{id}")),
        author: None,
        approved_by: Vec::new(),
        merged_by: None,
        merge_commit: None,
    }
}

/// A ledger being written.
#[derive(Default)]
pub struct Ledger {
    /// What it holds.
    pub records: Vec<Recorded>,
}

impl Ledger {
    /// Adds an event recorded one minute after it happened.
    pub fn add(&mut self, at_minutes: i64, event_type: &str, subject: &str, body: Body) -> &mut Recorded {
        let index = self.records.len() as u64;
        let (kind, predicate) = event_type.split_once('.').unwrap();
        self.records.push(Recorded {
            index,
            recorded_at: at(at_minutes + 1),
            producer: "ci".parse().unwrap(),
            event: Event {
                id: format!("event-{index}"),
                source: "https://ci.example".to_owned(),
                event_type: EventType {
                    text: format!("dev.cdevents.{event_type}.0.1.0"),
                    subject: kind.to_owned(),
                    predicate: predicate.to_owned(),
                    version: "0.1.0".to_owned(),
                    standard: true,
                },
                spec_version: "0.5.1".to_owned(),
                occurred_at: at(at_minutes),
                chain_id: None,
                subject_id: subject.to_owned(),
                subject_source: None,
                service: Some("payments".parse().unwrap()),
                environment: Some("production".parse().unwrap()),
                body,
                extension: Extension::default(),
            },
        });
        self.records.last_mut().unwrap()
    }

    /// A deployment of `payments` to production that started at that minute and succeeded three minutes later.
    /// The extension goes with its start.
    pub fn deploy(&mut self, at_minutes: i64, id: &str, version: &str, extension: Extension) -> u64 {
        let index = self.start(at_minutes, id, version, extension);
        self.finish(at_minutes + 3, id, version, Outcome::Success);
        index
    }

    /// The start of a deployment.
    pub fn start(&mut self, at_minutes: i64, id: &str, version: &str, extension: Extension) -> u64 {
        let artifact = image("payments", version);
        let record = self.add(
            at_minutes,
            "deployment.started",
            id,
            Body::Deployment {
                phase: Phase::Started,
                artifact,
            },
        );
        record.event.extension = Extension {
            version: Some(version.to_owned()),
            ..extension
        };
        record.index
    }

    /// The end of a deployment.
    pub fn finish(&mut self, at_minutes: i64, id: &str, version: &str, outcome: Outcome) -> &mut Recorded {
        let artifact = image("payments", version);
        let phase = Phase::Finished(outcome);
        self.add(
            at_minutes,
            "deployment.finished",
            id,
            Body::Deployment { phase, artifact },
        )
    }

    /// A word about the service itself.
    pub fn service(&mut self, at_minutes: i64, step: ServiceStep, version: Option<&str>) -> &mut Recorded {
        let artifact = version.map(|version| image("payments", version));
        self.add(
            at_minutes,
            "service.deployed",
            "payments",
            Body::Service { step, artifact },
        )
    }

    /// An approval by a person, bound to that version's artifact.
    pub fn approve(&mut self, at_minutes: i64, person: &str, version: &str) -> &mut Recorded {
        let body = Body::Approval(Approval {
            step: ApprovalStep::Closed,
            person: Some(person.to_owned()),
            decision: Some(Decision::Approved),
            status: Some("approved".to_owned()),
            target: None,
            details: None,
        });
        let id = format!("approval-{}", self.records.len());
        let record = self.add(at_minutes, "approval.closed", &id, body);
        record.event.extension.artifact = Some(digest(version));
        record.event.extension.role = Some("release manager".to_owned());
        record
    }

    /// The end of a test suite, bound to that version's artifact.
    pub fn test(&mut self, at_minutes: i64, name: &str, version: &str, outcome: Outcome) -> &mut Recorded {
        let body = Body::TestRun(TestRun {
            suite: true,
            phase: RunPhase::Finished(Some(outcome)),
            name: Some(name.to_owned()),
            kind: Some("integration".to_owned()),
            reason: None,
            severity: None,
            uri: None,
        });
        let id = format!("test-{}", self.records.len());
        let record = self.add(at_minutes, "testsuiterun.finished", &id, body);
        record.event.environment = Some("staging".parse().unwrap());
        record.event.extension.artifact = Some(digest(version));
        record
    }

    /// That the image of that version was packaged.
    pub fn made(&mut self, at_minutes: i64, version: &str) -> &mut Recorded {
        let artifact = image("payments", version);
        let id = artifact.id.clone();
        let body = Body::Artifact {
            step: ArtifactStep::Packaged,
            artifact,
            change: None,
            sbom: None,
        };
        let record = self.add(at_minutes, "artifact.packaged", &id, body);
        record.event.environment = None;
        record
    }

    /// What is declared about a person.
    pub fn alias(&mut self, at_minutes: i64, said: AliasDeclaration) -> &mut Recorded {
        let person = said.person.clone();
        let record = self.ours(at_minutes, ALIAS_DECLARED, &person);
        record.event.extension.alias = Some(Box::new(said));
        record
    }

    /// An exception, signed with another key than deployments are.
    pub fn except(&mut self, at_minutes: i64, id: &str, grant: ExceptionGrant) -> &mut Recorded {
        let record = self.ours(at_minutes, EXCEPTION_GRANTED, id);
        record.producer = "risk-desk".parse().unwrap();
        record.event.extension.exception = Some(Box::new(grant));
        record
    }

    /// The revocation of an exception.
    pub fn revoke_exception(&mut self, at_minutes: i64, id: &str) -> &mut Recorded {
        self.ours(at_minutes, EXCEPTION_REVOKED, id)
    }

    /// An attestation by somebody, for everything.
    pub fn attest(&mut self, at_minutes: i64, id: &str, by: &str, said: AttestationStatement) -> &mut Recorded {
        let record = self.ours(at_minutes, ATTESTATION_MADE, id);
        record.event.extension.actor = Some(human(by));
        record.event.extension.attestation = Some(Box::new(said));
        record
    }

    /// The revocation of an attestation.
    pub fn revoke_attestation(&mut self, at_minutes: i64, id: &str) -> &mut Recorded {
        self.ours(at_minutes, ATTESTATION_REVOKED, id)
    }

    /// A sample of all services in production in the hour from minute 0, which was issued.
    pub fn sample(&mut self, at_minutes: i64, items: &[u64]) -> &mut Recorded {
        let record = self.ours(at_minutes, DOCUMENT_ISSUED, "paper");
        record.event.extension.document = Some(Box::new(IssuedDocument {
            kind: "sample".to_owned(),
            title: "Sample".to_owned(),
            query: "shipslog sample --environment production".to_owned(),
            tree_size: 1,
            root: String::new(),
            time_zone: "UTC".to_owned(),
            template: "sample.md".to_owned(),
            template_sha256: String::new(),
            tool_version: "1.2.3".to_owned(),
            markdown_sha256: String::new(),
            html_sha256: String::new(),
            json_sha256: String::new(),
            sample: Some(IssuedSample {
                environment: "production".parse().unwrap(),
                service: None,
                from: at(0),
                to: at(60),
                items: items.to_vec(),
            }),
        }));
        record
    }

    /// An auditor's conclusion, of an item or of a whole sample.
    pub fn conclude(&mut self, at_minutes: i64, sample: u64, item: Option<u64>, result: AuditResult) -> &mut Recorded {
        let record = self.ours(at_minutes, CONCLUSION_DRAWN, "conclusion");
        record.producer = "auditor".parse().unwrap();
        record.event.extension.actor = Some(human("ursula"));
        record.event.extension.conclusion = Some(Box::new(Conclusion {
            sample,
            item,
            result,
            text: "Looked at the ticket and the tests.".to_owned(),
        }));
        record
    }

    /// An event of a type of our own, of no service and no environment.
    fn ours(&mut self, at_minutes: i64, event_type: &str, subject: &str) -> &mut Recorded {
        let record = self.add(at_minutes, "shipslog.of", subject, Body::Other);
        record.event.event_type.text = event_type.to_owned();
        (record.event.service, record.event.environment) = (None, None);
        record
    }

    /// A word about an incident on `payments` in production.
    pub fn incident(&mut self, at_minutes: i64, id: &str, step: IncidentStep) -> &mut Recorded {
        let description = Some(format!("{id} hurts"));
        self.add(
            at_minutes,
            "incident.detected",
            id,
            Body::Incident {
                step,
                description,
                ticket: None,
                artifact: None,
            },
        )
    }

    /// Moves everything recorded since `from` to another environment.
    pub fn move_to(&mut self, from: usize, environment: &str) {
        for record in &mut self.records[from..] {
            record.event.environment = Some(environment.parse().unwrap());
        }
    }

    /// The deployments in it.
    pub fn deployments(&self) -> Vec<Deployment> {
        deployment::fold(&self.records)
    }

    /// The deployment with that id.
    pub fn deployment(&self, id: &str) -> Deployment {
        self.deployments().into_iter().find(|d| d.id.as_str() == id).unwrap()
    }
}
