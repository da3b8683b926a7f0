//! Which document a query asks for: the parameters of each kind, and the question in the words of the command line.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer};
use utoipa::{IntoParams, ToSchema};

use super::super::problem::Problem;
use super::query::{invalid, name, optional_name, read, take};
use crate::app::{
    ComplianceQuery, DocumentQuery, Format, Frameworks, NotesQuery, ReleaseQuery, SampleQuery, ServiceReportQuery,
};
use crate::document::audience::Audience;
use crate::document::compliance::oscal::Model;
use crate::document::release_notes::{Point, Scope};
use crate::document::sample::{MAX_SEED_BYTES, MOST, Plan};
use crate::domain::extension::DeploymentKind;
use crate::domain::id::is_hidden;
use crate::domain::{Instant, Period, ServiceName, Zone};

/// Most services that release notes speak of.
const MOST_SERVICES: usize = 50;
/// Stands for every framework of the catalogue.
const ALL_FRAMEWORKS: &str = "all";

/// The form of a document.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DocumentFormat {
    /// Markdown.
    #[default]
    Md,
    /// A page that stands alone.
    Html,
    /// The context that templates render.
    Json,
}

/// The form of a compliance report.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReportFormat {
    /// Markdown.
    #[default]
    Md,
    /// A page that stands alone.
    Html,
    /// The context that templates render.
    Json,
    /// The population as a table, with the result of every check.
    Csv,
    /// What was found, in OSCAL.
    OscalAssessmentResults,
    /// How it was assessed, in OSCAL.
    OscalAssessmentPlan,
    /// Which checks support which requirement, in OSCAL.
    OscalComponentDefinition,
    /// The records that it was made from, with their salts, as lines of a bundle.
    Records,
}

impl From<ReportFormat> for Format {
    fn from(format: ReportFormat) -> Self {
        match format {
            ReportFormat::Md => Self::Markdown,
            ReportFormat::Html => Self::Html,
            ReportFormat::Json => Self::Json,
            ReportFormat::Csv => Self::Csv,
            ReportFormat::OscalAssessmentResults => Self::Oscal(Model::AssessmentResults),
            ReportFormat::OscalAssessmentPlan => Self::Oscal(Model::AssessmentPlan),
            ReportFormat::OscalComponentDefinition => Self::Oscal(Model::ComponentDefinition),
            ReportFormat::Records => Self::Records,
        }
    }
}

impl From<DocumentFormat> for Format {
    fn from(format: DocumentFormat) -> Self {
        match format {
            DocumentFormat::Md => Self::Markdown,
            DocumentFormat::Html => Self::Html,
            DocumentFormat::Json => Self::Json,
        }
    }
}

/// Which release notes.
#[derive(Debug, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct NotesParameters {
    /// The service; several may be named, with a range between two dates or times.
    #[serde(default, deserialize_with = "one_or_several")]
    pub service: Vec<String>,
    /// The environment.
    pub environment: String,
    /// Of this deployment; of the newest if neither this nor a range is given.
    pub deployment: Option<String>,
    /// All after what ran at this point: a date, a time, an entry such as `#12`, a deployment id or a version.
    pub from: Option<String>,
    /// Up to what ran at this point; what runs now if absent. Several services need it.
    pub to: Option<String>,
    /// Zone of the dates, by its name in the IANA database; `UTC` if absent.
    pub time_zone: Option<String>,
    /// Who they are for: `customer`, `manager`, or `auditor`, who reads all; a variant says what it withholds.
    #[param(inline)]
    pub audience: Option<Audience>,
    /// `md`, `html` or `json`.
    #[param(inline)]
    pub format: Option<DocumentFormat>,
    /// As of this tree size; the newest if absent.
    pub tree_size: Option<u64>,
}

/// Which compliance report.
#[derive(Debug, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ComplianceParameters {
    /// The environment.
    pub environment: String,
    /// Only this service.
    pub service: Option<String>,
    /// A framework of the catalogue whose requirements are reported on, or `all`; several may be named. Checks alone if absent.
    #[serde(default, deserialize_with = "one_or_several")]
    pub framework: Vec<String>,
    /// A period of the calendar: a year, a quarter, a month or a week such as `2026`, `2026-Q1`, `2026-03` or `2026-W13`.
    pub period: Option<String>,
    /// Instead of it: first day or instant of the period.
    pub from: Option<String>,
    /// The period ends before this day or instant.
    pub to: Option<String>,
    /// `md`, `html`, `json`, `csv`, a model of OSCAL, or `records`: what it was made from.
    #[param(inline)]
    pub format: Option<ReportFormat>,
    /// Zone of the dates, by its name in the IANA database; `UTC` if absent.
    pub time_zone: Option<String>,
    /// As of this tree size; the newest if absent.
    pub tree_size: Option<u64>,
}

/// Which sample.
#[derive(Debug, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SampleParameters {
    /// The environment.
    pub environment: String,
    /// Only this service.
    pub service: Option<String>,
    /// A period of the calendar: a year, a quarter, a month or a week such as `2026`, `2026-Q1`, `2026-03` or `2026-W13`.
    pub period: Option<String>,
    /// Instead of it: first day or instant of the period.
    pub from: Option<String>,
    /// The period ends before this day or instant.
    pub to: Option<String>,
    /// How many deployments are drawn beside those that are drawn in full; at most 1000.
    pub size: usize,
    /// The auditor's seed, which decides what is drawn.
    pub seed: String,
    /// A kind of deployments that is drawn in full, or `none`; several may be named. `emergency` if absent.
    #[serde(default, deserialize_with = "one_or_several")]
    pub full: Vec<String>,
    /// Zone of the dates, by its name in the IANA database; `UTC` if absent.
    pub time_zone: Option<String>,
    /// `md`, `html` or `json`.
    #[param(inline)]
    pub format: Option<DocumentFormat>,
    /// As of this tree size; the newest if absent.
    pub tree_size: Option<u64>,
}

/// Which service report.
#[derive(Debug, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ServiceReportParameters {
    /// The environment.
    pub environment: String,
    /// Only this service; several may be named.
    #[serde(default, deserialize_with = "one_or_several")]
    pub service: Vec<String>,
    /// Only what this team owned when it happened.
    pub team: Option<String>,
    /// A period of the calendar: a year, a quarter, a month or a week such as `2026`, `2026-Q1`, `2026-03` or `2026-W13`.
    pub period: Option<String>,
    /// Instead of it: first day or instant of the period.
    pub from: Option<String>,
    /// The period ends before this day or instant.
    pub to: Option<String>,
    /// Zone of the dates, by its name in the IANA database; `UTC` if absent.
    pub time_zone: Option<String>,
    /// `md`, `html` or `json`.
    #[param(inline)]
    pub format: Option<DocumentFormat>,
    /// As of this tree size; the newest if absent.
    pub tree_size: Option<u64>,
}

/// One, or several of them: JSON can say both.
fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        One(String),
        Several(Vec<String>),
    }
    Ok(match Given::deserialize(deserializer)? {
        Given::One(one) => vec![one],
        Given::Several(several) => several,
    })
}

impl NotesParameters {
    /// Reads a query string, in which `service` may be there several times.
    pub fn read(query: &str) -> Result<Self, Problem> {
        let (service, rest) = take(query.as_bytes(), "service");
        let parameters: Self = read(rest.as_bytes())?;
        Ok(Self { service, ..parameters })
    }

    /// What is asked for.
    pub fn query(&self) -> Result<DocumentQuery, Problem> {
        match self.service.as_slice() {
            [] => Err(invalid("service", &"is required")),
            [service] => self.notes(service).map(DocumentQuery::ReleaseNotes),
            [first, others @ ..] if others.len() < MOST_SERVICES => {
                self.release(first, others).map(DocumentQuery::Release)
            }
            _ => Err(invalid(
                "service",
                &format!("may be named at most {MOST_SERVICES} times"),
            )),
        }
    }

    fn notes(&self, service: &str) -> Result<NotesQuery, Problem> {
        let mut words = format!("shipslog notes {} {}", quoted(service), quoted(&self.environment));
        let time_zone = self.zone()?;
        let scope = match (&self.deployment, &self.from, &self.to) {
            (Some(deployment), None, None) => {
                words.push_str(&format!(" --deployment {}", quoted(deployment)));
                Scope::Deployment(name("deployment", deployment)?)
            }
            (None, Some(from), to) => {
                words.push_str(&format!(" --from {}", quoted(from)));
                let to = match to {
                    Some(to) => {
                        words.push_str(&format!(" --to {}", quoted(to)));
                        Point::parse(to, time_zone).map_err(|error| Problem::from(error).at("to"))?
                    }
                    None => Point::Now,
                };
                Scope::Range {
                    from: Point::parse(from, time_zone)?,
                    to,
                }
            }
            (None, None, None) => Scope::Latest,
            (None, None, Some(_)) => return Err(invalid("from", &"is needed beside to")),
            (Some(_), _, _) => return Err(invalid("deployment", &"cannot be given beside a range")),
        };
        words.push_str(&self.more_words());
        Ok(NotesQuery {
            audience: self.audience.unwrap_or_default(),
            service: name("service", service)?,
            environment: name("environment", &self.environment)?,
            scope,
            time_zone,
            words,
        })
    }

    fn release(&self, first: &str, others: &[String]) -> Result<ReleaseQuery, Problem> {
        if self.deployment.is_some() {
            return Err(invalid("deployment", &"is of one service; several need from and to"));
        }
        for (at, other) in others.iter().enumerate() {
            if other == first || others[..at].contains(other) {
                return Err(invalid("service", &format!("names {other} twice")));
            }
        }
        let time_zone = self.zone()?;
        let (given_from, given_to) = (
            self.from.as_deref().unwrap_or_default(),
            self.to.as_deref().unwrap_or_default(),
        );
        let time = |parameter: &'static str, text: &str| -> Result<Instant, Problem> {
            let message =
                "must be a date such as 2026-01-31, or a date and time with a zone, where several services are named";
            time_zone.read(text).ok_or_else(|| invalid(parameter, &message))
        };
        let (from, to) = (time("from", given_from)?, time("to", given_to)?);
        if from > to {
            return Err(invalid("to", &"must not be before from"));
        }
        let named = std::iter::once(first).chain(others.iter().map(String::as_str));
        let named = named.map(quoted).collect::<Vec<_>>().join(",");
        let mut words = format!(
            "shipslog notes {} {} --from {} --to {}",
            named,
            quoted(&self.environment),
            quoted(given_from),
            quoted(given_to)
        );
        words.push_str(&self.more_words());
        let others = others.iter().map(|other| name("service", other));
        Ok(ReleaseQuery {
            first: name("service", first)?,
            others: others.collect::<Result<_, _>>()?,
            environment: name("environment", &self.environment)?,
            from,
            to,
            time_zone,
            audience: self.audience.unwrap_or_default(),
            words,
        })
    }

    fn zone(&self) -> Result<Zone, Problem> {
        Ok(self.time_zone.as_deref().map_or(Ok(Zone::UTC), Zone::parse)?)
    }

    /// The zone and the audience in the words of the command line, where they were named.
    fn more_words(&self) -> String {
        let zone = self.time_zone.iter().map(|zone| format!(" --time-zone {zone}"));
        let audience = self
            .audience
            .iter()
            .map(|audience| format!(" --audience {}", audience.as_str()));
        zone.chain(audience).collect()
    }
}

impl ComplianceParameters {
    /// Reads a query string, in which `framework` may be there several times.
    pub fn read(query: &str) -> Result<Self, Problem> {
        let (framework, rest) = take(query.as_bytes(), "framework");
        let parameters: Self = read(rest.as_bytes())?;
        Ok(Self {
            framework,
            ..parameters
        })
    }

    /// What is asked for.
    pub fn query(&self) -> Result<DocumentQuery, Problem> {
        let mut words = format!("shipslog report compliance --environment {}", quoted(&self.environment));
        if let Some(service) = &self.service {
            words.push_str(&format!(" --service {}", quoted(service.as_str())));
        }
        for framework in &self.framework {
            words.push_str(&format!(" --framework {}", quoted(framework)));
        }
        let period = period([&self.period, &self.from, &self.to, &self.time_zone], &mut words)?;
        let all = self.framework.iter().any(|id| id == ALL_FRAMEWORKS);
        Ok(DocumentQuery::Compliance(ComplianceQuery {
            environment: name("environment", &self.environment)?,
            service: optional_name("service", self.service.as_deref())?,
            period,
            frameworks: if all {
                Frameworks::All
            } else {
                Frameworks::Named(self.framework.clone())
            },
            words,
        }))
    }
}

impl ServiceReportParameters {
    /// Reads a query string, in which `service` may be there several times.
    pub fn read(query: &str) -> Result<Self, Problem> {
        let (service, rest) = take(query.as_bytes(), "service");
        let parameters: Self = read(rest.as_bytes())?;
        Ok(Self { service, ..parameters })
    }

    /// What is asked for.
    pub fn query(&self) -> Result<DocumentQuery, Problem> {
        let mut words = format!("shipslog report service --environment {}", quoted(&self.environment));
        let services = self.service.iter().map(|service| name("service", service));
        let services: BTreeSet<ServiceName> = services.collect::<Result<_, _>>()?;
        for service in &services {
            words.push_str(&format!(" --service {}", quoted(service.as_str())));
        }
        if let Some(team) = &self.team {
            words.push_str(&format!(" --team {}", quoted(team)));
        }
        let period = period([&self.period, &self.from, &self.to, &self.time_zone], &mut words)?;
        Ok(DocumentQuery::Service(ServiceReportQuery {
            environment: name("environment", &self.environment)?,
            services,
            team: self.team.clone(),
            period,
            words,
        }))
    }
}

impl SampleParameters {
    /// Reads a query string, in which `full` may be there several times.
    pub fn read(query: &str) -> Result<Self, Problem> {
        let (full, rest) = take(query.as_bytes(), "full");
        let parameters: Self = read(rest.as_bytes())?;
        Ok(Self { full, ..parameters })
    }

    /// What is asked for.
    pub fn query(&self) -> Result<DocumentQuery, Problem> {
        let mut words = format!("shipslog sample --environment {}", quoted(&self.environment));
        if let Some(service) = &self.service {
            words.push_str(&format!(" --service {}", quoted(service)));
        }
        let period = period([&self.period, &self.from, &self.to, &self.time_zone], &mut words)?;
        words.push_str(&format!(" --size {} --seed {}", self.size, quoted(&self.seed)));
        for kind in &self.full {
            words.push_str(&format!(" --full {}", quoted(kind)));
        }
        if self.size > MOST {
            return Err(invalid("size", &format!("must be at most {MOST}")));
        }
        if self.seed.is_empty()
            || self.seed.trim() != self.seed
            || self.seed.len() > MAX_SEED_BYTES
            || self.seed.contains(is_hidden)
        {
            let message = format!(
                "must be text of at most {MAX_SEED_BYTES} bytes, without spaces around it or control characters"
            );
            return Err(invalid("seed", &message));
        }
        Ok(DocumentQuery::Sample(SampleQuery {
            environment: name("environment", &self.environment)?,
            service: optional_name("service", self.service.as_deref())?,
            period,
            plan: Plan {
                seed: self.seed.clone(),
                size: self.size,
                full: self.in_full()?,
            },
            words,
        }))
    }

    fn in_full(&self) -> Result<Vec<DeploymentKind>, Problem> {
        match self.full.as_slice() {
            [] => Ok(vec![DeploymentKind::Emergency]),
            [none] if none == "none" => Ok(Vec::new()),
            kinds => {
                let kind = |name: &String| {
                    let known = DeploymentKind::ALL.into_iter().find(|kind| kind.as_str() == name);
                    known.ok_or_else(|| invalid("full", &format!("`{name}` is no kind of deployment")))
                };
                kinds.iter().map(kind).collect()
            }
        }
    }
}

/// Reads a period by its name in the calendar, or by its limits, in a zone; and adds it to the words of the question.
pub fn period([name, from, to, time_zone]: [&Option<String>; 4], words: &mut String) -> Result<Period, Problem> {
    let zone = time_zone.as_deref().unwrap_or("UTC");
    let period = match (name, from, to) {
        (Some(name), None, None) => {
            words.push_str(&format!(" --period {name}"));
            Period::named(name, zone)?
        }
        (None, Some(from), Some(to)) => {
            words.push_str(&format!(" --from {} --to {}", quoted(from), quoted(to)));
            Period::parse(from, to, zone)?
        }
        (Some(_), _, _) => return Err(invalid("period", &"cannot be given beside from and to")),
        (None, Some(_), None) => return Err(invalid("to", &"is needed beside from")),
        (None, None, _) => return Err(invalid("period", &"is needed, or from and to")),
    };
    if let Some(zone) = time_zone {
        words.push_str(&format!(" --time-zone {zone}"));
    }
    Ok(period)
}

/// A word of the command line: in quotes where a shell would take it for something else.
fn quoted(text: &str) -> String {
    // Nothing can quote the character 0, and nothing that is named has it.
    shlex::try_quote(text).map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned)
}
