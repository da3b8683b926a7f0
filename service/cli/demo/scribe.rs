//! Writes the events of the demonstration, each with an id, a time and a signer.
//!
//! Deterministic: what looks like chance is a hash of the seed.

use ledger::sha256;
use serde_json::{Value, json};
use uuid::Builder;

use super::cast::{Person, Service, Signer};
use super::facts::{Attempt, Recording, Release, Trouble};
use crate::cli::event::{
    APPROVAL_CLOSED, APPROVAL_CREATED, DEPLOYMENT_FINISHED, DEPLOYMENT_QUEUED, DEPLOYMENT_STARTED, Draft,
    INCIDENT_DETECTED, INCIDENT_REPORTED, INCIDENT_RESOLVED, PAYLOAD_TYPE, TEST_SUITE_FINISHED, person, reference,
};
use crate::domain::exposure::{Downtime, Risk, RiskLevel};
use crate::domain::extension::{
    Actor, ActorKind, DeploymentKind, PullRequest, ReviewVerdict, RollbackPlan, TestDetail, TicketRef, Tier,
};
use crate::domain::{Extension, Instant};

mod aside;
mod runtime;

/// The writer of the story.
pub struct Scribe {
    seed: u64,
    counter: u64,
    asides: u64,
    recordings: Vec<Recording>,
    /// What went into production, in the order in which it was told.
    live: Vec<runtime::Live>,
}

/// What the cluster calls itself.
const CLOUD: &str = "https://cloud.northwind.example";
const MINUTE: i64 = 60_000;

impl Scribe {
    /// A scribe whose chance comes from this seed.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            counter: 0,
            asides: 0,
            recordings: Vec::new(),
            live: Vec::new(),
        }
    }

    /// Everything written, in the order in which it is recorded.
    pub fn finish(mut self) -> Vec<Recording> {
        self.recordings.sort_by_key(|recording| recording.recorded_at);
        self.recordings
    }

    /// The next 32 bytes of chance.
    fn chance(&mut self) -> [u8; 32] {
        self.counter += 1;
        sha256(format!("{} {}", self.seed, self.counter).as_bytes()).0
    }

    /// A number from 0 up to, and without, `below`.
    pub fn roll(&mut self, below: u64) -> u64 {
        let bytes = self.chance();
        u64::from_be_bytes([
            bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7],
        ]) % below
    }

    /// Hexadecimal digits: a commit, a digest.
    pub fn hex(&mut self, digits: usize) -> String {
        sha256(&self.chance()).to_hex()[..digits].to_owned()
    }

    /// An id in order of time.
    pub fn id(&mut self, at: Instant) -> String {
        let mut random = [0; 10];
        random.copy_from_slice(&self.chance()[..10]);
        // The story is later than 1970.
        Builder::from_unix_timestamp_millis(at.as_millis().unsigned_abs(), &random)
            .into_uuid()
            .to_string()
    }

    fn write(&mut self, signer: Signer, at: Instant, late: i64, draft: &Draft) {
        let id = self.id(at);
        let delay = late * MINUTE + 400 + 100 * self.roll(60) as i64;
        // Serialising values that were just made cannot fail; if it did, the tests would miss the record.
        if let Ok(payload) = draft.payload(&id, at) {
            self.recordings.push(Recording {
                recorded_at: at.plus_millis(delay),
                signer,
                payload_type: PAYLOAD_TYPE,
                payload,
            });
        }
    }

    /// An environment comes to be.
    pub fn environment(&mut self, at: Instant, name: &str, tier: Tier) {
        let extension = Extension {
            tier: Some(tier),
            ..Extension::default()
        };
        let content = json!({ "name": name, "uri": format!("https://{name}.northwind.example") });
        self.write(
            Signer::Platform,
            at,
            0,
            &draft(
                "dev.cdevents.environment.created.0.3.0",
                CLOUD,
                name,
                content,
                extension,
            ),
        );
    }

    /// A pull request is reviewed and merged.
    pub fn merged(&mut self, at: Instant, service: &'static Service, pull: &PullRequest, ticket: Option<&TicketRef>) {
        let repository = repository(service);
        let base = Extension {
            service: service.name.parse().ok(),
            commit: pull.merge_commit.clone(),
            repository: Some(repository.clone()),
            pull_requests: vec![pull.clone()],
            tickets: ticket.cloned().into_iter().collect(),
            ..Extension::default()
        };
        let content = json!({ "repository": reference(Some(&repository)) });
        let signer = service.team.pipeline;
        for reviewer in &pull.approved_by {
            let extension = Extension {
                review: Some(ReviewVerdict::Approved),
                actor: Some(human(reviewer)),
                ..base.clone()
            };
            let reviewed = draft(
                "dev.cdevents.change.reviewed.0.3.0",
                &repository,
                &pull.id,
                content.clone(),
                extension,
            );
            self.write(signer, at.plus_millis(-40 * MINUTE), 0, &reviewed);
        }
        let extension = Extension {
            actor: pull.merged_by.as_deref().map(human),
            ..base
        };
        self.write(
            signer,
            at,
            0,
            &draft(
                "dev.cdevents.change.merged.0.3.0",
                &repository,
                &pull.id,
                content,
                extension,
            ),
        );
    }

    /// A version is built.
    pub fn packaged(&mut self, at: Instant, release: &Release) {
        let extension = Extension {
            run_url: Some(self.run_url(release.service)),
            ..about(release)
        };
        let content = json!({
            "change": { "id": release.commit, "source": repository(release.service) },
            "sbom": { "uri": format!("https://artifacts.northwind.example/{}/{}/sbom.json", release.service.name, release.version) },
        });
        let source = repository(release.service);
        let event = draft(
            "dev.cdevents.artifact.packaged.0.3.0",
            &source,
            &release.artifact,
            content,
            extension,
        );
        self.write(release.service.team.pipeline, at, 0, &event);
    }

    /// A test suite has run on a version.
    pub fn tested(&mut self, at: Instant, release: &Release, environment: &str, kind: &str, failed: u64) {
        let id = self.id(at);
        let passed = 40 + self.roll(400);
        let suite = format!("{} {kind}", release.service.name);
        let extension = Extension {
            artifact: Some(release.artifact.clone()),
            run_url: Some(self.run_url(release.service)),
            test: Some(TestDetail {
                kind: Some(kind.to_owned()),
                passed: Some(passed),
                failed: Some(failed),
                skipped: Some(0),
                url: None,
            }),
            ..about(release)
        };
        let content = json!({
            "environment": reference(Some(environment)),
            "outcome": if failed == 0 { "success" } else { "failure" },
            "testSuite": { "id": suite, "name": suite },
        });
        let event = draft(
            TEST_SUITE_FINISHED,
            &repository(release.service),
            &id,
            content,
            extension,
        );
        self.write(release.service.team.pipeline, at, 0, &event);
    }

    /// Somebody asks for the approval of a version for production, and somebody gives it.
    pub fn approved(&mut self, asked: Instant, given: Instant, release: &Release, by: Person, asked_by: Person) {
        let id = format!("REL-{}-{}", release.service.name, release.version);
        let page = format!("https://releases.northwind.example/{id}");
        let extension = Extension {
            artifact: Some(release.artifact.clone()),
            environment: "production".parse().ok(),
            ..about(release)
        };
        let request = json!({
            "approvalDetailsUrl": page, "resourceTargetUrl": release.artifact, "requestor": person(asked_by.email),
        });
        let asking = Extension {
            actor: Some(shown(asked_by)),
            ..extension.clone()
        };
        let source = "https://releases.northwind.example";
        self.write(
            Signer::ReleaseDesk,
            asked,
            0,
            &draft(APPROVAL_CREATED, source, &id, request, asking),
        );
        let answer = json!({
            "approvalDetailsUrl": page, "resourceTargetUrl": release.artifact, "responder": person(by.email),
            "decision": "approved", "status": "approved",
        });
        let giving = Extension {
            actor: Some(shown(by)),
            role: Some("release manager".to_owned()),
            ..extension
        };
        self.write(
            Signer::ReleaseDesk,
            given,
            0,
            &draft(APPROVAL_CLOSED, source, &id, answer, giving),
        );
    }

    /// A deployment runs for `minutes`. Gives its id.
    pub fn deployed(&mut self, at: Instant, minutes: i64, release: &Release, attempt: &Attempt) -> String {
        let id = self.id(at);
        let extension = self.deployment(release, attempt);
        let (signer, source) = (release.service.team.pipeline, repository(release.service));
        let content = |outcome: Option<&str>| {
            json!({
                "artifactId": release.artifact,
                "environment": reference(Some(attempt.environment)),
                "outcome": outcome,
            })
        };
        let bare = Extension {
            commits: Vec::new(),
            pull_requests: Vec::new(),
            ..extension.clone()
        };
        if attempt.environment == "production" && attempt.documented {
            let queued = draft(DEPLOYMENT_QUEUED, &source, &id, content(None), bare.clone());
            self.write(signer, at.plus_millis(-3 * MINUTE), attempt.late, &queued);
        }
        self.write(
            signer,
            at,
            attempt.late,
            &draft(DEPLOYMENT_STARTED, &source, &id, content(None), bare),
        );
        let finished = draft(
            DEPLOYMENT_FINISHED,
            &source,
            &id,
            content(Some(attempt.outcome)),
            extension,
        );
        let end = at.plus_millis(minutes * MINUTE);
        self.write(signer, end, attempt.late, &finished);
        self.goes_live(end, release, attempt);
        let watched = attempt.environment == "production" && attempt.outcome == "success" && attempt.documented;
        if watched && attempt.kind != DeploymentKind::Baseline {
            self.tested(end.plus_millis(5 * MINUTE), release, "production", "smoke", 0);
        }
        id
    }

    fn deployment(&mut self, release: &Release, attempt: &Attempt) -> Extension {
        let pipeline = release.service.team.pipeline.name();
        let actor = attempt.by.map_or_else(
            || Actor {
                id: pipeline.to_owned(),
                kind: Some(ActorKind::Pipeline),
                name: None,
            },
            shown,
        );
        let base = Extension {
            actor: Some(actor),
            kind: Some(attempt.kind),
            reason: attempt.reason.clone(),
            ..about(release)
        };
        if !attempt.documented {
            return Extension {
                kind: None,
                tickets: Vec::new(),
                ..base
            };
        }
        let forward = attempt.kind != DeploymentKind::Rollback;
        let production = attempt.environment == "production";
        Extension {
            commits: if forward { release.commits.clone() } else { Vec::new() },
            pull_requests: if forward {
                release.pull_requests.clone()
            } else {
                Vec::new()
            },
            planned: Some(matches!(
                attempt.kind,
                DeploymentKind::Normal | DeploymentKind::Standard
            )),
            impact: production.then(|| "No interruption expected; rolling update".to_owned()),
            downtime: production.then_some(Downtime {
                planned_minutes: Some(0),
                actual_minutes: None,
            }),
            risk: production.then(|| risk(attempt.kind)),
            rollback_plan: forward.then(|| RollbackPlan {
                reference: Some(format!(
                    "https://wiki.northwind.example/runbooks/{}#rollback",
                    release.service.name
                )),
                target_version: Some(release.previous.clone()),
            }),
            remediates: attempt.remediates.clone(),
            run_url: Some(self.run_url(release.service)),
            reason: attempt.reason.clone().or_else(|| Some(purpose(release))),
            ..base
        }
    }

    /// An incident from detection to resolution, with a ticket in between.
    pub fn incident(&mut self, at: Instant, trouble: &Trouble) {
        let ticket = format!("https://oncall.northwind.example/incidents/{}", trouble.id);
        let content = |ticket: Option<&str>| {
            json!({
                "environment": reference(Some("production")),
                "service": reference(trouble.service),
                "description": trouble.description,
                "ticketURI": ticket,
            })
        };
        let seen = Extension {
            severity: Some(trouble.severity.to_owned()),
            version: trouble.version.clone(),
            impact_start: Some(at.plus_millis(-4 * MINUTE)),
            ..Extension::default()
        };
        let known = Extension {
            caused_by: trouble.caused_by.clone(),
            cause_class: trouble.cause,
            ..seen.clone()
        };
        let source = "https://oncall.northwind.example";
        let reported = at.plus_millis(6 * MINUTE);
        let resolved = at.plus_millis(trouble.minutes * MINUTE);
        let mut write = |event_type, at, content, extension| {
            self.write(
                Signer::Monitoring,
                at,
                0,
                &draft(event_type, source, trouble.id, content, extension),
            );
        };
        write(INCIDENT_DETECTED, at, content(None), seen);
        write(INCIDENT_REPORTED, reported, content(Some(&ticket)), known.clone());
        write(INCIDENT_RESOLVED, resolved, content(None), known);
    }

    fn run_url(&mut self, service: &Service) -> String {
        format!(
            "{}/actions/runs/{}",
            repository(service),
            7_000_000 + self.roll(900_000)
        )
    }
}

/// Why a version is released, from the tickets in it, else from its pull requests.
fn purpose(release: &Release) -> String {
    let tickets = release.tickets.iter().filter_map(|ticket| ticket.title.as_deref());
    let pulls = release.pull_requests.iter().filter_map(|pull| pull.title.as_deref());
    let named = if release.tickets.is_empty() {
        pulls.collect::<Vec<_>>()
    } else {
        tickets.collect()
    };
    format!("Release {}: {}", release.version, named.join("; "))
}

/// How risky it is thought to be to deploy something.
fn risk(kind: DeploymentKind) -> Risk {
    let (level, text) = match kind {
        DeploymentKind::Emergency => (RiskLevel::High, Some("Was not rehearsed in staging.")),
        DeploymentKind::Hotfix => (RiskLevel::Medium, Some("Repairs a release that had to be taken back.")),
        DeploymentKind::Standard
        | DeploymentKind::Normal
        | DeploymentKind::Rollback
        | DeploymentKind::Redeploy
        | DeploymentKind::Baseline => (RiskLevel::Low, None),
    };
    Risk {
        level,
        text: text.map(str::to_owned),
    }
}

/// Repository of a service.
pub fn repository(service: &Service) -> String {
    format!("https://git.northwind.example/{}", service.name)
}

fn about(release: &Release) -> Extension {
    Extension {
        version: Some(release.version.clone()),
        service: release.service.name.parse().ok(),
        commit: Some(release.commit.clone()),
        repository: Some(repository(release.service)),
        tickets: release.tickets.clone(),
        ..Extension::default()
    }
}

fn draft(event_type: &'static str, source: &str, subject: &str, content: Value, extension: Extension) -> Draft {
    Draft {
        event_type,
        source: source.to_owned(),
        subject: subject.to_owned(),
        content,
        extension,
    }
}

fn human(email: &str) -> Actor {
    Actor {
        id: email.to_owned(),
        kind: Some(ActorKind::Human),
        name: None,
    }
}

fn shown(person: Person) -> Actor {
    Actor {
        id: person.email.to_owned(),
        kind: Some(ActorKind::Human),
        name: Some(person.name.to_owned()),
    }
}
