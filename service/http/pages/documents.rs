//! Documents as pages.

use actix_web::web::{Data, ReqData};
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Serialize;

use super::super::api::documents::{NotesParameters, notes_query, service_report_parameters, service_report_query};
use super::super::api::query::Query;
use super::super::blocking;
use super::super::problem::Problem;
use super::{Names, Page};
use crate::app::{App, Caller, DocumentQuery, Html};

#[derive(Serialize)]
struct Notes {
    service: String,
    environment: String,
    /// The same document as Markdown, page of its own and context.
    query: String,
}

/// Release notes of a service in an environment.
#[get("/release-notes")]
pub async fn release_notes(
    app: Data<App>,
    caller: ReqData<Caller>,
    query: Result<Query<NotesParameters>, Problem>,
) -> HttpResponse {
    let at = app.clone();
    let made = async {
        let query = query?.into_inner();
        let (service, environment) = (query.service.clone(), query.environment.clone());
        let tree_size = query.tree_size;
        let notes = notes_query(&query)?;
        let words = notes.words.clone();
        let html = blocking(move || at.document_html(&DocumentQuery::ReleaseNotes(notes), tree_size)).await?;
        let content = Notes {
            service,
            environment,
            query: words,
        };
        Ok((html, content))
    };
    let page = Page::new("web/notes.html", "services", &caller);
    match made.await {
        Ok((html, content)) => {
            let page = Page {
                body: Some(&html),
                ..page
            };
            page.answer(&app, Ok(content))
        }
        Err(problem) => page.problem(&app, &problem),
    }
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    names: Names,
    tree_size: u64,
    /// What was asked for, for the form to show again.
    asked: Asked,
    /// The same document as Markdown, page of its own and context; none while nothing was asked for.
    query: Option<String>,
}

#[derive(Default, Serialize)]
struct Asked {
    environment: String,
    service: String,
    period: String,
    time_zone: String,
}

fn report(app: &App, query: &str) -> Result<(Option<Html>, Report), Problem> {
    // A form sends its empty fields too.
    let pairs = form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.is_empty());
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    let tree_size = app.services(None)?.tree_size;
    let mut report = Report {
        names: Names::of(app, tree_size)?,
        tree_size,
        asked: Asked::default(),
        query: None,
    };
    if query.is_empty() {
        return Ok((None, report));
    }
    let parameters = service_report_parameters(&query)?;
    let asked = service_report_query(&parameters)?;
    report.query = Some(asked.words.clone());
    report.asked = Asked {
        environment: parameters.environment,
        service: parameters.service.into_iter().next().unwrap_or_default(),
        period: parameters.period.unwrap_or_default(),
        time_zone: parameters.time_zone.unwrap_or_default(),
    };
    let html = app.document_html(&DocumentQuery::Service(asked), parameters.tree_size)?;
    Ok((Some(html), report))
}

/// A service report, below a form that asks which.
#[get("/service-reports")]
pub async fn service_report(app: Data<App>, caller: ReqData<Caller>, request: HttpRequest) -> HttpResponse {
    let at = app.clone();
    let query = request.query_string().to_owned();
    let made = blocking(move || report(&at, &query)).await;
    let page = Page::new("web/service-reports.html", "service-reports", &caller);
    match made {
        Ok((html, content)) => {
            let page = Page {
                body: html.as_ref(),
                ..page
            };
            page.answer(&app, Ok(content))
        }
        Err(problem) => page.problem(&app, &problem),
    }
}
