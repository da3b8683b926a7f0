//! `/v1/gate`: whether a deployment that is about to start would pass.

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, post};

use super::super::body;
use super::super::problem::Problem;
use super::events::{ENVELOPE_TYPE, EnvelopeBody};
use crate::app::{App, GateAnswer};

/// Asks whether a deployment would pass the checks that its environment demands. The question is a signed event of the type
/// `dev.cdeventsx.shipslog-gate.asked.0.1.0` that says what the deployment's record would say; it is recorded, and so is the answer,
/// before it is given. The answer is about the moment of the question, and binds nobody.
#[utoipa::path(
    tag = "gate",
    request_body(content((EnvelopeBody = "application/vnd.dsse.envelope.v1+json"), (EnvelopeBody = "application/json"))),
    responses(
        (status = 200, description = "The answer: allow, deny, or that the ledger cannot tell", body = GateAnswer),
        (status = "4XX", description = "The question is refused; nothing was recorded", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Busy, unavailable, unconfirmed or read-only: ask again", body = Problem, content_type = "application/problem+json"),
    ),
    security(())
)]
#[post("/v1/gate")]
pub async fn ask_gate(app: Data<App>, request: HttpRequest, payload: Payload) -> Result<Json<GateAnswer>, Problem> {
    body::require_type(&request, &[ENVELOPE_TYPE, "application/json"])?;
    let envelope = body::read(&request, payload, body::MAX_ENVELOPE).await?;
    Ok(Json(app.into_inner().ask_gate(envelope).await?))
}
