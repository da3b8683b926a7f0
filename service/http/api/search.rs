//! `/v1/search`: what holds a commit, a digest, a version, an id, or the beginning of one.

use actix_web::get;
use actix_web::web::{Data, Json};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::blocking;
use super::super::problem::Problem;
use super::query::{Query, invalid};
use crate::app::{App, Found, Page};

/// Shortest text that is searched for: a shorter one would find everything.
const SHORTEST: usize = 2;

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SearchQuery {
    /// The value, or its beginning: a commit, digest, version, ticket, deployment or event id.
    pub q: String,
    /// As of this tree size; the newest if absent.
    pub tree_size: Option<u64>,
}

/// Events by what they hold.
#[utoipa::path(
    tag = "events",
    params(SearchQuery),
    responses(
        (status = 200, description = "Values that begin like this, each with its events", body = Page<Found>),
        (status = "4XX", description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/search")]
pub async fn search(app: Data<App>, query: Query<SearchQuery>) -> Result<Json<Page<Found>>, Problem> {
    let text = query.q.trim().to_owned();
    if text.chars().count() < SHORTEST {
        return Err(invalid("q", &format!("must have at least {SHORTEST} characters")));
    }
    Ok(Json(blocking(move || app.search(&text, query.tree_size)).await?))
}
