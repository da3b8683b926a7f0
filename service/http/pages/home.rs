//! What runs where, what came last, what goes wrong now.

use std::collections::BTreeMap;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, ReqData};
use actix_web::{HttpResponse, get};
use serde::Serialize;

use super::super::blocking;
use super::super::problem::Problem;
use super::{Page, users_first};
use crate::app::{App, Caller, DeploymentFilter, DeploymentView, IncidentFilter, IncidentView, Paging, StateView};

/// Deployments and incidents on the first page.
const NEWEST: u16 = 10;

/// The first page.
#[derive(Serialize)]
struct Home {
    tree_size: u64,
    environments: Vec<StateView>,
    deployments: Vec<DeploymentView>,
    incidents: Vec<IncidentView>,
}

/// All services, and what runs of them where.
#[derive(Serialize)]
struct Services {
    tree_size: u64,
    environments: Vec<String>,
    services: Vec<Row>,
}

/// A service.
#[derive(Serialize)]
struct Row {
    name: String,
    /// One for each environment.
    cells: Vec<Option<Cell>>,
}

/// What runs in one environment.
#[derive(Serialize)]
struct Cell {
    label: String,
    deployment: String,
    since: crate::domain::Instant,
}

/// The style sheet of all pages.
#[get("/style.css")]
pub async fn style(app: Data<App>) -> HttpResponse {
    match app.page("web/style.css", &(), None) {
        Ok(style) => HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "public, max-age=300"))
            .content_type("text/css; charset=utf-8")
            .body(style),
        Err(error) => HttpResponse::from_error(Problem::internal(&error)),
    }
}

/// The first page.
#[get("/")]
pub async fn home(app: Data<App>, caller: ReqData<Caller>) -> HttpResponse {
    let at = app.clone();
    let content = blocking(move || {
        let (tree_size, environments) = states(&at)?;
        let paging = Paging {
            tree_size: Some(tree_size),
            cursor: None,
            limit: NEWEST,
        };
        let open = IncidentFilter {
            open: Some(true),
            ..IncidentFilter::default()
        };
        Ok::<_, Problem>(Home {
            tree_size,
            environments,
            deployments: at.deployments(&DeploymentFilter::default(), paging)?.items,
            incidents: at.incidents(&open, paging)?.items,
        })
    });
    Page::new("web/home.html", "home", &caller).answer(&app, content.await)
}

/// All services.
#[get("/services")]
pub async fn services(app: Data<App>, caller: ReqData<Caller>) -> HttpResponse {
    let at = app.clone();
    let content = blocking(move || {
        let (tree_size, states) = states(&at)?;
        let environments: Vec<String> = states.iter().map(|state| state.environment.clone()).collect();
        let mut cells: BTreeMap<(String, String), Cell> = BTreeMap::new();
        for state in states {
            for running in state.items {
                let named = running
                    .version
                    .or(running.commit)
                    .or(running.digest)
                    .or(running.artifact);
                let cell = Cell {
                    label: named.unwrap_or_else(|| running.deployment_id.clone()),
                    deployment: running.deployment_id,
                    since: running.since,
                };
                cells.insert((running.service, state.environment.clone()), cell);
            }
        }
        let names = at.services(Some(tree_size))?.items.into_iter();
        let services = names
            .map(|name| Row {
                cells: environments
                    .iter()
                    .map(|environment| cells.remove(&(name.clone(), environment.clone())))
                    .collect(),
                name,
            })
            .collect();
        Ok::<_, Problem>(Services {
            tree_size,
            environments,
            services,
        })
    });
    Page::new("web/services.html", "services", &caller).answer(&app, content.await)
}

/// What runs in each environment, as of one tree size.
fn states(app: &App) -> Result<(u64, Vec<StateView>), Problem> {
    let environments = app.environments(None)?;
    let tree_size = environments.tree_size;
    let mut states = Vec::with_capacity(environments.items.len());
    for name in users_first(environments.items) {
        // A name that the ledger holds was parsed when it came in.
        if let Ok(name) = name.parse() {
            states.push(app.state(&name, None, Some(tree_size))?);
        }
    }
    Ok((tree_size, states))
}
