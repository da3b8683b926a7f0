//! Documents as pages.

use actix_web::web::{Data, ReqData};
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Serialize;

use super::super::api::asked::{NotesParameters, ServiceReportParameters};
use super::super::api::query::take;
use super::super::blocking;
use super::super::problem::Problem;
use super::{Names, Page};
use crate::app::{App, Caller, Html};
use crate::document::audience::Audience;

#[derive(Serialize)]
struct Notes {
    service: String,
    environment: String,
    audience: Audience,
    /// The query of this page without the audience.
    rest: String,
    /// The same document as Markdown, page of its own and context.
    query: String,
}

/// Release notes of a service in an environment, or of several.
#[get("/release-notes")]
pub async fn release_notes(app: Data<App>, caller: ReqData<Caller>, request: HttpRequest) -> HttpResponse {
    let at = app.clone();
    let made = async {
        let parameters = NotesParameters::read(request.query_string())?;
        let asked = parameters.query()?;
        let (_, rest) = take(request.query_string().as_bytes(), "audience");
        let content = Notes {
            service: parameters.service.join(", "),
            environment: parameters.environment,
            audience: parameters.audience.unwrap_or_default(),
            rest,
            query: asked.words().to_owned(),
        };
        let html = blocking(move || at.document_html(&asked, parameters.tree_size)).await?;
        Ok::<_, Problem>((html, content))
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
    let parameters = ServiceReportParameters::read(&query)?;
    let asked = parameters.query()?;
    report.query = Some(asked.words().to_owned());
    report.asked = Asked {
        environment: parameters.environment,
        service: parameters.service.into_iter().next().unwrap_or_default(),
        period: parameters.period.unwrap_or_default(),
        time_zone: parameters.time_zone.unwrap_or_default(),
    };
    let html = app.document_html(&asked, parameters.tree_size)?;
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
