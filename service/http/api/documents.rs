//! Release notes and reports, as Markdown, as a page, or as the context they are made from.

use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::blocking;
use super::super::problem::Problem;
use super::notes_asked::{Asked, audience_words};
use super::query::{Query, invalid, name, optional_name};
use crate::app::{App, ComplianceQuery, Document, Format, NotesQuery};
use crate::document::audience::Audience;
use crate::document::compliance::Period;
use crate::document::parse_instant;
use crate::document::release_notes::{Point, Scope};
use crate::domain::Instant;

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
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct NotesParameters {
    /// The service; several may be named, with a range between two dates or times.
    #[param(value_type = Vec<String>)]
    pub service: String,
    /// The environment.
    pub environment: String,
    /// Of this deployment; of the newest if neither this nor a range is given.
    pub deployment: Option<String>,
    /// All after what ran at this point: a date, a time, an entry such as `#12`, a deployment id or a version.
    pub from: Option<String>,
    /// Up to what ran at this point.
    pub to: Option<String>,
    /// Who they are for: `customer`, `manager`, or `auditor`, who reads all; a variant says what it withholds.
    #[param(inline)]
    pub audience: Option<Audience>,
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
pub async fn release_notes(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let asked = Asked::read(request.query_string())?;
    let format = asked.parameters.format.unwrap_or_default().into();
    let document = blocking(move || asked.document(&app, format)).await?;
    Ok(respond(&request, document))
}

/// What is asked for, in the words of the command line too.
pub(super) fn notes_query(query: &NotesParameters) -> Result<NotesQuery, Problem> {
    let mut words = format!("shipslog notes {} {}", query.service, query.environment);
    let scope = match (&query.deployment, &query.from, &query.to) {
        (Some(deployment), None, None) => {
            words.push_str(&format!(" --deployment {deployment}"));
            Scope::Deployment(name("deployment", deployment)?)
        }
        (None, Some(from), Some(to)) => {
            words.push_str(&format!(" --from {from} --to {to}"));
            Scope::Range {
                from: Point::parse(from)?,
                to: Point::parse(to).map_err(|error| Problem::from(error).at("to"))?,
            }
        }
        (None, None, None) => Scope::Latest,
        (None, Some(_), None) => return Err(invalid("to", &"is needed beside from")),
        (None, None, Some(_)) => return Err(invalid("from", &"is needed beside to")),
        (Some(_), _, _) => return Err(invalid("deployment", &"cannot be given beside a range")),
    };
    words.push_str(&audience_words(query));
    Ok(NotesQuery {
        audience: query.audience.unwrap_or_default(),
        service: name("service", &query.service)?,
        environment: name("environment", &query.environment)?,
        scope,
        words,
    })
}

/// Which compliance report.
#[derive(Debug, Deserialize, IntoParams)]
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
    /// Zone of the dates: `UTC`.
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
    let query = query.into_inner();
    let format = query.format.unwrap_or_default().into();
    let mut words = format!("shipslog report compliance --environment {}", query.environment);
    if let Some(service) = &query.service {
        words.push_str(&format!(" --service {service}"));
    }
    words.push_str(&format!(" --from {} --to {}", query.from, query.to));
    let report = ComplianceQuery {
        environment: name("environment", &query.environment)?,
        service: optional_name("service", query.service.as_deref())?,
        period: Period {
            from: instant("from", &query.from)?,
            to: instant("to", &query.to)?,
        },
        time_zone: query.time_zone.unwrap_or_else(|| "UTC".into()),
        words,
    };
    let document = blocking(move || app.compliance_report(&report, query.tree_size, format)).await?;
    Ok(respond(&request, document))
}

fn instant(parameter: &str, text: &str) -> Result<Instant, Problem> {
    parse_instant(text).ok_or_else(|| {
        invalid(
            parameter,
            &"must be a date such as 2026-01-31, or a date and time with a zone",
        )
    })
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
