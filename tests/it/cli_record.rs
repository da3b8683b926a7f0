//! `shipslog record`: what it writes is what the service reads.

use std::process::Command;

use ledger::Envelope;
use shipslog::domain::event::{ApprovalStep, Body, ChangeStep, IncidentStep, Phase, ServiceStep};
use shipslog::domain::exposure::RiskLevel;
use shipslog::domain::extension::DeploymentKind;
use shipslog::domain::parse::parse;
use shipslog::domain::{Event, Outcome};

use crate::support::binary::{code, command, stdout};
use crate::support::key;

/// A folder with a key to sign with.
pub struct Desk {
    pub folder: tempfile::TempDir,
}

impl Desk {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key.pem"), key(1).to_pem().as_bytes()).unwrap();
        std::fs::write(folder.path().join("key.pub.pem"), key(1).public().to_pem()).unwrap();
        Self { folder }
    }

    pub fn at(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// The event that a dry run would send.
    #[track_caller]
    pub fn dry(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Event {
        let output = bare()
            .args(arguments)
            .args(["--dry-run", "--key", &self.at("key.pem")])
            .envs(variables.iter().copied())
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let envelope = Envelope::parse(stdout(&output).trim_end().as_bytes()).unwrap();
        let verified = envelope.verify(|_| vec![key(1).public()]).unwrap();
        parse(verified.payload_type(), verified.payload()).unwrap()
    }

    /// The exit code and the message of a command that is refused before anything is sent.
    pub fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let output = bare()
            .args(arguments)
            .args(["--dry-run", "--key", &self.at("key.pem")])
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(output.stdout.is_empty(), "{output:?}");
        (code(&output), String::from_utf8(output.stderr).unwrap())
    }
}

#[test]
fn a_deployment_says_what_flags_and_the_pipeline_say() {
    let desk = Desk::new();
    let github = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SHA", "0b31d5a0f6e2c4b8a9d7e6f5c4b3a2918070605f"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "acme/shop"),
        ("GITHUB_RUN_ID", "77"),
        ("GITHUB_ACTOR", "mona"),
        ("SHIPSLOG_ENVIRONMENT", "production"),
    ];
    let arguments = [
        "deployment",
        "--service",
        "shop",
        "--version",
        "1.2.3",
        "--ticket",
        "PAY-1=https://t/PAY-1",
        "--kind",
        "emergency",
    ];
    let event = desk.dry(&arguments, &github);
    assert!(
        matches!(
            event.body,
            Body::Deployment {
                phase: Phase::Finished(Outcome::Success),
                ..
            }
        ),
        "{event:?}"
    );
    assert_eq!(event.service.as_ref().unwrap().as_str(), "shop");
    assert_eq!(event.environment.as_ref().unwrap().as_str(), "production");
    let said = &event.extension;
    assert_eq!(said.version.as_deref(), Some("1.2.3"));
    assert_eq!(said.commit.as_deref(), Some("0b31d5a0f6e2c4b8a9d7e6f5c4b3a2918070605f"));
    assert_eq!(
        said.run_url.as_deref(),
        Some("https://github.com/acme/shop/actions/runs/77")
    );
    assert_eq!(said.actor.as_ref().unwrap().id, "mona");
    assert_eq!(said.tickets[0].id, "PAY-1");
    assert_eq!(said.kind, Some(DeploymentKind::Emergency));
    assert_eq!(event.source, "https://github.com/acme/shop");

    let exposed = [
        "--planned-downtime",
        "5",
        "--risk",
        "high",
        "--risk-text",
        "No way back",
        "--share",
        "10",
        "--strategy",
        "canary",
    ];
    let exposed = desk.dry(&[&arguments[..], &exposed].concat(), &github).extension;
    let (downtime, risk) = (exposed.downtime.unwrap(), exposed.risk.unwrap());
    assert_eq!((downtime.planned_minutes, downtime.actual_minutes), (Some(5), None));
    assert_eq!(
        (risk.level, risk.text.as_deref()),
        (RiskLevel::High, Some("No way back"))
    );
    let rollout = exposed.rollout.unwrap();
    assert_eq!(
        (rollout.share_percent, rollout.strategy.as_deref()),
        (10, Some("canary"))
    );
    assert_eq!((&said.downtime, &said.risk, &said.rollout), (&None, &None, &None));
    for (wrong, flag) in [
        (&["--share", "101"][..], "--share"),
        (&["--risk-text", "x"], "--risk"),
        (&["--strategy", "canary"], "--share"),
    ] {
        let (code, said) = desk.refused(&[&arguments[..], wrong].concat());
        assert!(code == 2 && said.contains(flag), "{said}");
    }

    // The records of one run are about one deployment, each an event of its own.
    let started = desk.dry(&[&arguments[..], &["--phase", "started"]].concat(), &github);
    assert!(matches!(
        started.body,
        Body::Deployment {
            phase: Phase::Started,
            ..
        }
    ));
    assert_eq!(started.subject_id, event.subject_id);
    assert_ne!(started.id, event.id);
}

#[test]
fn every_noun_is_read_as_it_was_meant() {
    let desk = Desk::new();
    let place = ["--service", "shop", "--environment", "production"];
    let dry = |noun: &str, arguments: &[&str]| desk.dry(&[&[noun], &place[..], arguments].concat(), &[]);

    let incident = dry(
        "incident",
        &[
            "--id",
            "INC-1",
            "--description",
            "slow",
            "--severity",
            "high",
            "--caused-by",
            "d-1",
        ],
    );
    assert!(matches!(
        incident.body,
        Body::Incident {
            step: IncidentStep::Detected,
            ..
        }
    ));
    assert_eq!(incident.extension.caused_by.as_deref(), Some("d-1"));
    let resolved = dry(
        "incident",
        &["--id", "INC-1", "--phase", "resolved", "--cause-class", "change"],
    );
    assert!(matches!(
        resolved.body,
        Body::Incident {
            step: IncidentStep::Resolved,
            ..
        }
    ));
    let reported = dry(
        "incident",
        &[
            "--id",
            "INC-1",
            "--phase",
            "reported",
            "--ticket-url",
            "https://t/INC-1",
        ],
    );
    assert!(matches!(
        reported.body,
        Body::Incident {
            step: IncidentStep::Reported,
            ..
        }
    ));

    let steps = [
        ("approved", ApprovalStep::Closed),
        ("rejected", ApprovalStep::Closed),
        ("requested", ApprovalStep::Created),
        ("deferred", ApprovalStep::Updated),
    ];
    for (decision, step) in steps {
        let approval = dry(
            "approval",
            &[
                "--by",
                "grace@example.org",
                "--decision",
                decision,
                "--artifact",
                "pkg:oci/shop@1",
            ],
        );
        let Body::Approval(body) = &approval.body else {
            panic!("{approval:?}")
        };
        assert_eq!(body.step, step, "{decision}");
        assert_eq!(body.person.as_deref(), Some("mailto:grace@example.org"));
        assert_eq!(approval.service.as_ref().unwrap().as_str(), "shop");
        assert_eq!(approval.environment.as_ref().unwrap().as_str(), "production");
    }

    let test = dry(
        "test",
        &[
            "--suite",
            "e2e",
            "--outcome",
            "failure",
            "--failed",
            "2",
            "--artifact",
            "pkg:oci/shop@1",
        ],
    );
    let Body::TestRun(run) = &test.body else {
        panic!("{test:?}")
    };
    assert!(run.suite && run.name.as_deref() == Some("e2e"));
    assert_eq!(test.extension.test.as_ref().unwrap().failed, Some(2));

    let rollout = dry(
        "rollout",
        &["0", "--strategy", "flag", "--deployment", "d-1", "--reason", "slow"],
    );
    assert!(matches!(
        rollout.body,
        Body::Service {
            step: ServiceStep::Published,
            artifact: None
        }
    ));
    assert_eq!(rollout.environment.as_ref().unwrap().as_str(), "production");
    assert_eq!(rollout.extension.deployment_id.as_ref().unwrap().as_str(), "d-1");
    let told = rollout.extension.rollout.unwrap();
    assert_eq!((told.share_percent, told.strategy.as_deref()), (0, Some("flag")));

    let change = desk.dry(
        &[
            "change",
            "--id",
            "12",
            "--repository",
            "https://git/shop",
            "--title",
            "x",
            "--author",
            "a@b",
        ],
        &[],
    );
    assert!(matches!(
        change.body,
        Body::Change {
            step: ChangeStep::Merged,
            ..
        }
    ));
    let reviewed = desk.dry(
        &[
            "change",
            "--id",
            "12",
            "--phase",
            "reviewed",
            "--reviewer",
            "bob",
            "--verdict",
            "approved",
        ],
        &[],
    );
    assert!(matches!(
        reviewed.body,
        Body::Change {
            step: ChangeStep::Reviewed,
            ..
        }
    ));
    for phase in ["created", "updated", "abandoned"] {
        desk.dry(&["change", "--id", "12", "--phase", phase, "--title", "x"], &[]);
    }
}

#[test]
fn what_is_missing_is_named() {
    let desk = Desk::new();
    for (arguments, named) in [
        (&["deployment", "--environment", "e", "--version", "1"][..], "--service"),
        (&["deployment", "--service", "s", "--version", "1"], "--environment"),
        (&["deployment", "--service", "s", "--environment", "e"], "--version"),
        (
            &[
                "deployment",
                "--service",
                "s",
                "--environment",
                "e",
                "--version",
                "1",
                "--phase",
                "started",
                "--outcome",
                "success",
            ],
            "--outcome",
        ),
        (
            &["incident", "--id", "i", "--environment", "e", "--phase", "reported"],
            "--ticket-url",
        ),
        (
            &["approval", "--service", "s", "--environment", "e", "--by", "b"],
            "--artifact",
        ),
        (
            &[
                "test",
                "--service",
                "s",
                "--environment",
                "e",
                "--suite",
                "u",
                "--outcome",
                "success",
            ],
            "--commit",
        ),
        (&["change", "--id", "1", "--phase", "reviewed"], "--reviewer"),
        (&["deployment", "--service", "", "--environment", "e"], "--service"),
    ] {
        let (code, message) = desk.refused(arguments);
        assert_eq!(code, 2, "{arguments:?}: {message}");
        assert!(message.contains(named), "{arguments:?}: {message}");
    }
}

/// `shipslog record` outside any pipeline, whatever runs these tests.
fn bare() -> Command {
    let mut command = command(&["record"]);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}
