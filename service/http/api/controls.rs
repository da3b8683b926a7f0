//! `/v1/aliases`, `/v1/exceptions`: whose names are whose, and which deviations were accepted.

use actix_web::get;
use actix_web::web::{Data, Json};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::blocking;
use super::super::problem::Problem;
use super::query::Query;
use crate::app::{App, Page};
use crate::domain::alias::Declared;
use crate::domain::exception::Exception;

/// As of when.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AsOf {
    /// As of this tree size; the newest if absent.
    pub tree_size: Option<u64>,
}

/// All that was ever declared about people, by person and in order of the time from which it holds.
#[utoipa::path(
    tag = "controls",
    params(AsOf),
    responses(
        (status = 200, description = "All of it", body = Page<Declared>),
        (status = "4XX", description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/aliases")]
pub async fn list_aliases(app: Data<App>, query: Query<AsOf>) -> Result<Json<Page<Declared>>, Problem> {
    let size = query.tree_size;
    Ok(Json(blocking(move || app.aliases(size)).await?))
}

/// All exceptions that were ever granted, in the order of the log, each with its revocation.
#[utoipa::path(
    tag = "controls",
    params(AsOf),
    responses(
        (status = 200, description = "All of them", body = Page<Exception>),
        (status = "4XX", description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/exceptions")]
pub async fn list_exceptions(app: Data<App>, query: Query<AsOf>) -> Result<Json<Page<Exception>>, Problem> {
    let size = query.tree_size;
    Ok(Json(blocking(move || app.exceptions(size)).await?))
}
