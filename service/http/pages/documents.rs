//! Documents as pages.

use actix_web::http::StatusCode;
use actix_web::web::{Data, ReqData};
use actix_web::{HttpRequest, HttpResponse, ResponseError, get};
use serde::Serialize;

use super::super::api::asked::{NotesParameters, ServiceReportParameters};
use super::super::api::query::take;
use super::super::blocking;
use super::super::problem::Problem;
use super::{Names, Page, of_form};
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
    teams: Vec<String>,
    tree_size: u64,
    /// What was asked for, for the form to show again.
    asked: Asked,
    /// What is wrong with a field of the form.
    problem: Option<Problem>,
    /// The same document as Markdown, page of its own and context; none while nothing was asked for.
    query: Option<String>,
}

#[derive(Default, Serialize)]
struct Asked {
    environment: String,
    service: String,
    team: String,
    period: String,
    from: String,
    to: String,
    time_zone: String,
}

impl Asked {
    fn of(query: &str) -> Self {
        let mut asked = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let field = match name.as_ref() {
                "environment" => &mut asked.environment,
                "service" => &mut asked.service,
                "team" => &mut asked.team,
                "period" => &mut asked.period,
                "from" => &mut asked.from,
                "to" => &mut asked.to,
                "time_zone" => &mut asked.time_zone,
                _ => continue,
            };
            *field = value.into_owned();
        }
        asked
    }
}

fn report(app: &App, query: &str) -> Result<(Option<Html>, Report), Problem> {
    // A form sends its empty fields too.
    let pairs = form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.is_empty());
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    let (made, problem) = of_form(document(app, &query))?;
    let (html, words) = made.flatten().unzip();
    let tree_size = app.services(None)?.tree_size;
    let report = Report {
        names: Names::of(app, tree_size)?,
        teams: app.teams(Some(tree_size))?.items,
        tree_size,
        asked: Asked::of(&query),
        problem,
        query: words,
    };
    Ok((html, report))
}

/// The report, and what asks for it on the command line; none while nothing was asked for.
fn document(app: &App, query: &str) -> Result<Option<(Html, String)>, Problem> {
    if query.is_empty() {
        return Ok(None);
    }
    let parameters = ServiceReportParameters::read(query)?;
    let asked = parameters.query()?;
    let html = app.document_html(&asked, parameters.tree_size)?;
    Ok(Some((html, asked.words().to_owned())))
}

/// A service report, below a form that asks which.
#[get("/service-reports")]
pub async fn service_report(app: Data<App>, caller: ReqData<Caller>, request: HttpRequest) -> HttpResponse {
    let at = app.clone();
    let query = request.query_string().to_owned();
    let page = Page::new("web/service-reports.html", "service-reports", &caller);
    match blocking(move || report(&at, &query)).await {
        Ok((html, content)) => {
            let status = content
                .problem
                .as_ref()
                .map_or(StatusCode::OK, ResponseError::status_code);
            let page = Page {
                body: html.as_ref(),
                ..page
            };
            page.render(&app, status, content)
        }
        Err(problem) => page.problem(&app, &problem),
    }
}
