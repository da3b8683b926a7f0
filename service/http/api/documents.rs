//! Release notes and reports, as Markdown, as a page, or as the context they are made from.

use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, LOCATION};
use actix_web::web::{Data, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::super::problem::{Kind, Problem};
use super::super::{blocking, body};
use super::asked::{ComplianceParameters, NotesParameters, SampleParameters, ServiceReportParameters};
use super::events::ReceiptBody;
use crate::app::{App, Document, DocumentQuery, Format};
use crate::domain::issued::IssuedDocument;
use crate::domain::producer::Token;

/// Release notes of a service in an environment, against what really ran there before.
#[utoipa::path(
    tag = "documents",
    params(NotesParameters),
    responses(
        (status = 200, description = "The document", content((String = "text/markdown"), (String = "text/html"), (Object = "application/json"))),
        (status = 304, description = "Unchanged"),
        (status = 429, description = "The auditor's token has asked enough today", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "An auditor asks, and that cannot be recorded now", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "An auditor asks, and the disk is nearly full", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Nothing was deployed there", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/release-notes")]
pub async fn release_notes(
    app: Data<App>,
    request: HttpRequest,
    caller: ReqData<Token>,
) -> Result<HttpResponse, Problem> {
    let asked = NotesParameters::read(request.query_string())?;
    answer(app, &request, &caller, asked.query()?, asked.tree_size, asked.format).await
}

/// A compliance report: every deployment of a period, tested against every check.
#[utoipa::path(
    tag = "documents",
    params(ComplianceParameters),
    responses(
        (status = 200, description = "The document", content((String = "text/markdown"), (String = "text/html"), (Object = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"))),
        (status = 304, description = "Unchanged"),
        (status = 429, description = "The auditor's token has asked enough today", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "An auditor asks, and that cannot be recorded now", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "An auditor asks, and the disk is nearly full", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/reports/compliance")]
pub async fn compliance_report(
    app: Data<App>,
    request: HttpRequest,
    caller: ReqData<Token>,
) -> Result<HttpResponse, Problem> {
    let asked = ComplianceParameters::read(request.query_string())?;
    answer(app, &request, &caller, asked.query()?, asked.tree_size, asked.format).await
}

/// A service report: what was delivered in a period, how well, and what waits for a decision.
#[utoipa::path(
    tag = "documents",
    params(ServiceReportParameters),
    responses(
        (status = 200, description = "The document", content((String = "text/markdown"), (String = "text/html"), (Object = "application/json"))),
        (status = 304, description = "Unchanged"),
        (status = 429, description = "The auditor's token has asked enough today", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "An auditor asks, and that cannot be recorded now", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "An auditor asks, and the disk is nearly full", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/reports/service")]
pub async fn service_report(
    app: Data<App>,
    request: HttpRequest,
    caller: ReqData<Token>,
) -> Result<HttpResponse, Problem> {
    let asked = ServiceReportParameters::read(request.query_string())?;
    answer(app, &request, &caller, asked.query()?, asked.tree_size, asked.format).await
}

/// A sample of deployments, drawn by the auditor's seed, with a working paper and proofs for each.
#[utoipa::path(
    tag = "documents",
    params(SampleParameters),
    responses(
        (status = 200, description = "The document", content((String = "text/markdown"), (String = "text/html"), (Object = "application/json"))),
        (status = 304, description = "Unchanged"),
        (status = 429, description = "The auditor's token has asked enough today", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "An auditor asks, and that cannot be recorded now", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "An auditor asks, and the disk is nearly full", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/samples")]
pub async fn show_sample(
    app: Data<App>,
    request: HttpRequest,
    caller: ReqData<Token>,
) -> Result<HttpResponse, Problem> {
    let asked = SampleParameters::read(request.query_string())?;
    answer(app, &request, &caller, asked.query()?, asked.tree_size, asked.format).await
}

/// Draws a sample and issues its working papers: the seed, the population and what was drawn are then on the record.
#[utoipa::path(
    tag = "documents",
    request_body = SampleParameters,
    responses(
        (status = 201, description = "Recorded", body = IssuedBody),
        (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[post("/v1/samples")]
pub async fn draw_sample(
    app: Data<App>,
    request: HttpRequest,
    caller: ReqData<Token>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let asked: SampleParameters = body::read_json(&request, payload).await?;
    if asked.format.is_some() {
        return Err(Problem::new(Kind::InvalidEvent, "every form of a document is issued").at("/format"));
    }
    let under = |problem: Problem| member_of(problem, "");
    issued(app, asked.query().map_err(under)?, asked.tree_size, &caller, under).await
}

async fn answer(
    app: Data<App>,
    request: &HttpRequest,
    caller: &Token,
    query: DocumentQuery,
    tree_size: Option<u64>,
    format: Option<impl Default + Into<Format>>,
) -> Result<HttpResponse, Problem> {
    let format = format.unwrap_or_default().into();
    let (at, about) = (app.clone(), query.whereabouts());
    let document = blocking(move || at.document(&query, tree_size, format)).await?;
    // That it was asked is on the record before the answer leaves, also where the answer is that nothing changed.
    app.record_document_question(caller, about, &document).await?;
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
    /// A sample of deployments.
    Sample(SampleParameters),
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
    let (query, tree_size, format) = match &asked {
        IssueRequest::ReleaseNotes(notes) => (notes.query(), notes.tree_size, notes.format.is_some()),
        IssueRequest::ComplianceReport(report) => (report.query(), report.tree_size, report.format.is_some()),
        IssueRequest::ServiceReport(report) => (report.query(), report.tree_size, report.format.is_some()),
        IssueRequest::Sample(sample) => (sample.query(), sample.tree_size, sample.format.is_some()),
    };
    if format {
        return Err(Problem::new(Kind::InvalidEvent, "every form of a document is issued").at("/parameters/format"));
    }
    let under = |problem: Problem| member_of(problem, "/parameters");
    issued(app, query.map_err(under)?, tree_size, &caller, under).await
}

/// Issues a document, and answers with what was recorded.
async fn issued(
    app: Data<App>,
    query: DocumentQuery,
    tree_size: Option<u64>,
    caller: &Token,
    under: impl Fn(Problem) -> Problem,
) -> Result<HttpResponse, Problem> {
    let issued = app.into_inner().issue_document(query, tree_size, caller).await;
    let issued = issued.map_err(|error| under(error.into()))?;
    let receipt = RawValue::from_string(issued.accepted.receipt.to_json());
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/v1/events/{}", issued.accepted.index)))
        .json(IssuedBody {
            index: issued.accepted.index,
            document: issued.document,
            receipt: receipt.map_err(|error| Problem::internal(&error))?,
        }))
}

/// What is wrong with a parameter, as a member of an object in the body.
fn member_of(problem: Problem, object: &str) -> Problem {
    match problem.pointer.clone() {
        Some(parameter) if !parameter.starts_with('/') => problem.at(format!("{object}/{parameter}")),
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
        Format::Json | Format::Oscal(_) => "application/json",
        Format::Csv => "text/csv; charset=utf-8",
        Format::Records => "application/x-ndjson",
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
