//! `/v1/aliases`, `/v1/exceptions`, `/v1/attestations`, `/v1/conclusions`: whose names are whose, which deviations were accepted, what
//! people attest, and what auditors conclude.

use actix_web::get;
use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::blocking;
use super::super::problem::Problem;
use super::query::Query;
use crate::app::{App, Page};
use crate::domain::alias::Declared;
use crate::domain::attestation::Attestation;
use crate::domain::conclusion::Conclusions;
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

/// All that people ever attested for requirements of frameworks, in the order of the log, each with its revocation.
#[utoipa::path(
    tag = "controls",
    params(AsOf),
    responses(
        (status = 200, description = "All of them", body = Page<Attestation>),
        (status = "4XX", description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/attestations")]
pub async fn list_attestations(app: Data<App>, query: Query<AsOf>) -> Result<Json<Page<Attestation>>, Problem> {
    let size = query.tree_size;
    Ok(Json(blocking(move || app.attestations(size)).await?))
}

/// What auditors concluded, as of a tree size.
#[derive(Serialize, ToSchema)]
pub struct ConclusionsBody {
    /// Only entries below this index were looked at.
    tree_size: u64,
    /// The samples that were issued, and what was concluded.
    #[serde(flatten)]
    conclusions: Conclusions,
}

/// All samples that were ever issued, each with what auditors concluded of its items and of the whole. The papers of a sample are
/// as of their own tree size, so what is concluded of them stands here.
#[utoipa::path(
    tag = "controls",
    params(AsOf),
    responses(
        (status = 200, description = "All of them", body = ConclusionsBody),
        (status = "4XX", description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/conclusions")]
pub async fn list_conclusions(app: Data<App>, query: Query<AsOf>) -> Result<Json<ConclusionsBody>, Problem> {
    let size = query.tree_size;
    let (tree_size, conclusions) = blocking(move || app.conclusions(size)).await?;
    Ok(Json(ConclusionsBody { tree_size, conclusions }))
}
