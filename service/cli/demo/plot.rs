//! What is out of the ordinary in the story: each kind of trouble once, so that every document has something to show.

use super::cast::{COMPLIANCE, MANAGERS, Person, SERVICES, Service};
use super::facts::{Attempt, Release, Trouble};
use super::scenario::{LATE, MINUTE, Story, format_version};
use super::work::Work;
use crate::domain::Instant;
use crate::domain::attestation::AttestationStatement;
use crate::domain::exception::{ExceptionGrant, ExceptionScope};
use crate::domain::extension::{CauseClass, DeploymentKind};
use crate::domain::highlight::HighlightKind;

impl Story {
    /// What is out of the ordinary.
    pub(super) fn plot(&mut self, day: i64) {
        let [payments, accounts, storefront, catalogue, notifications] = &SERVICES;
        match day {
            14 => self.attested(
                day,
                "AT-1",
                "preproduction-access",
                "Nobody but the platform team can reach production from staging; the access lists were looked through.",
                90,
            ),
            31 => self.cancelled(accounts, day),
            47 => self.approved_afterwards(storefront, day),
            62 => self.rolled_back(payments, day),
            LATE => self.late(catalogue, day),
            90 => self.declare(accounts, day, "Team Identity"),
            100 => self.outage(day),
            110 => self.attested(
                day,
                "AT-2",
                "no-live-pan",
                "All databases before production were searched for live card numbers; none was found.",
                365,
            ),
            120 => self.emergency(payments, day),
            125 => self.excepted(
                notifications,
                day,
                "EX-1",
                "DL-SOD-1",
                "Half of the team is away, and nobody is left to approve.",
                "The team looks at every deployment of the week together.",
            ),
            132 => self.self_approved(notifications, day),
            139 => self.excepted(
                notifications,
                day,
                "EX-2",
                "DL-CHG-1",
                "The ticket system moves house this week.",
                "Changes of the week are listed on a page, and get their tickets afterwards.",
            ),
            142 => self.undocumented(notifications, day),
            152 => self.version_match(catalogue, day),
            167 => self.unexplained(day),
            _ => {}
        }
    }

    /// Somebody attests for some days what PCI DSS asks people for.
    fn attested(&mut self, day: i64, id: &str, item: &str, statement: &str, days: i64) {
        let at = self.exactly(day, 14, 0);
        let said = AttestationStatement {
            framework: "pci-dss".to_owned(),
            item: item.to_owned(),
            statement: statement.to_owned(),
            evidence: vec![format!("https://wiki.northwind.example/compliance/{item}")],
            valid_from: None,
            valid_until: self.exactly(day + days, 0, 0),
        };
        self.scribe.attested(at, id, said, COMPLIANCE);
    }

    /// For a week a service may fail a check.
    fn excepted(&mut self, service: &'static Service, day: i64, id: &str, check: &str, reason: &str, instead: &str) {
        let granted = ExceptionGrant {
            checks: vec![check.to_owned()],
            scope: ExceptionScope {
                services: service.name.parse().into_iter().collect(),
                environments: "production".parse().into_iter().collect(),
                ..ExceptionScope::default()
            },
            requested_by: service.team.people[0].email.to_owned(),
            approved_by: MANAGERS[1].email.to_owned(),
            compensating_control: instead.to_owned(),
            valid_from: None,
            expires_at: self.exactly(day + 7, 0, 0),
        };
        let at = self.exactly(day, 11, 0);
        self.scribe.excepted(at, id, granted, reason, MANAGERS[1]);
    }

    /// A version that reaches production by a way that the caller tells in detail.
    fn prepared(&mut self, service: &'static Service, day: i64, work: &[&Work]) -> Release {
        let release = self.build(service, day, work);
        self.rehearse(day, &release);
        release
    }

    /// Somebody stops a deployment to production.
    fn cancelled(&mut self, service: &'static Service, day: i64) {
        let work = self.next_work(service, 1);
        let release = self.prepared(service, day, &work);
        let at = self.at(day, 16, 0);
        self.scribe.approved(
            at,
            at.plus_millis(10 * MINUTE),
            &release,
            MANAGERS[0],
            service.team.people[0],
        );
        let attempt = Attempt {
            outcome: "cancel",
            reason: Some("Stopped: the database migration needs a window".to_owned()),
            by: Some(service.team.people[1]),
            ..Attempt::to("production")
        };
        self.scribe.deployed(at.plus_millis(20 * MINUTE), 1, &release, &attempt);
    }

    /// In a hurry: the approval comes while the version already runs.
    fn approved_afterwards(&mut self, service: &'static Service, day: i64) {
        let work = self.next_work(service, 1);
        let release = self.prepared(service, day, &work);
        let at = self.at(day, 15, 5);
        self.scribe.deployed(at, 4, &release, &Attempt::to("production"));
        let asked = at.plus_millis(2 * MINUTE);
        self.scribe.approved(
            asked,
            at.plus_millis(26 * MINUTE),
            &release,
            MANAGERS[1],
            service.team.people[1],
        );
        self.line(service).production.push(release);
    }

    /// A release that breaks production, is rolled back, and comes again as a hotfix.
    fn rolled_back(&mut self, service: &'static Service, day: i64) {
        let day = self.workday(day);
        let repair = self.workday(day + 2);
        let bad = self.prepared(
            service,
            day,
            &[
                &Work::new(
                    "feat",
                    "currency",
                    "charge in the currency of the card",
                    "Customers pay for conversion",
                ),
                &Work::new("refactor", "currency", "one table for all currencies", ""),
            ],
        );
        let approve = self.at(day, 15, 0);
        self.scribe.approved(
            approve,
            approve.plus_millis(12 * MINUTE),
            &bad,
            MANAGERS[1],
            service.team.people[2],
        );
        let go = self.at(day, 15, 30);
        let blamed = self.scribe.deployed(go, 6, &bad, &Attempt::to("production"));
        let seen = go.plus_millis(21 * MINUTE);
        let trouble = Trouble {
            id: "INC-2041",
            service: Some(service.name),
            description: "Card payments fail with \"currency not supported\" for one customer in eight",
            severity: "high",
            caused_by: Some(blamed),
            cause: Some(CauseClass::Change),
            minutes: 34,
            ..Trouble::default()
        };
        self.scribe.incident(seen, &trouble);
        if let Some(good) = self.line(service).production.last().cloned() {
            let back = Attempt {
                kind: DeploymentKind::Rollback,
                reason: Some(format!("Back to {}: card payments fail (INC-2041)", good.version)),
                remediates: Some("INC-2041".to_owned()),
                ..Attempt::to("production")
            };
            self.scribe.deployed(seen.plus_millis(18 * MINUTE), 4, &good, &back);
        }
        let repair_of_table = Work::new(
            "fix",
            "currency",
            "list the currencies of all issuers in the table",
            "Card payments fail: currency not supported",
        );
        let fixed = self.prepared(service, repair, &[&repair_of_table]);
        let fixed = Release {
            // What was rolled back comes in again with the repair.
            commits: [fixed.commits, bad.commits].concat(),
            pull_requests: [fixed.pull_requests, bad.pull_requests].concat(),
            tickets: [fixed.tickets, bad.tickets].concat(),
            ..fixed
        };
        let approve = self.at(repair, 14, 40);
        self.scribe.approved(
            approve,
            approve.plus_millis(5 * MINUTE),
            &fixed,
            MANAGERS[0],
            service.team.people[0],
        );
        let hotfix = Attempt {
            kind: DeploymentKind::Hotfix,
            reason: Some("Repairs the currency table that broke card payments".to_owned()),
            remediates: Some("INC-2041".to_owned()),
            ..Attempt::to("production")
        };
        let go = approve.plus_millis(20 * MINUTE);
        let id = self.scribe.deployed(go, 5, &fixed, &hotfix);
        self.scribe.highlight(
            go.plus_millis(15 * MINUTE),
            &fixed,
            &id,
            HighlightKind::Action,
            "Ask customers whose card was declined to pay again; nothing was charged twice.",
            MANAGERS[0],
        );
        self.line(service).production.push(fixed);
    }

    /// The pipeline could not reach the ledger, and the records came 31 hours late.
    fn late(&mut self, service: &'static Service, day: i64) {
        let work = self.next_work(service, 2);
        let release = self.prepared(service, day, &work);
        let at = self.at(day, 15, 40);
        self.scribe.approved(
            at,
            at.plus_millis(9 * MINUTE),
            &release,
            MANAGERS[0],
            service.team.people[1],
        );
        let attempt = Attempt {
            late: 31 * 60,
            ..Attempt::to("production")
        };
        self.scribe.deployed(at.plus_millis(30 * MINUTE), 5, &release, &attempt);
        self.line(service).production.push(release);
    }

    /// Trouble that no deployment is to blame for: nothing was deployed to that service for weeks.
    fn outage(&mut self, day: i64) {
        let trouble = Trouble {
            id: "INC-2077",
            service: Some("accounts"),
            description: "Sign-in by e-mail link is slow: the mail provider has an outage",
            severity: "medium",
            cause: Some(CauseClass::Dependency),
            minutes: 128,
            ..Trouble::default()
        };
        let at = self.exactly(day, 19, 12);
        self.scribe.incident(at, &trouble);
    }

    /// A repair in the night, approved only the next morning.
    fn emergency(&mut self, service: &'static Service, day: i64) {
        let at = self.exactly(day, 22, 5);
        let trouble = Trouble {
            id: "INC-2103",
            service: Some(service.name),
            description: "Settlement file rejected by the bank: certificate of the TLS endpoint has expired",
            severity: "critical",
            cause: Some(CauseClass::External),
            minutes: 71,
            ..Trouble::default()
        };
        self.scribe.incident(at, &trouble);
        let release = self.build_at_night(service, at.plus_millis(25 * MINUTE));
        let attempt = Attempt {
            kind: DeploymentKind::Emergency,
            reason: Some("Trusts the bank's new certificate; settlement closes at midnight (INC-2103)".to_owned()),
            remediates: Some("INC-2103".to_owned()),
            by: Some(service.team.people[1]),
            ..Attempt::to("production")
        };
        self.scribe.deployed(at.plus_millis(52 * MINUTE), 4, &release, &attempt);
        let morning = self.at(day + 1, 8, 45);
        self.scribe.approved(
            morning,
            morning.plus_millis(15 * MINUTE),
            &release,
            MANAGERS[0],
            service.team.people[1],
        );
        self.line(service).production.push(release);
    }

    fn build_at_night(&mut self, service: &'static Service, at: Instant) -> Release {
        let work = Work::new(
            "fix",
            "bank",
            "trust the bank's new certificate authority",
            "Settlement rejected: certificate expired",
        );
        let (commit, pull, ticket) = self.change(service, &work, at);
        self.scribe.merged(at, service, &pull, ticket.as_ref());
        let artifact = self.artifact(service);
        let line = self.line(service);
        let previous = format_version(line.version);
        line.version[2] += 1;
        let release = Release {
            service,
            version: format_version(line.version),
            previous,
            artifact,
            commit: commit.id.clone(),
            commits: vec![commit],
            pull_requests: vec![pull],
            tickets: ticket.into_iter().collect(),
        };
        self.scribe.packaged(at.plus_millis(8 * MINUTE), &release);
        self.scribe
            .tested(at.plus_millis(12 * MINUTE), &release, "development", "unit", 0);
        release
    }

    /// The author of the change approves it herself.
    fn self_approved(&mut self, service: &'static Service, day: i64) {
        let work = self.next_work(service, 1);
        let release = self.prepared(service, day, &work);
        let author = release.pull_requests.first().and_then(|pull| pull.author.as_deref());
        let people: [Person; 3] = service.team.people;
        let author = people
            .into_iter()
            .find(|person| Some(person.email) == author)
            .unwrap_or(people[0]);
        let at = self.at(day, 16, 20);
        self.scribe
            .approved(at, at.plus_millis(MINUTE), &release, author, author);
        self.scribe
            .deployed(at.plus_millis(6 * MINUTE), 3, &release, &Attempt::to("production"));
        self.line(service).production.push(release);
    }

    /// A change that nobody wrote anything down about: no ticket, no approval, no tests, no commits.
    fn undocumented(&mut self, service: &'static Service, day: i64) {
        let artifact = self.artifact(service);
        let commit = self.scribe.hex(40);
        let line = self.line(service);
        let previous = format_version(line.version);
        line.version[2] += 1;
        let release = Release {
            service,
            version: format_version(line.version),
            previous,
            commit,
            artifact,
            commits: Vec::new(),
            pull_requests: Vec::new(),
            tickets: Vec::new(),
        };
        let attempt = Attempt {
            by: Some(service.team.people[1]),
            documented: false,
            ..Attempt::to("production")
        };
        let at = self.exactly(day, 18, 47);
        self.scribe.deployed(at, 2, &release, &attempt);
        self.line(service).production.push(release);
    }

    /// Trouble that names the version that misbehaves.
    fn version_match(&mut self, service: &'static Service, day: i64) {
        let release = self.prepared(
            service,
            day,
            &[
                &Work::new(
                    "feat",
                    "facets",
                    "combine facets of several categories",
                    "Filter sale and size at once",
                ),
                &Work::new(
                    "perf",
                    "facets",
                    "keep facet counts for a minute",
                    "Facets time out at peak",
                ),
                &Work::new("test", "facets", "count facets of the whole range", ""),
            ],
        );
        let at = self.at(day, 15, 10);
        self.scribe.approved(
            at,
            at.plus_millis(25 * MINUTE),
            &release,
            MANAGERS[1],
            service.team.people[0],
        );
        let go = at.plus_millis(45 * MINUTE);
        let id = self.scribe.deployed(go, 6, &release, &Attempt::to("production"));
        let trouble = Trouble {
            id: "INC-2130",
            service: Some(service.name),
            description: "Facet counts are empty for a third of all searches",
            severity: "medium",
            version: Some(release.version.clone()),
            minutes: 95,
            ..Trouble::default()
        };
        let seen = go.plus_millis(3 * 60 * MINUTE);
        self.scribe.incident(seen, &trouble);
        self.scribe.highlight(
            seen.plus_millis(40 * MINUTE),
            &release,
            &id,
            HighlightKind::KnownIssue,
            "Facet counts can be empty; searching itself works.",
            MANAGERS[1],
        );
        self.line(service).production.push(release);
    }

    /// Trouble soon after other people's deployments, with nothing that ties it to one of them.
    fn unexplained(&mut self, day: i64) {
        let trouble = Trouble {
            id: "INC-2144",
            service: Some("storefront"),
            description: "Checkout answers slowly for customers in one region",
            severity: "low",
            minutes: 47,
            ..Trouble::default()
        };
        let at = self.exactly(day, 13, 37);
        self.scribe.incident(at, &trouble);
    }
}
