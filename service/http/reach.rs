//! Whether a question lies within the reach of the token that asks it. The one place where that is decided: the access table
//! names what limits the answer of each route, or what single thing it shows, and a route that names nothing is closed to whoever is
//! limited.
//!
//! A question has to say that it lies within: what it does not name, it asks about everywhere. This must never widen what a
//! handler reads: it sees the same parameters, all of them, and handlers refuse what they do not know.

use actix_web::dev::{ResourceDef, ServiceRequest};
use actix_web::web::Data;

use super::api::asked::period;
use super::blocking;
use super::problem::{Kind, Problem};
use crate::app::App;
use crate::domain::{Period as TimePeriod, Reach};

/// What limits the answer of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The parameter `environment`.
    Environment,
    /// The environment in the path.
    EnvironmentOfPath,
    /// The parameter `service`, however often it is there.
    Service,
    /// The parameters `period`, or `from` and `to`, in `time_zone`.
    Period,
    /// The same, where the answer compares with the period before.
    PeriodAndBefore,
}

/// What a path names, so that whether it lies within is a question of what was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// The event of an entry.
    Event,
    /// An incident.
    Incident,
}

/// Refuses what the path names if it is beyond a reach, in the words with which it would refuse what is not there.
pub async fn thing_lies_within(
    reach: Reach,
    thing: Thing,
    request: &ServiceRequest,
    app: Data<App>,
    pattern: &str,
) -> Result<(), Problem> {
    if reach.is_everything() {
        return Ok(());
    }
    let what = match thing {
        Thing::Event => "event",
        Thing::Incident => "incident",
    };
    let name = of_path(request, pattern).unwrap_or_default();
    let asked = name.clone();
    let within = blocking(move || match thing {
        Thing::Event => asked.parse().map_or(Ok(false), |index| {
            app.event_lies_within(index, &reach).map_err(Into::into)
        }),
        Thing::Incident => app.incident_lies_within(&asked, &reach),
    });
    if within.await? {
        return Ok(());
    }
    let detail = format!("there is no {what} {name} within what this token is limited to");
    Err(Problem::new(Kind::NotFound, detail))
}

/// Refuses a question that is not within a reach, naming the parameter and what it may say.
pub fn lies_within(reach: &Reach, limits: &[Limit], request: &ServiceRequest, pattern: &str) -> Result<(), Problem> {
    let question = Question {
        limits,
        pairs: form_urlencoded::parse(request.query_string().as_bytes())
            .into_owned()
            .collect(),
        environment: of_path(request, pattern),
    };
    let environments: Vec<&str> = reach.environments.iter().map(|name| name.as_str()).collect();
    let services: Vec<&str> = reach.services.iter().map(|name| name.as_str()).collect();
    named("environment", &environments, question.environments())?;
    named("service", &services, question.services())?;
    question.period(reach)
}

/// What a request says about where and when.
struct Question<'a> {
    limits: &'a [Limit],
    pairs: Vec<(String, String)>,
    environment: Option<String>,
}

impl Question<'_> {
    /// None where the answer is not limited by it.
    fn environments(&self) -> Option<Vec<&str>> {
        if self.limits.contains(&Limit::EnvironmentOfPath) {
            return Some(self.environment.as_deref().into_iter().collect());
        }
        self.limits
            .contains(&Limit::Environment)
            .then(|| self.values("environment").collect())
    }

    fn services(&self) -> Option<Vec<&str>> {
        self.limits
            .contains(&Limit::Service)
            .then(|| self.values("service").collect())
    }

    fn period(&self, reach: &Reach) -> Result<(), Problem> {
        let Some(allowed) = reach.period() else { return Ok(()) };
        let before = self.limits.contains(&Limit::PeriodAndBefore);
        if !before && !self.limits.contains(&Limit::Period) {
            return Err(closed("a period"));
        }
        let one = |name| self.values(name).next().map(str::to_owned);
        let asked = period(
            [&one("period"), &one("from"), &one("to"), &one("time_zone")],
            &mut String::new(),
        );
        let asked = asked.map_err(|problem| {
            let detail = format!("this token reads {allowed} alone, and {}", problem.detail);
            Problem::new(Kind::Forbidden, detail).at(problem.pointer.unwrap_or_default())
        })?;
        let from = if before { asked.previous().from } else { asked.from };
        let TimePeriod { to, .. } = asked;
        if reach.covers(from, to) {
            return Ok(());
        }
        let parameter = ["period", "from"].into_iter().find(|name| one(name).is_some());
        let compared = if before {
            ", and the answer compares with the period before"
        } else {
            ""
        };
        let detail = format!("this token reads {allowed} alone{compared}");
        Err(Problem::new(Kind::Forbidden, detail).at(parameter.unwrap_or("period")))
    }

    fn values<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> {
        let these = self.pairs.iter().filter(move |(known, _)| known == name);
        these.map(|(_, value)| value.as_str())
    }
}

/// Whether a question names some of what it may, and nothing else.
fn named(parameter: &'static str, allowed: &[&str], asked: Option<Vec<&str>>) -> Result<(), Problem> {
    if allowed.is_empty() {
        return Ok(());
    }
    let asked = asked.ok_or_else(|| closed(&format!("one {parameter}")))?;
    if !asked.is_empty() && asked.iter().all(|name| allowed.contains(name)) {
        return Ok(());
    }
    let detail = format!(
        "this token reads about the {parameter} {} alone: name it",
        allowed.join(" or ")
    );
    Err(Problem::new(Kind::Forbidden, detail).at(parameter))
}

fn closed(dimension: &str) -> Problem {
    let detail = format!("this token is limited, and what this answers cannot be limited to {dimension}");
    Problem::new(Kind::Forbidden, detail).at("Authorization")
}

/// The one name in a path, decoded as it will be for the handler: what is judged is what is shown.
fn of_path(request: &ServiceRequest, pattern: &str) -> Option<String> {
    let mut path = request.match_info().clone();
    ResourceDef::new(pattern).capture_match_info(&mut path);
    path.load().ok()
}
