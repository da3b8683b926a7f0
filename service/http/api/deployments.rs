//! Services, environments, what runs where, and deployments.

use actix_web::get;
use actix_web::web::{Data, Json, Path};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::blocking;
use super::super::problem::Problem;
use super::log::TreeSize;
use super::query::{Query, invalid, name, optional_name, paging};
use crate::app::{App, DeploymentDetail, DeploymentFilter, DeploymentView, Page, StateView};
use crate::domain::Instant;
use crate::domain::deployment::Status;

/// Names of all services that events are about.
#[utoipa::path(
    tag = "deployments",
    params(TreeSize),
    responses((status = 200, description = "Names in order", body = Page<String>)),
    security(("token" = []))
)]
#[get("/v1/services")]
pub async fn list_services(app: Data<App>, at: Query<TreeSize>) -> Result<Json<Page<String>>, Problem> {
    Ok(Json(blocking(move || app.services(at.tree_size)).await?))
}

/// Names of all environments that events are about.
#[utoipa::path(
    tag = "deployments",
    params(TreeSize),
    responses((status = 200, description = "Names in order", body = Page<String>)),
    security(("token" = []))
)]
#[get("/v1/environments")]
pub async fn list_environments(app: Data<App>, at: Query<TreeSize>) -> Result<Json<Page<String>>, Problem> {
    Ok(Json(blocking(move || app.environments(at.tree_size)).await?))
}

/// Which state to show.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct StateQuery {
    /// At this time, RFC 3339: what deployments that had ended by then, as claimed, left running.
    #[param(value_type = Option<String>, format = DateTime)]
    pub at: Option<Instant>,
    /// As of this tree size; the newest if absent.
    pub tree_size: Option<u64>,
}

/// What runs in an environment, now or at a time.
#[utoipa::path(
    tag = "deployments",
    params(("environment" = String, Path, description = "Name of the environment"), StateQuery),
    responses(
        (status = 200, description = "One item for each service that runs there", body = StateView),
        (status = 404, description = "No event is about this environment", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/environments/{environment}/state")]
pub async fn show_state(
    app: Data<App>,
    environment: Path<String>,
    query: Query<StateQuery>,
) -> Result<Json<StateView>, Problem> {
    let environment = name("environment", &environment)?;
    Ok(Json(
        blocking(move || app.state(&environment, query.at, query.tree_size)).await?,
    ))
}

/// Which deployments to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DeploymentsQuery {
    /// The service.
    pub service: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// How far they are: queued, started or finished.
    pub status: Option<String>,
    /// As of this tree size; the newest if absent.
    pub tree_size: Option<u64>,
    /// Goes on where a page ended.
    pub cursor: Option<String>,
    /// At most this many items; 100 if absent, 500 at most.
    pub limit: Option<u16>,
}

/// Deployments, newest first.
#[utoipa::path(
    tag = "deployments",
    params(DeploymentsQuery),
    responses(
        (status = 200, description = "A page of deployments", body = Page<DeploymentView>),
        (status = "4XX", description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/deployments")]
pub async fn list_deployments(
    app: Data<App>,
    query: Query<DeploymentsQuery>,
) -> Result<Json<Page<DeploymentView>>, Problem> {
    let paging = paging(query.tree_size, query.cursor.as_deref(), query.limit)?;
    let filter = DeploymentFilter {
        service: optional_name("service", query.service.as_deref())?,
        environment: optional_name("environment", query.environment.as_deref())?,
        status: query.status.as_deref().map(status).transpose()?,
    };
    Ok(Json(blocking(move || app.deployments(&filter, paging)).await?))
}

/// Where a deployment is, when its id alone does not say.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DeploymentQuery {
    /// The service; needed only where ids repeat.
    pub service: Option<String>,
    /// The environment; needed only where ids repeat.
    pub environment: Option<String>,
    /// As of this tree size; the newest if absent.
    pub tree_size: Option<u64>,
}

/// One deployment with its change set and the evidence that belongs to it.
#[utoipa::path(
    tag = "deployments",
    params(("id" = String, Path, description = "Id of the deployment"), DeploymentQuery),
    responses(
        (status = 200, description = "The deployment", body = DeploymentDetail),
        (status = 404, description = "There is no such deployment", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Several are called that", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/deployments/{id}")]
pub async fn show_deployment(
    app: Data<App>,
    id: Path<String>,
    query: Query<DeploymentQuery>,
) -> Result<Json<DeploymentDetail>, Problem> {
    let filter = DeploymentFilter {
        service: optional_name("service", query.service.as_deref())?,
        environment: optional_name("environment", query.environment.as_deref())?,
        status: None,
    };
    Ok(Json(
        blocking(move || app.deployment(&id, &filter, query.tree_size)).await?,
    ))
}

fn status(text: &str) -> Result<Status, Problem> {
    match text {
        "queued" => Ok(Status::Queued),
        "started" => Ok(Status::Started),
        "finished" => Ok(Status::Finished),
        _ => Err(invalid("status", &"must be queued, started or finished")),
    }
}
