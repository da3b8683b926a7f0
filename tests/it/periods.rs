//! Metrics and reports of a period read only what the period needs. What they say must be what the whole ledger says, however
//! late, early, contradictory or far apart its records are.

use std::collections::BTreeSet;

use ledger::Hash;
use rstest::rstest;
use serde_json::{Value, json};
use shipslog::catalogue::Catalogue;
use shipslog::check::Parameters;
use shipslog::correlate::Correlator;
use shipslog::document::compliance::{self, ComplianceInput, LogPeriod};
use shipslog::document::service_report::{self, Backlog, ServiceReportInput};
use shipslog::document::{LedgerView, Request};
use shipslog::domain::facts::Facts;
use shipslog::domain::keyring::Keyring;
use shipslog::domain::{EnvironmentName, Instant, Period, ServiceName};
use shipslog::metrics::{self, Bucket, Input, MATURITY_HOURS, Query};
use shipslog::reconcile::{self, Completeness};
use shipslog::store::{Connect, Database, DatabaseUrl};

use crate::support::events::{event, purl, sign};
use crate::support::{Backend, TestApp};

const DAY: i64 = 24 * 3_600_000;
const HOUR: i64 = 3_600_000;
const SERVICES: [&str; 5] = ["checkout", "checkout", "checkout", "search", "mail"];
const ENVIRONMENTS: [&str; 4] = ["production", "production", "prod-eu", "staging"];
const TEAMS: [&str; 2] = ["Till", "Basket"];

/// Numbers that look random, the same for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len() as u64) as usize]
    }
}

/// A history in which everything happens that makes reading hard, recorded over two months.
fn tell(app: &TestApp, chance: &mut Chance) {
    let begin = Instant::parse("2026-03-03T00:00:00Z").unwrap();
    let (mut now, mut number) = (begin, 0);
    for _ in 0..30 {
        let mut batch = Vec::new();
        for _ in 0..20 {
            number += 1;
            let told = happening(chance, number, now);
            batch.push(sign(&told, &app.pipeline));
        }
        let answer = app
            .client
            .post("/v1/events/batch", "application/x-ndjson", &batch.join(&b'\n'))
            .expect(200);
        let refused: Vec<&str> = answer
            .text()
            .lines()
            .filter(|line| !line.starts_with(r#"{"status":201"#))
            .collect();
        assert!(refused.is_empty(), "{refused:#?}");
        decide(app, chance);
        now = now.plus_millis(DAY + chance.below(36) as i64 * HOUR);
        app.clock.set(now);
    }
}

/// Somebody decides about a link, where there is anything to decide.
fn decide(app: &TestApp, chance: &mut Chance) {
    let incident = format!("INC-{}", chance.below(8));
    let verdict = chance.of(&["confirmed", "rejected", "no_deployment"]);
    let deployment = (verdict != "no_deployment").then(|| format!("d{}", chance.below(25)));
    let body = json!({ "incident": incident, "deployment": deployment, "verdict": verdict, "reason": "we looked" });
    app.client.post_json("/v1/links", &body);
}

fn happening(chance: &mut Chance, number: u64, now: Instant) -> Value {
    let (service, environment) = (chance.of(&SERVICES), chance.of(&ENVIRONMENTS));
    // Most is recorded soon; some much later, some before it is said to happen.
    let away = match chance.below(8) {
        0 => -(chance.below(25 * 24) as i64) * HOUR,
        1 => chance.below(5 * 24) as i64 * HOUR,
        _ => -(chance.below(60) as i64) * 60_000,
    };
    let at = now.plus_millis(away);
    let content = chance.below(6);
    let place = json!({ "id": environment });
    let artifact = purl(service, content);
    let commit = format!("{content:040x}");
    let mut ours = json!({ "service": service });
    let id = format!("e{number}");
    let mut told = match chance.below(20) {
        0..=8 => {
            let phase = chance.of(&["finished", "finished", "finished", "started", "queued"]);
            let mut said = json!({ "environment": place, "artifactId": artifact });
            if phase == "finished" {
                said["outcome"] = chance.of(&["success", "success", "success", "failure", "error"]).into();
            }
            let commits: Vec<Value> = (0..chance.below(3))
                .map(|_| {
                    let mut commit = json!({ "id": format!("{:040x}", 100 + chance.below(30)), "message": "fix: it" });
                    if !chance.one_in(3) {
                        let made = at.plus_millis(-(chance.below(20 * 24) as i64) * HOUR);
                        commit["committed_at"] = made.to_string().into();
                    }
                    commit
                })
                .collect();
            ours["version"] = format!("1.{content}.0").into();
            ours["commit"] = commit.into();
            ours["commits"] = commits.into();
            ours["tickets"] = json!([{ "id": format!("PAY-{}", chance.below(12)) }]);
            ours["actor"] = json!({ "id": "repo:shop/deploy.yml", "kind": "pipeline" });
            if chance.one_in(5) {
                ours["kind"] = chance.of(&["emergency", "hotfix", "rollback", "normal"]).into();
            }
            if chance.one_in(5) {
                ours["remediates"] = match chance.below(4) {
                    0 => format!("d{}", chance.below(25)),
                    1 => format!("INC-{}", chance.below(8)),
                    2 => format!("PAY-{}", chance.below(12)),
                    _ => format!("#{}", 4 + chance.below(number + 1)),
                }
                .into();
            }
            let name = format!("d{}", chance.below(25));
            event(&id, &format!("shipslog-deployment.{phase}.0.1.0"), &name, said, ours)
        }
        9 | 10 => {
            let kind = chance.of(&[
                "service.deployed.0.3.0",
                "service.upgraded.0.3.0",
                "service.rolledback.0.3.0",
            ]);
            if chance.one_in(3) {
                ours["deployment_id"] = format!("d{}", chance.below(25)).into();
            }
            let said = json!({ "environment": place, "artifactId": artifact });
            event(&id, kind, service, said, ours)
        }
        11 if chance.one_in(3) => {
            ours["environment"] = environment.into();
            ours["deployment_id"] = format!("d{}", chance.below(25)).into();
            ours["highlight"] = json!({ "kind": chance.of(&["highlight", "action"]), "text": "Look here." });
            event(&id, "shipslog-highlight.written.0.1.0", service, json!({}), ours)
        }
        11 => event(
            &id,
            "service.removed.0.3.0",
            service,
            json!({ "environment": place }),
            ours,
        ),
        12..=15 => {
            let kind = chance.of(&["detected", "detected", "reported", "resolved"]);
            let mut said = json!({ "description": "it fails", "environment": place });
            if kind == "reported" {
                said["ticketURI"] = format!("https://tickets.example.com/{number}").into();
            }
            if !chance.one_in(5) {
                said["service"] = json!({ "id": service });
            }
            ours = json!({ "severity": "high" });
            if chance.one_in(4) {
                ours["caused_by"] = format!("d{}", chance.below(25)).into();
            }
            if chance.one_in(4) {
                ours["impact_start"] = at.plus_millis((chance.below(72) as i64 - 48) * HOUR).to_string().into();
            }
            if chance.one_in(4) {
                ours["commit"] = commit.into();
            }
            if chance.one_in(4) {
                ours["tickets"] = json!([{ "id": format!("PAY-{}", chance.below(12)) }]);
            }
            let name = format!("INC-{}", chance.below(8));
            event(&id, &format!("incident.{kind}.0.3.0"), &name, said, ours)
        }
        16 | 17 if chance.one_in(2) => {
            // A request, or an answer, which need not repeat what was asked for.
            let asks = chance.one_in(2);
            let mut said = json!({ "approvalDetailsUrl": "https://deploy.example.com/a",
                                   "resourceTargetUrl": "https://deploy.example.com/b" });
            let step = if asks {
                said["requestor"] = "mailto:ada@example.com".into();
                "created"
            } else {
                said["responder"] = "mailto:grace@example.com".into();
                said["decision"] = "approved".into();
                said["status"] = "approved".into();
                "closed"
            };
            if asks || chance.one_in(2) {
                ours["artifact"] = artifact.into();
            }
            let name = format!("approval-{}", chance.below(6));
            event(&id, &format!("approval.{step}.0.1.0"), &name, said, ours)
        }
        16..=18 => {
            ours["artifact"] = artifact.into();
            let said = json!({ "outcome": chance.of(&["success", "failure"]), "environment": place,
                               "testSuite": { "id": "s", "name": "integration" } });
            event(
                &id,
                "testsuiterun.finished.0.3.0",
                &format!("test-{number}"),
                said,
                ours,
            )
        }
        19 if number > 60 && chance.one_in(2) => {
            let running = SERVICES[2..].iter().filter(|_| !chance.one_in(4));
            let running: Vec<Value> = running
                .map(|name| json!({ "service": name, "artifact": purl(name, content) }))
                .collect();
            ours = json!({ "environment": environment, "snapshot": { "method": "kubernetes", "complete": content > 1, "running": running } });
            event(&id, "shipslog-snapshot.taken.0.1.0", environment, json!({}), ours)
        }
        _ if chance.one_in(2) => {
            ours["declaration"] =
                json!({ "team": chance.of(&TEAMS), "half_life_minutes": 30 << (2 * chance.below(4)) });
            event(&id, "shipslog-service.declared.0.1.0", service, json!({}), ours)
        }
        _ => {
            ours["depends_on"] = json!([chance.of(&SERVICES)]);
            event(&id, "shipslog-dependencies.declared.0.1.0", service, json!({}), ours)
        }
    };
    told["context"]["timestamp"] = at.to_string().into();
    if chance.one_in(4) {
        told["context"]["chainId"] = format!("chain-{}", chance.below(6)).into();
    }
    told
}

/// All that the ledger says, and when it was last written to.
fn whole(app: &TestApp) -> (Facts, u64, [Option<Instant>; 2]) {
    let connect = Connect::new(DatabaseUrl::parse(&app.database.url).unwrap(), None).unwrap();
    let database = Database::inspect(connect).unwrap();
    let read = database.read(|tx| {
        let size = tx.head()?.unwrap().tree_size;
        let rows = tx.event_range(0, size)?;
        let recorded = [rows.first(), rows.last()].map(|row| row.map(|row| Instant::from_millis(row.recorded_ms)));
        Ok::<_, shipslog::store::StoreError>((Facts::fold(&tx.recorded_rows(&rows)?), size, recorded))
    });
    read.unwrap()
}

fn period(chance: &mut Chance) -> (String, String) {
    let first = Instant::parse("2026-02-20T00:00:00Z").unwrap();
    let from = first.plus_millis(chance.below(70) as i64 * DAY);
    let to = from.plus_millis((1 + chance.below(30) as i64) * DAY);
    (from.to_string(), to.to_string())
}

#[rstest]
fn metrics_of_a_period_are_those_of_the_whole_ledger(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(2, 3)] seed: u64,
) {
    let Some(app) = TestApp::start(backend) else { return };
    let mut chance = Chance(seed);
    tell(&app, &mut chance);
    let (facts, tree_size, [_, recorded_until]) = whole(&app);
    let (links, no_deployment) = metrics::linked(&facts);
    let mut waits = 0;
    for _ in 0..25 {
        let (from, to) = period(&mut chance);
        let service = chance.one_in(2).then(|| chance.of(&SERVICES));
        let environment = chance.one_in(3).then(|| chance.of(&ENVIRONMENTS));
        let team = chance.one_in(3).then(|| chance.of(&TEAMS));
        let query = Query {
            services: service.into_iter().map(|name| name.parse().unwrap()).collect(),
            team: team.map(str::to_owned),
            environment: environment.map(|name| name.parse().unwrap()),
            period: Period::parse(&from, &to, "UTC").unwrap(),
            bucket: Bucket::Week,
            maturity_hours: MATURITY_HOURS,
            by_service: chance.one_in(2),
            bands: None,
        };
        let input = Input {
            tree_size,
            recorded_until,
            deployments: &facts.deployments,
            incidents: &facts.incidents,
            evidence: &facts.evidence,
            aliases: &facts.aliases,
            tiers: &facts.tiers,
            owners: &facts.services,
            links: &links,
            no_deployment: &no_deployment,
        };
        let expected = metrics::measure(&query, &input).unwrap();
        waits += expected.whole.approval_lead_time.answered.len();
        let expected = serde_json::to_value(expected).unwrap();
        let mut path = format!("/v1/delivery-performance?from={from}&to={to}&bucket=week");
        for (name, value) in [("service", service), ("environment", environment), ("team", team)] {
            path += &value.map(|value| format!("&{name}={value}")).unwrap_or_default();
        }
        if query.by_service {
            path += "&by=service";
        }
        assert_same(&app.client.get(&path).expect(200).json(), &expected, &path);
    }
    assert!(waits > 0, "no approval was waited for in any period");
}

#[rstest]
fn reports_of_a_period_are_those_of_the_whole_ledger(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(2, 3)] seed: u64,
) {
    let Some(app) = TestApp::start(backend) else { return };
    let mut chance = Chance(seed);
    tell(&app, &mut chance);
    let (facts, tree_size, [recorded_from, recorded_until]) = whole(&app);
    let ledger = LedgerView {
        origin: String::new(),
        tree_size,
        root: String::new(),
        checkpoint: String::new(),
        erased: Vec::new(),
    };
    let (catalogue, keyring) = (Catalogue::built_in().unwrap(), Keyring::default());
    let log = LogPeriod {
        recorded_until: recorded_until.unwrap(),
        before: (0, Hash::EMPTY_ROOT),
        after: (0, Hash::EMPTY_ROOT),
        consistency: Vec::new(),
        oldest: None,
        erased: &[],
        questions: &[],
        questions_elsewhere: 0,
        administrative: &[],
        keyring: &keyring,
    };
    let completeness = nothing_looked_at();
    let mut failing = 0;
    for _ in 0..15 {
        let (from, to) = period(&mut chance);
        let service = chance.one_in(2).then(|| chance.of(&SERVICES));
        let environment = chance.of(&ENVIRONMENTS);
        let team = chance.one_in(3).then(|| chance.of(&TEAMS));
        let query = format!("environment={environment}&from={from}&to={to}&format=json");
        let query = query + &service.map(|name| format!("&service={name}")).unwrap_or_default();
        let period = Period::parse(&from, &to, "UTC").unwrap();
        let request = Request {
            ledger: &ledger,
            query: "",
            time_zone: period.zone,
            template: "",
            template_sha256: "",
            catalogue_sha256: "",
        };
        let environment = environment.parse().unwrap();
        let services: BTreeSet<ServiceName> = service.iter().map(|name| name.parse().unwrap()).collect();
        let compliance = compliance::compose(&ComplianceInput {
            request,
            environment: &environment,
            service: services.first(),
            period,
            frameworks: &[],
            catalogue: &catalogue,
            facts: &facts,
            completeness: &completeness,
            log: &log,
        });
        let backlog = earlier_backlog(&facts, &services, team, &environment, period);
        let report = service_report::compose(&ServiceReportInput {
            request,
            environment: &environment,
            services: &services,
            team,
            period,
            recorded_from,
            recorded_until,
            facts: &facts,
            earlier_backlog: &backlog,
            parameters: &Parameters::default(),
        });
        let report = report.unwrap();
        failing += report.stability.still_failing.len();
        let of_team = team.map(|team| format!("&team={team}")).unwrap_or_default();
        for (path, expected) in [
            (
                format!("/v1/reports/compliance?{query}"),
                serde_json::to_value(compliance.unwrap()).unwrap(),
            ),
            (
                format!("/v1/reports/service?{query}{of_team}"),
                serde_json::to_value(report).unwrap(),
            ),
        ] {
            let mut found = app.client.get(&path).expect(200).json();
            // What is of the log, and not of what happened in the period, is checked elsewhere.
            for of_log in ["generated", "integrity", "completeness", "period_checks", "frameworks"] {
                if let Some(value) = expected.get(of_log) {
                    found[of_log] = value.clone();
                }
            }
            // So is the sentence about the checks of the period.
            let mut expected = expected;
            for report in [&mut found, &mut expected] {
                if let Some(sentences) = report["summary"].as_array_mut() {
                    sentences.retain(|said| !said.as_str().unwrap().starts_with("Of the checks of the period"));
                }
            }
            assert_same(&found, &expected, &path);
        }
    }
    assert!(failing > 0, "no failure went on after its period");
}

fn earlier_backlog(
    facts: &Facts,
    services: &BTreeSet<ServiceName>,
    team: Option<&str>,
    environment: &EnvironmentName,
    period: Period,
) -> Backlog {
    let earlier = facts.incidents.iter().filter(|incident| {
        let began = incident.began().0;
        let service = match &incident.service {
            Some(service) => {
                (services.is_empty() || services.contains(service)) && facts.services.is_of(team, service, began)
            }
            None => services.is_empty() && team.is_none(),
        };
        began < period.previous().from && service && incident.environment.as_ref() == Some(environment)
    });
    let mut backlog = Backlog::default();
    backlog.add_earlier(&metrics::waiting(earlier, &Correlator::new(facts)));
    backlog
}

fn nothing_looked_at() -> Completeness {
    let query = reconcile::Query {
        environment: "production".parse().unwrap(),
        service: None,
        from: None,
        to: None,
    };
    let input = reconcile::Input {
        tree_size: 0,
        recorded_until: None,
        deployments: &[],
        snapshots: &[],
        heard: &[],
        heard_before: &[],
        numbered: &[],
    };
    reconcile::reconcile(&query, &input)
}

/// Names the first member in which they differ.
#[track_caller]
fn assert_same(found: &Value, expected: &Value, what: &str) {
    if found != expected {
        let (at, found, expected) = difference(found, expected, String::new());
        panic!("{what}\n{at}\n  found    {found}\n  expected {expected}");
    }
}

fn difference(found: &Value, expected: &Value, at: String) -> (String, Value, Value) {
    let (a, b) = match (found, expected) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            let other = a.iter().find(|(name, value)| b[name.as_str()] != **value);
            let (name, value) = other.expect("they differ");
            return difference(value, &b[name.as_str()], format!("{at}/{name}"));
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => (a, b),
        _ => return (at, found.clone(), expected.clone()),
    };
    let n = (0..a.len()).find(|n| a[*n] != b[*n]).expect("they differ");
    difference(&a[n], &b[n], format!("{at}/{n}"))
}
