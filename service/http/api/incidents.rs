//! Incidents, each with the deployments that may have caused it.

use actix_web::get;
use actix_web::web::{Data, Json, Path};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::blocking;
use super::super::problem::Problem;
use super::log::TreeSize;
use super::query::{Query, optional_name, paging};
use crate::app::{App, IncidentDetail, IncidentFilter, IncidentView, Page};
use crate::domain::Instant;

/// Which incidents to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct IncidentsQuery {
    /// The service.
    pub service: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// `true`: only those that go on; `false`: only those that are over.
    pub open: Option<bool>,
    /// Those that began not before this time, RFC 3339.
    #[param(value_type = Option<String>, format = DateTime)]
    pub from: Option<Instant>,
    /// Those that began before this time, RFC 3339.
    #[param(value_type = Option<String>, format = DateTime)]
    pub to: Option<Instant>,
    /// As of this tree size; the newest if absent.
    pub tree_size: Option<u64>,
    /// Goes on where a page ended.
    pub cursor: Option<String>,
    /// At most this many items; 100 if absent, 500 at most.
    pub limit: Option<u16>,
}

/// Incidents, newest first.
#[utoipa::path(
    tag = "incidents",
    params(IncidentsQuery),
    responses(
        (status = 200, description = "A page of incidents", body = Page<IncidentView>),
        (status = "4XX", description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/incidents")]
pub async fn list_incidents(app: Data<App>, query: Query<IncidentsQuery>) -> Result<Json<Page<IncidentView>>, Problem> {
    let paging = paging(query.tree_size, query.cursor.as_deref(), query.limit)?;
    let filter = IncidentFilter {
        service: optional_name("service", query.service.as_deref())?,
        environment: optional_name("environment", query.environment.as_deref())?,
        open: query.open,
        from: query.from,
        to: query.to,
    };
    Ok(Json(blocking(move || app.incidents(&filter, paging)).await?))
}

/// One incident.
#[utoipa::path(
    tag = "incidents",
    params(("id" = String, Path, description = "Id of the incident"), TreeSize),
    responses(
        (status = 200, description = "The incident", body = IncidentDetail),
        (status = 404, description = "There is no such incident, or it lies beyond the reach of the token", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/incidents/{id}")]
pub async fn show_incident(
    app: Data<App>,
    id: Path<String>,
    at: Query<TreeSize>,
) -> Result<Json<IncidentDetail>, Problem> {
    Ok(Json(blocking(move || app.incident(&id, at.tree_size)).await?))
}
