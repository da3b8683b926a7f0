//! `/v1/producers`: who may sign, for what, and until when.

use actix_web::web::{Data, Json, Path, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::body;
use super::super::problem::Problem;
use super::events::ReceiptBody;
use crate::app::{App, NewProducer};
use crate::domain::Instant;
use crate::domain::producer::{Producer, Token};

/// A registered producer.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProducerView {
    /// Its name.
    pub name: String,
    /// SHA-256 of the key's DER SubjectPublicKeyInfo, in hex: the `keyid` to put into envelopes.
    pub key_id: String,
    /// The key, as PEM.
    pub public_key: String,
    /// Services it may sign for; all if empty.
    pub services: Vec<String>,
    /// Environments it may sign for; all if empty.
    pub environments: Vec<String>,
    /// Event types, or beginnings of them up to a dot, that it may sign; all if empty.
    pub event_types: Vec<String>,
    /// Not before this time.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_from: Option<Instant>,
    /// Not from this time on.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_until: Option<Instant>,
    /// The entry that registered it.
    pub registered_index: u64,
    /// The entry that revoked it.
    pub revoked_index: Option<u64>,
}

/// What was registered, and the receipt of the entry that says so.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct RegisteredBody {
    producer: ProducerView,
    receipt: ReceiptBody,
}

/// Why something is revoked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// In words.
    pub reason: String,
}

impl From<&Producer> for ProducerView {
    fn from(producer: &Producer) -> Self {
        let scope = &producer.scope;
        Self {
            name: producer.name.to_string(),
            key_id: producer.key.id().to_string(),
            public_key: producer.key.to_pem(),
            services: scope.services.iter().map(ToString::to_string).collect(),
            environments: scope.environments.iter().map(ToString::to_string).collect(),
            event_types: scope.event_types.clone(),
            valid_from: producer.valid_from,
            valid_until: producer.valid_until,
            registered_index: producer.registered_at_index,
            revoked_index: producer.revoked_at_index,
        }
    }
}

/// All producers, revoked ones included.
#[utoipa::path(
    tag = "producers",
    responses((status = 200, description = "All producers, in the order of their registration", body = Vec<ProducerView>)),
    security(("token" = []))
)]
#[get("/v1/producers")]
pub async fn list_producers(app: Data<App>) -> Json<Vec<ProducerView>> {
    let keyring = app.keyring();
    Json(keyring.producers().iter().map(Into::into).collect())
}

/// Registers a producer. The registration is itself a signed entry of the log.
#[utoipa::path(
    tag = "producers",
    request_body = NewProducer,
    responses(
        (status = 201, description = "Registered", body = RegisteredBody),
        (status = 409, description = "The name or the key is registered already", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[post("/v1/producers")]
pub async fn register_producer(
    app: Data<App>,
    request: HttpRequest,
    caller: ReqData<Token>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let new: NewProducer = body::read_json(&request, payload).await?;
    let (producer, accepted) = app.register_producer(new, Some(&caller)).await?;
    Ok(HttpResponse::Created().json(with_receipt(
        "producer",
        &ProducerView::from(&producer),
        &accepted.receipt,
    )?))
}

/// Revokes a producer: what it signs from this entry on is refused, what it signed before stands.
#[utoipa::path(
    tag = "producers",
    params(("name" = String, Path, description = "Name of the producer")),
    request_body = Revocation,
    responses(
        (status = 200, description = "Revoked", body = RegisteredBody),
        (status = 404, description = "There is no such producer", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[post("/v1/producers/{name}/revocation")]
pub async fn revoke_producer(
    app: Data<App>,
    request: HttpRequest,
    caller: ReqData<Token>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let revocation: Revocation = body::read_json(&request, payload).await?;
    let (producer, accepted) = app.revoke_producer(&name, revocation.reason, &caller).await?;
    Ok(HttpResponse::Ok().json(with_receipt(
        "producer",
        &ProducerView::from(&producer),
        &accepted.receipt,
    )?))
}

/// `{"<name>": value, "receipt": {…}}`, the receipt in its own form.
pub fn with_receipt(
    name: &str,
    value: &impl Serialize,
    receipt: &ledger::Receipt,
) -> Result<serde_json::Map<String, serde_json::Value>, Problem> {
    let parts = serde_json::to_value(value).and_then(|value| Ok((value, serde_json::from_str(&receipt.to_json())?)));
    let (value, receipt) = parts.map_err(|error| Problem::internal(&error))?;
    Ok([(name.to_owned(), value), ("receipt".to_owned(), receipt)]
        .into_iter()
        .collect())
}
