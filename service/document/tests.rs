//! Documents over a short history of one service.

use super::audience::Audience;
use super::compliance::{ComplianceInput, ComplianceReport, LogPeriod};
use super::release_notes::{
    Point, RELEASE_TEMPLATE, ReleaseInput, ReleaseNotes, ReleaseNotesInput, Scope, compose_release,
};
use super::*;
use crate::catalogue::Catalogue;
use crate::check::Parameters;
use crate::domain::event::{IncidentStep, ServiceStep};
use crate::domain::exposure::{Downtime, Risk, RiskLevel, Rollout};
use crate::domain::extension::{Commit, DependencyChange, DeploymentKind, Extension, RollbackPlan, TicketRef};
use crate::domain::fixture::{Ledger, at, commit, digest, grant, human, pipeline, pull_request, ticket};
use crate::domain::highlight::{HighlightKind, HighlightText};
use crate::domain::keyring::Keyring;
use crate::domain::service::{Declaration, TicketLink};
use crate::domain::{Body, Outcome, Period};
use crate::reconcile::{Completeness, Input, Query, reconcile};
use crate::render::{Templates, to_html};

mod assessed;
mod audiences;
mod compliance_report;
mod hostile;
mod notes;
mod oscal;
mod outlook;
mod people;
mod releases;
mod service_report_document;

fn view(ledger: &Ledger) -> LedgerView {
    LedgerView {
        origin: "log.example/payments".to_owned(),
        tree_size: ledger.records.len() as u64,
        root: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned(),
        checkpoint:
            "log.example/payments\n42\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— log.example/payments AbCd\n"
                .to_owned(),
        erased: Vec::new(),
    }
}

fn request<'a>(ledger: &'a LedgerView, template: &'a str) -> Request<'a> {
    Request {
        ledger,
        query: "shipslog example",
        time_zone: Zone::UTC,
        template,
        template_sha256: "00ff",
        catalogue_sha256: "ff00",
    }
}

fn notes(ledger: &Ledger, scope: Scope) -> Result<ReleaseNotes, DocumentError> {
    let facts = Facts::fold(&ledger.records);
    let view = view(ledger);
    release_notes::compose(&ReleaseNotesInput {
        request: request(&view, release_notes::TEMPLATE),
        service: &"payments".parse().unwrap(),
        environment: &"production".parse().unwrap(),
        scope: &scope,
        facts: &facts,
        parameters: &Parameters::default(),
    })
}

/// Release notes for an audience: the context, and what is rendered from it.
fn variant(ledger: &Ledger, scope: Scope, audience: Audience) -> (serde_json::Value, String) {
    let facts = Facts::fold(&ledger.records);
    let view = view(ledger);
    let template = release_notes::template(audience);
    let composed = release_notes::compose_for(
        &ReleaseNotesInput {
            request: request(&view, template),
            service: &"payments".parse().unwrap(),
            environment: &"production".parse().unwrap(),
            scope: &scope,
            facts: &facts,
            parameters: &Parameters::default(),
        },
        audience,
    );
    let composed = composed.unwrap();
    let mut context = serde_json::to_value(&composed).unwrap();
    context["generated"]["tool"]["version"] = "1.2.3".into();
    let text = markdown(template, &context);
    (context, text)
}

/// Release notes over several services between two minutes: the context, and what is rendered from it.
fn release_of(
    ledger: &Ledger,
    services: &[&str],
    from: i64,
    to: i64,
    audience: Audience,
) -> (serde_json::Value, String) {
    let view = view(ledger);
    let of = |service: &&str| (service.parse().unwrap(), Facts::fold(&ledger.records));
    let services: Vec<_> = services.iter().map(of).collect();
    let release = compose_release(&ReleaseInput {
        request: request(&view, RELEASE_TEMPLATE),
        environment: &"production".parse().unwrap(),
        from: at(from),
        to: at(to),
        audience,
        services: &services,
        parameters: &Parameters::default(),
    });
    let mut context = serde_json::to_value(release.unwrap()).unwrap();
    context["generated"]["tool"]["version"] = "1.2.3".into();
    let text = markdown(RELEASE_TEMPLATE, &context);
    (context, text)
}

fn notes_of(ledger: &Ledger, id: &str) -> ReleaseNotes {
    notes(ledger, Scope::Deployment(id.parse().unwrap())).unwrap()
}

fn range(ledger: &Ledger, from: &str, to: &str) -> Result<ReleaseNotes, DocumentError> {
    notes(
        ledger,
        Scope::Range {
            from: Point::parse(from, Zone::UTC)?,
            to: Point::parse(to, Zone::UTC)?,
        },
    )
}

fn report(ledger: &Ledger) -> ComplianceReport {
    report_on(ledger, &[])
}

fn report_on(ledger: &Ledger, frameworks: &[&str]) -> ComplianceReport {
    report_by(ledger, &Catalogue::built_in().unwrap(), &completeness(), frameworks)
}

/// A report by a catalogue, of what was seen to run.
fn report_by(
    ledger: &Ledger,
    catalogue: &Catalogue,
    completeness: &Completeness,
    frameworks: &[&str],
) -> ComplianceReport {
    report_from(ledger, (catalogue, completeness), frameworks, (-10_000, 10_000))
}

/// A report of the time between two minutes.
fn report_of(ledger: &Ledger, frameworks: &[&str], minutes: (i64, i64)) -> ComplianceReport {
    let catalogue = Catalogue::built_in().unwrap();
    report_from(ledger, (&catalogue, &completeness()), frameworks, minutes)
}

fn report_from(
    ledger: &Ledger,
    (catalogue, completeness): (&Catalogue, &Completeness),
    frameworks: &[&str],
    (from, to): (i64, i64),
) -> ComplianceReport {
    let facts = Facts::fold(&ledger.records);
    let view = view(ledger);
    let frameworks: Vec<_> = frameworks.iter().map(|id| catalogue.framework(id).unwrap()).collect();
    compliance::compose(&ComplianceInput {
        request: request(&view, compliance::TEMPLATE),
        environment: &"production".parse().unwrap(),
        service: None,
        period: Period {
            from: at(from),
            to: at(to),
            zone: Zone::UTC,
        },
        frameworks: &frameworks,
        catalogue,
        facts: &facts,
        completeness,
        log: &log(&Keyring::default()),
    })
    .unwrap()
}

/// An environment that nobody looked at.
fn completeness() -> Completeness {
    let query = Query {
        environment: "production".parse().unwrap(),
        service: None,
        from: None,
        to: None,
    };
    let input = Input {
        tree_size: 0,
        recorded_until: None,
        deployments: &[],
        snapshots: &[],
        heard: &[],
        heard_before: &[],
        numbered: &[],
    };
    reconcile(&query, &input)
}

/// A log that began in the period, with nothing but an empty tree before it.
fn log(keyring: &Keyring) -> LogPeriod<'_> {
    let root = ledger::Edge::empty().root();
    LogPeriod {
        recorded_until: at(0),
        before: (0, root),
        after: (0, root),
        consistency: Vec::new(),
        oldest: None,
        erased: &[],
        questions: &[],
        questions_elsewhere: 0,
        administrative: &[],
        keyring,
    }
}

fn markdown(template: &str, context: &impl Serialize) -> String {
    Templates::built_in().unwrap().render(template, context).unwrap()
}

fn without_page(id: &str) -> TicketRef {
    TicketRef {
        url: None,
        ..ticket(id)
    }
}

/// The change set and circumstances of a version.
fn release(commits: Vec<Commit>) -> Extension {
    Extension {
        commits,
        actor: Some(pipeline("release-pipeline")),
        ..Extension::default()
    }
}

/// A deployment of another service to production that ends at that minute; what it says besides its version.
fn elsewhere<'a>(ledger: &'a mut Ledger, at_minutes: i64, service: &str, version: &str) -> &'a mut Extension {
    let record = ledger.finish(at_minutes, &format!("{service}-{version}"), version, Outcome::Success);
    record.event.service = Some(service.parse().unwrap());
    record.event.extension.version = Some(version.to_owned());
    &mut record.event.extension
}

/// Somebody says something about a deployment of payments to production.
fn highlight(ledger: &mut Ledger, at_minutes: i64, deployment: &str, kind: HighlightKind, text: &str) {
    let record = ledger.add(at_minutes, "shipslog-highlight.written", deployment, Body::Other);
    record.event.extension.deployment_id = Some(deployment.parse().unwrap());
    record.event.extension.highlight = Some(Box::new(HighlightText {
        kind,
        text: text.to_owned(),
    }));
}

/// Half a day of payments: a baseline, a release with everything recorded, a bad one, and the way back.
fn story() -> Ledger {
    let mut ledger = Ledger::default();
    let declared = ledger.add(-4 * 1440, "shipslog-service.declared", "payments", Body::Other);
    declared.event.environment = None;
    declared.event.extension.declaration = Some(Box::new(Declaration {
        team: Some("Team Payments".to_owned()),
        ticket_links: vec![TicketLink {
            prefix: "PAY-".to_owned(),
            url: "https://tickets.example/browse/{id}".to_owned(),
        }],
        half_life_minutes: Some(12 * 60),
    }));
    ledger.deploy(-3 * 1440, "run-1", "1.0.0", release(vec![]));
    let from = ledger.records.len();
    ledger.deploy(-180, "stage-2", "1.1.0", release(vec![]));
    ledger.move_to(from, "staging");
    let test = ledger.test(-150, "integration", "1.1.0", Outcome::Success);
    test.event.extension.test = Some(crate::domain::extension::TestDetail {
        kind: None,
        passed: Some(1204),
        failed: Some(0),
        skipped: Some(3),
        url: Some("https://ci.example/tests/7".to_owned()),
    });
    ledger.approve(-20, "bob", "1.1.0");
    let second = Extension {
        commit: Some(commit("feat(refunds): refund card payments (#420)", "alice").id),
        reason: Some("Customers can have card payments refunded.".to_owned()),
        impact: Some("None expected; refunds appear as a new button.".to_owned()),
        planned: Some(true),
        downtime: Some(Downtime {
            planned_minutes: Some(0),
            actual_minutes: Some(2),
        }),
        risk: Some(Risk {
            level: RiskLevel::Medium,
            text: Some("Refunds may be paid out twice; a limit per day is set.".to_owned()),
        }),
        rollout: Some(Rollout {
            share_percent: 10,
            strategy: Some("canary".to_owned()),
        }),
        tickets: vec![ticket("PAY-12"), without_page("PAY-13")],
        pull_requests: vec![pull_request("420", "feat(refunds): refund card payments")],
        dependency_changes: vec![DependencyChange {
            name: "openssl".to_owned(),
            from: Some("3.0.14".to_owned()),
            to: Some("3.4.0".to_owned()),
        }],
        rollback_plan: Some(RollbackPlan {
            reference: None,
            target_version: Some("1.0.0".to_owned()),
        }),
        run_url: Some("https://ci.example/runs/2".to_owned()),
        highlights: Some("Card refunds are here.".to_owned()),
        ..release(vec![
            commit("feat(refunds): refund card payments (#420)\n\nPart of PAY-12.", "alice"),
            commit(
                "feat(api)!: drop the v1 endpoints\n\nBREAKING CHANGE: use /v2 instead.",
                "carol",
            ),
            commit("fix: round amounts half to even\n\nFixes: PAY-13", "alice"),
            commit("chore: tidy", "alice"),
            commit("chore(deps): bump serde", "bot"),
            commit("chore(deps): bump tokio from 1.40.0 to 1.41.0", "bot"),
            commit("Merge branch 'main'", "alice"),
            commit("Reword the receipt", "dave"),
        ])
    };
    ledger.deploy(0, "run-2", "1.1.0", second);
    highlight(
        &mut ledger,
        20,
        "run-2",
        HighlightKind::Action,
        "Tell the desk how to refund.",
    );
    highlight(
        &mut ledger,
        30,
        "run-2",
        HighlightKind::KnownIssue,
        "Refunds of vouchers are rejected.",
    );
    highlight(
        &mut ledger,
        40,
        "run-2",
        HighlightKind::Highlight,
        "Refunds arrive within a day.",
    );
    ledger.deploy(
        90,
        "run-3",
        "1.2.0",
        release(vec![
            commit("feat: instalments", "alice"),
            commit("perf: cache rates", "bob"),
            commit("build(deps): bump tokio from 1.41.0 to 1.42.0 in /api", "bot"),
        ]),
    );
    ledger.approve(94, "bob", "1.2.0");
    ledger
        .incident(110, "INC-7", IncidentStep::Detected)
        .event
        .extension
        .severity = Some("high".to_owned());
    let back = Extension {
        remediates: Some("INC-7".to_owned()),
        reason: Some("Instalments fail for cards without 3-D Secure.".to_owned()),
        kind: Some(DeploymentKind::Rollback),
        ..release(vec![])
    };
    ledger.deploy(130, "run-4", "1.0.0", back);
    ledger.incident(140, "INC-7", IncidentStep::Resolved);
    ledger
}

/// The same among other services.
fn busy() -> Ledger {
    let mut ledger = story();
    let search = elsewhere(&mut ledger, 15, "search", "7.3.0");
    search.tickets = vec![ticket("PAY-12")];
    search.run_url = Some("https://ci.example/runs/2".to_owned());
    elsewhere(&mut ledger, -30, "mail", "2.0.0");
    elsewhere(&mut ledger, -90, "stock", "5.1.0");
    ledger
}
