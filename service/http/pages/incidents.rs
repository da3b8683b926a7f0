//! Incidents, and one with the deployments that may have caused it.

use actix_web::web::{Data, Path, ReqData};
use actix_web::{HttpResponse, get};
use serde::{Deserialize, Serialize};

use super::super::api::query::{Query, given, invalid, optional_name, paging};
use super::super::blocking;
use super::super::problem::Problem;
use super::{Names, Page};
use crate::app::{App, Caller, IncidentFilter, IncidentView};

/// Which to list; a field of the form that was left empty counts as absent.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    environment: Option<String>,
    #[serde(default)]
    open: Option<String>,
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Serialize)]
struct List {
    tree_size: u64,
    filter: Filter,
    #[serde(flatten)]
    names: Names,
    incidents: Vec<IncidentView>,
    next: Option<String>,
}

/// Incidents, the newest first.
#[get("/incidents")]
pub async fn incidents(
    app: Data<App>,
    caller: ReqData<Caller>,
    filter: Result<Query<Filter>, Problem>,
) -> HttpResponse {
    let at = app.clone();
    let content = async {
        let filter = filter?.into_inner();
        let wanted = IncidentFilter {
            service: optional_name("service", given(filter.service.as_deref()))?,
            environment: optional_name("environment", given(filter.environment.as_deref()))?,
            open: match given(filter.open.as_deref()) {
                None => None,
                Some("true") => Some(true),
                Some("false") => Some(false),
                Some(_) => return Err(invalid("open", &"must be true or false")),
            },
            ..IncidentFilter::default()
        };
        let paging = paging(None, given(filter.cursor.as_deref()), Some(50))?;
        blocking(move || {
            let page = at.incidents(&wanted, paging)?;
            Ok::<_, Problem>(List {
                tree_size: page.tree_size,
                names: Names::of(&at, page.tree_size)?,
                filter,
                incidents: page.items,
                next: page.next,
            })
        })
        .await
    };
    Page::new("web/incidents.html", "incidents", &caller).answer(&app, content.await)
}

/// One incident.
#[get("/incidents/{id}")]
pub async fn incident(app: Data<App>, caller: ReqData<Caller>, id: Path<String>) -> HttpResponse {
    let at = app.clone();
    let content = blocking(move || at.incident(&id, None));
    Page::new("web/incident.html", "incidents", &caller).answer(&app, content.await)
}
