//! Release notes as a page.

use actix_web::web::{Data, ReqData};
use actix_web::{HttpResponse, get};
use serde::Serialize;

use super::super::api::documents::{NotesParameters, notes_query};
use super::super::api::query::Query;
use super::super::blocking;
use super::super::problem::Problem;
use super::Page;
use crate::app::{App, Caller, DocumentQuery};

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
