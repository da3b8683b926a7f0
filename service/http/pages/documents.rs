//! Release notes as a page.

use actix_web::web::{Data, ReqData};
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Serialize;

use super::super::api::notes_asked::Asked;
use super::super::api::query::take;
use super::super::blocking;
use super::super::problem::Problem;
use super::Page;
use crate::app::{App, Caller};
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
        let asked = Asked::read(request.query_string())?;
        let (services, _) = take(request.query_string().as_bytes(), "service");
        let (_, rest) = take(request.query_string().as_bytes(), "audience");
        let content = Notes {
            service: services.join(", "),
            environment: asked.parameters.environment.clone(),
            audience: asked.parameters.audience.unwrap_or_default(),
            rest,
            query: asked.words().to_owned(),
        };
        let html = blocking(move || asked.html(&at)).await?;
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
