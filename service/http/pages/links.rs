//! The review queue: what may have caused which incident, and the forms to decide it.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::{Deserialize, Serialize};

use super::super::api::query::{Query, given, paging};
use super::super::blocking;
use super::super::problem::Problem;
use super::{Page, session};
use crate::app::{App, Caller, LinkFilter, LinkState, LinkView, NewDecision};
use crate::domain::IncidentId;
use crate::domain::link::Verdict;

/// Where the list goes on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Serialize)]
struct Queue {
    tree_size: u64,
    links: Vec<LinkView>,
    next: Option<String>,
}

/// A decision, as the form sends it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionForm {
    incident: IncidentId,
    #[serde(default)]
    deployment: Option<String>,
    verdict: Verdict,
    reason: String,
    tree_size: u64,
}

/// What waits for a review.
#[get("/links")]
pub async fn links(app: Data<App>, caller: ReqData<Caller>, filter: Result<Query<Filter>, Problem>) -> HttpResponse {
    let at = app.clone();
    let content = async {
        let paging = paging(None, given(filter?.cursor.as_deref()), Some(50))?;
        let waiting = LinkFilter {
            state: Some(LinkState::Suggested),
            ..LinkFilter::default()
        };
        let page = blocking(move || at.links(&waiting, paging)).await?;
        Ok(Queue {
            tree_size: page.tree_size,
            links: page.items,
            next: page.next,
        })
    };
    Page::new("web/links.html", "links", &caller).answer(&app, content.await)
}

/// Records a decision, and shows the incident.
#[post("/links")]
pub async fn decide(app: Data<App>, request: HttpRequest, caller: ReqData<Caller>, payload: Payload) -> HttpResponse {
    match decided(&app, &request, &caller, payload).await {
        Ok(incident) => {
            let incident: String = form_urlencoded::byte_serialize(incident.as_str().as_bytes()).collect();
            // In a path, a space is not a plus.
            let location = format!("/incidents/{}", incident.replace('+', "%20"));
            HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()
        }
        Err(problem) => Page::new("web/problem.html", "links", &caller).problem(&app, &problem),
    }
}

async fn decided(
    app: &Data<App>,
    request: &HttpRequest,
    caller: &Caller,
    payload: Payload,
) -> Result<IncidentId, Problem> {
    let form: DecisionForm = session::read_own(request, payload, caller).await?;
    let incident = form.incident.clone();
    let new = NewDecision {
        incident: form.incident,
        deployment: form.deployment.filter(|name| !name.is_empty()),
        verdict: form.verdict,
        reason: form.reason,
        tree_size: Some(form.tree_size),
    };
    app.decide(new, &caller.token).await?;
    Ok(incident)
}
