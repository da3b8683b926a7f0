//! `/v1/links`: which deployments caused which incidents, as the rules suggest and people decide.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::problem::Problem;
use super::super::{blocking, body};
use super::query::{Query, invalid, optional_name, paging};
use crate::app::{App, IncidentDetail, LinkFilter, LinkState, LinkView, NewDecision, Page};
use crate::domain::IncidentId;
use crate::domain::link::Verdict;
use crate::domain::producer::Token;

/// Which links to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct LinksQuery {
    /// `suggested` is the review queue; also `explicit`, `confirmed`, `rejected`, `disputed`, `superseded`. All if absent.
    pub state: Option<String>,
    /// The service that was hurt.
    pub service: Option<String>,
    /// The environment that was hurt.
    pub environment: Option<String>,
    /// As of this tree size; the newest if absent.
    pub tree_size: Option<u64>,
    /// Goes on where a page ended.
    pub cursor: Option<String>,
    /// About this many items; 100 if absent, 500 at most. A page ends with an incident.
    pub limit: Option<u16>,
}

/// A decision about the cause of an incident.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkRequest {
    /// Id of the incident.
    #[schema(value_type = String)]
    incident: IncidentId,
    /// Id of the deployment, or `#` and the index of one of its entries. Absent with the verdict `no_deployment`.
    deployment: Option<String>,
    /// What is decided.
    verdict: Verdict,
    /// Why.
    reason: String,
    /// The tree size as of which the reviewer looked; the newest if absent.
    tree_size: Option<u64>,
}

/// A decision that is in the log.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecisionBody {
    /// Index of its entry.
    index: u64,
    /// The incident as it is now.
    #[serde(flatten)]
    detail: IncidentDetail,
}

/// Links between incidents and deployments, those of the newest incidents first.
#[utoipa::path(
    tag = "incidents",
    params(LinksQuery),
    responses(
        (status = 200, description = "A page of links", body = Page<LinkView>),
        (status = "4XX", description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/links")]
pub async fn list_links(app: Data<App>, query: Query<LinksQuery>) -> Result<Json<Page<LinkView>>, Problem> {
    let paging = paging(query.tree_size, query.cursor.as_deref(), query.limit)?;
    let state = query.state.as_deref().map(|word| {
        let known = LinkState::ALL.iter().find(|state| state.as_str() == word);
        let words: Vec<&str> = LinkState::ALL.iter().map(|state| state.as_str()).collect();
        known
            .copied()
            .ok_or_else(|| invalid("state", &format!("must be one of {}", words.join(", "))))
    });
    let filter = LinkFilter {
        state: state.transpose()?,
        service: optional_name("service", query.service.as_deref())?,
        environment: optional_name("environment", query.environment.as_deref())?,
    };
    Ok(Json(blocking(move || app.links(&filter, paging)).await?))
}

/// Records a decision about the cause of an incident, signed by the service for whoever holds the token. The newest decision
/// about a link counts, and the earlier ones stay in the log.
#[utoipa::path(
    tag = "incidents",
    request_body = LinkRequest,
    responses(
        (status = 201, description = "Recorded", body = DecisionBody),
        (status = 404, description = "There is no such incident", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[post("/v1/links")]
pub async fn decide_link(
    app: Data<App>,
    request: HttpRequest,
    caller: ReqData<Token>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let asked: LinkRequest = body::read_json(&request, payload).await?;
    let new = NewDecision {
        incident: asked.incident,
        deployment: asked.deployment,
        verdict: asked.verdict,
        reason: asked.reason,
        tree_size: asked.tree_size,
    };
    let made = app.decide(new, &caller).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/v1/events/{}", made.index)))
        .json(DecisionBody {
            index: made.index,
            detail: made.detail,
        }))
}
