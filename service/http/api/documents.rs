//! Release notes and reports, as Markdown, as a page, or as the context they are made from.

use std::collections::BTreeSet;

use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, LOCATION};
use actix_web::web::{Data, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::super::problem::{Kind, Problem};
use super::super::{blocking, body};
use super::events::ReceiptBody;
use super::query::{Query, invalid, name, optional_name, read, take};
use crate::app::{App, ComplianceQuery, Document, DocumentQuery, Format, NotesQuery, ServiceReportQuery};
use crate::document::release_notes::{Point, Scope};
use crate::domain::issued::IssuedDocument;
use crate::domain::producer::Token;
use crate::domain::{Period, ServiceName, Zone};

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
    /// The service.
    pub service: String,
    /// The environment.
    pub environment: String,
    /// Of this deployment; of the newest if neither this nor a range is given.
    pub deployment: Option<String>,
    /// All after what ran at this point: a date, a time, an entry such as `#12`, a deployment id or a version.
    pub from: Option<String>,
    /// Up to what ran at this point.
    pub to: Option<String>,
    /// Zone of the dates, by its name in the IANA database; `UTC` if absent.
    pub time_zone: Option<String>,
    /// `md`, `html` or `json`.
    #[param(inline)]
    pub format: Option<DocumentFormat>,
    /// As of this tree size; the newest if absent.
    pub tree_size: Option<u64>,
}

/// Release notes of a service in an environment, against what really ran there before.
#[utoipa::path(
    tag = "documents",
    params(NotesParameters),
    responses(
        (status = 200, description = "The document", content((String = "text/markdown"), (String = "text/html"), (Object = "application/json"))),
        (status = 304, description = "Unchanged"),
        (status = 404, description = "Nothing was deployed there", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/release-notes")]
pub async fn release_notes(
    app: Data<App>,
    request: HttpRequest,
    query: Query<NotesParameters>,
) -> Result<HttpResponse, Problem> {
    let format = query.format.unwrap_or_default().into();
    let (notes, tree_size) = (DocumentQuery::ReleaseNotes(notes_query(&query)?), query.tree_size);
    answer(app, &request, notes, tree_size, format).await
}

/// What is asked for, in the words of the command line too.
pub(in super::super) fn notes_query(query: &NotesParameters) -> Result<NotesQuery, Problem> {
    let mut words = format!("shipslog notes {} {}", query.service, query.environment);
    let time_zone = query.time_zone.as_deref().map_or(Ok(Zone::UTC), Zone::parse)?;
    let scope = match (&query.deployment, &query.from, &query.to) {
        (Some(deployment), None, None) => {
            words.push_str(&format!(" --deployment {deployment}"));
            Scope::Deployment(name("deployment", deployment)?)
        }
        (None, Some(from), Some(to)) => {
            words.push_str(&format!(" --from {from} --to {to}"));
            Scope::Range {
                from: Point::parse(from, time_zone)?,
                to: Point::parse(to, time_zone).map_err(|error| Problem::from(error).at("to"))?,
            }
        }
        (None, None, None) => Scope::Latest,
        (None, Some(_), None) => return Err(invalid("to", &"is needed beside from")),
        (None, None, Some(_)) => return Err(invalid("from", &"is needed beside to")),
        (Some(_), _, _) => return Err(invalid("deployment", &"cannot be given beside a range")),
    };
    if let Some(zone) = &query.time_zone {
        words.push_str(&format!(" --time-zone {zone}"));
    }
    Ok(NotesQuery {
        service: name("service", &query.service)?,
        environment: name("environment", &query.environment)?,
        scope,
        time_zone,
        words,
    })
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
    /// First day or instant of the period.
    pub from: String,
    /// The period ends before this day or instant.
    pub to: String,
    /// `md`, `html` or `json`.
    #[param(inline)]
    pub format: Option<DocumentFormat>,
    /// Zone of the dates, by its name in the IANA database; `UTC` if absent.
    pub time_zone: Option<String>,
    /// As of this tree size; the newest if absent.
    pub tree_size: Option<u64>,
}

/// A compliance report: every deployment of a period, tested against every check.
#[utoipa::path(
    tag = "documents",
    params(ComplianceParameters),
    responses(
        (status = 200, description = "The document", content((String = "text/markdown"), (String = "text/html"), (Object = "application/json"))),
        (status = 304, description = "Unchanged"),
        (status = "4XX", description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/reports/compliance")]
pub async fn compliance_report(
    app: Data<App>,
    request: HttpRequest,
    query: Query<ComplianceParameters>,
) -> Result<HttpResponse, Problem> {
    let format = query.format.unwrap_or_default().into();
    let (report, tree_size) = (DocumentQuery::Compliance(compliance_query(&query)?), query.tree_size);
    answer(app, &request, report, tree_size, format).await
}

/// What is asked for, in the words of the command line too.
fn compliance_query(query: &ComplianceParameters) -> Result<ComplianceQuery, Problem> {
    let mut words = format!("shipslog report compliance --environment {}", query.environment);
    if let Some(service) = &query.service {
        words.push_str(&format!(" --service {service}"));
    }
    words.push_str(&format!(" --from {} --to {}", query.from, query.to));
    if let Some(zone) = &query.time_zone {
        words.push_str(&format!(" --time-zone {zone}"));
    }
    Ok(ComplianceQuery {
        environment: name("environment", &query.environment)?,
        service: optional_name("service", query.service.as_deref())?,
        period: Period::parse(&query.from, &query.to, query.time_zone.as_deref().unwrap_or("UTC"))?,
        words,
    })
}

/// Which service report.
#[derive(Debug, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ServiceReportParameters {
    /// The environment.
    pub environment: String,
    /// Only this service; several may be named.
    #[serde(default)]
    pub service: Vec<String>,
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

/// A service report: what was delivered in a period, how well, and what waits for a decision.
#[utoipa::path(
    tag = "documents",
    params(ServiceReportParameters),
    responses(
        (status = 200, description = "The document", content((String = "text/markdown"), (String = "text/html"), (Object = "application/json"))),
        (status = 304, description = "Unchanged"),
        (status = "4XX", description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/reports/service")]
pub async fn service_report(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query = service_report_parameters(request.query_string())?;
    let format = query.format.unwrap_or_default().into();
    let (report, tree_size) = (DocumentQuery::Service(service_report_query(&query)?), query.tree_size);
    answer(app, &request, report, tree_size, format).await
}

/// Reads the parameters, of which one may be there several times.
pub(in super::super) fn service_report_parameters(query: &str) -> Result<ServiceReportParameters, Problem> {
    let (service, rest) = take(query.as_bytes(), "service");
    let parameters: ServiceReportParameters = read(rest.as_bytes())?;
    Ok(ServiceReportParameters { service, ..parameters })
}

/// What is asked for, in the words of the command line too.
pub(in super::super) fn service_report_query(query: &ServiceReportParameters) -> Result<ServiceReportQuery, Problem> {
    let mut words = format!("shipslog report service --environment {}", query.environment);
    let services = query.service.iter().map(|service| name("service", service));
    let services: BTreeSet<ServiceName> = services.collect::<Result<_, _>>()?;
    for service in &services {
        words.push_str(&format!(" --service {service}"));
    }
    let zone = query.time_zone.as_deref().unwrap_or("UTC");
    let period = match (&query.period, &query.from, &query.to) {
        (Some(period), None, None) => {
            words.push_str(&format!(" --period {period}"));
            Period::named(period, zone)?
        }
        (None, Some(from), Some(to)) => {
            words.push_str(&format!(" --from {from} --to {to}"));
            Period::parse(from, to, zone)?
        }
        (Some(_), _, _) => return Err(invalid("period", &"cannot be given beside from and to")),
        (None, Some(_), None) => return Err(invalid("to", &"is needed beside from")),
        (None, None, _) => return Err(invalid("period", &"is needed, or from and to")),
    };
    if let Some(zone) = &query.time_zone {
        words.push_str(&format!(" --time-zone {zone}"));
    }
    Ok(ServiceReportQuery {
        environment: name("environment", &query.environment)?,
        services,
        period,
        words,
    })
}

async fn answer(
    app: Data<App>,
    request: &HttpRequest,
    query: DocumentQuery,
    tree_size: Option<u64>,
    format: Format,
) -> Result<HttpResponse, Problem> {
    let document = blocking(move || app.document(&query, tree_size, format)).await?;
    Ok(respond(request, document))
}

/// The document that is to be issued: its kind, and the parameters with which it is read, but `format`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "kind", content = "parameters", rename_all = "snake_case", deny_unknown_fields)]
pub enum IssueRequest {
    /// Release notes.
    ReleaseNotes(NotesParameters),
    /// A compliance report.
    ComplianceReport(ComplianceParameters),
    /// A service report.
    ServiceReport(ServiceReportParameters),
}

/// A document that was issued.
#[derive(Serialize, ToSchema)]
pub struct IssuedBody {
    /// Index of the entry that records it.
    index: u64,
    /// What was recorded about it.
    document: IssuedDocument,
    /// Proof that the entry is in the log.
    #[schema(value_type = ReceiptBody)]
    receipt: Box<RawValue>,
}

/// Issues a document: renders it in every form, and records what it was made from and what its bytes hash to, in an entry
/// that the service signs for whoever holds the token. Reading it again as of the same tree size gives the same bytes.
#[utoipa::path(
    tag = "documents",
    request_body = IssueRequest,
    responses(
        (status = 201, description = "Recorded", body = IssuedBody),
        (status = 404, description = "Nothing was deployed there", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[post("/v1/documents")]
pub async fn issue_document(
    app: Data<App>,
    request: HttpRequest,
    caller: ReqData<Token>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let asked: IssueRequest = body::read_json(&request, payload).await?;
    let (query, tree_size, format) = match asked {
        IssueRequest::ReleaseNotes(notes) => {
            let query = notes_query(&notes).map(DocumentQuery::ReleaseNotes);
            (query, notes.tree_size, notes.format)
        }
        IssueRequest::ComplianceReport(report) => {
            let query = compliance_query(&report).map(DocumentQuery::Compliance);
            (query, report.tree_size, report.format)
        }
        IssueRequest::ServiceReport(report) => {
            let query = service_report_query(&report).map(DocumentQuery::Service);
            (query, report.tree_size, report.format)
        }
    };
    if format.is_some() {
        return Err(Problem::new(Kind::InvalidEvent, "every form of a document is issued").at("/parameters/format"));
    }
    let issued = app
        .into_inner()
        .issue_document(query.map_err(in_parameters)?, tree_size, &caller)
        .await;
    let issued = issued.map_err(|error| in_parameters(error.into()))?;
    let receipt = RawValue::from_string(issued.accepted.receipt.to_json());
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/v1/events/{}", issued.accepted.index)))
        .json(IssuedBody {
            index: issued.accepted.index,
            document: issued.document,
            receipt: receipt.map_err(|error| Problem::internal(&error))?,
        }))
}

/// What is wrong with a parameter, as a member of the body.
fn in_parameters(problem: Problem) -> Problem {
    match problem.pointer.clone() {
        Some(parameter) if !parameter.starts_with('/') => problem.at(format!("/parameters/{parameter}")),
        Some(_) | None => problem,
    }
}

fn respond(request: &HttpRequest, document: Document) -> HttpResponse {
    let etag = format!("\"{}\"", document.digest);
    let unchanged = request
        .headers()
        .get(IF_NONE_MATCH)
        .is_some_and(|value| value.as_bytes() == etag.as_bytes());
    let content_type = match document.format {
        Format::Markdown => "text/markdown; charset=utf-8",
        Format::Html => "text/html; charset=utf-8",
        Format::Json => "application/json",
    };
    let mut response = if unchanged {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((ETAG, etag))
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .content_type(content_type);
    if unchanged {
        response.finish()
    } else {
        response.body(document.text)
    }
}
