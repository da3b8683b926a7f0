//! `/v1/tokens`: bearer tokens for people who read and people who administer.

use actix_web::web::{Data, Json, Path, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::body;
use super::super::problem::Problem;
use super::events::ReceiptBody;
use super::producers::{Revocation, with_receipt};
use super::query::invalid;
use crate::app::{App, Grant};
use crate::domain::producer::{Role, Token};
use crate::domain::{EnvironmentName, Instant, Reach, ServiceName, Zone};

/// A token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenView {
    /// Its id.
    pub id: String,
    /// Who has it.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// How far it reaches.
    #[serde(flatten)]
    pub reach: Reach,
    /// It opens nothing from this time on.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_until: Option<Instant>,
    /// The entry that recorded its issue.
    pub issued_index: u64,
    /// The entry that recorded its revocation.
    pub revoked_index: Option<u64>,
}

/// A token that was just issued.
#[derive(Debug, Serialize, ToSchema)]
pub struct IssuedToken {
    /// Its id.
    pub id: String,
    /// Who has it.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// The token itself. It is shown this once; only a hash of it is kept.
    pub token: String,
}

/// What to issue.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Who will have it.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// Environments that an auditor reads about; all if empty.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub environments: Vec<EnvironmentName>,
    /// Services that an auditor reads about; all if empty.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub services: Vec<ServiceName>,
    /// First day or instant of the period that an auditor reads about.
    #[serde(default)]
    pub from: Option<String>,
    /// That period ends before this day or instant.
    #[serde(default)]
    pub to: Option<String>,
    /// Zone of those days, by its name in the IANA database; `UTC` if absent.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// It opens nothing from this time on; until it is revoked if absent.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_until: Option<Instant>,
}

/// The token that was revoked, and the receipt of the entry that says so.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct RevokedTokenBody {
    token: TokenView,
    receipt: ReceiptBody,
}

impl TokenRequest {
    fn grant(self) -> Result<Grant, Problem> {
        let zone = match self.time_zone.as_deref() {
            Some(name) => Zone::parse(name).map_err(|error| invalid("time_zone", &error).at("/time_zone"))?,
            None => Zone::UTC,
        };
        let limit = |member: &str, text: Option<String>| {
            let message = "must be a date such as 2026-01-31, or a date and time with a zone";
            let read = |text: String| {
                zone.read(&text)
                    .ok_or_else(|| invalid(member, &message).at(format!("/{member}")))
            };
            text.map(read).transpose()
        };
        Ok(Grant {
            name: self.name,
            role: self.role,
            reach: Reach {
                environments: self.environments,
                services: self.services,
                from: limit("from", self.from)?,
                to: limit("to", self.to)?,
            },
            valid_until: self.valid_until,
        })
    }
}

impl From<&Token> for TokenView {
    fn from(token: &Token) -> Self {
        Self {
            id: token.id.clone(),
            name: token.name.clone(),
            role: token.role,
            reach: token.reach.clone(),
            valid_until: token.valid_until,
            issued_index: token.issued_at_index,
            revoked_index: token.revoked_at_index,
        }
    }
}

/// All tokens, revoked ones included, without their secrets.
#[utoipa::path(
    tag = "tokens",
    responses((status = 200, description = "All tokens, oldest first", body = Vec<TokenView>)),
    security(("token" = []))
)]
#[get("/v1/tokens")]
pub async fn list_tokens(app: Data<App>) -> Json<Vec<TokenView>> {
    Json(app.keyring().tokens().iter().map(Into::into).collect())
}

/// Issues a token. That it was issued is a signed entry of the log.
#[utoipa::path(
    tag = "tokens",
    request_body = TokenRequest,
    responses(
        (status = 201, description = "Issued; the token is shown this once", body = IssuedToken),
        (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[post("/v1/tokens")]
pub async fn issue_token(
    app: Data<App>,
    request: HttpRequest,
    caller: ReqData<Token>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let asked: TokenRequest = body::read_json(&request, payload).await?;
    let grant = asked.grant()?;
    let (name, role) = (grant.name.clone(), grant.role);
    let issued = app.issue_token(grant, Some(&caller)).await?;
    Ok(HttpResponse::Created().json(IssuedToken {
        id: issued.id,
        name,
        role,
        token: issued.token,
    }))
}

/// Revokes a token.
#[utoipa::path(
    tag = "tokens",
    params(("id" = String, Path, description = "Id of the token")),
    request_body = Revocation,
    responses(
        (status = 200, description = "Revoked", body = RevokedTokenBody),
        (status = 404, description = "There is no such token", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[post("/v1/tokens/{id}/revocation")]
pub async fn revoke_token(
    app: Data<App>,
    request: HttpRequest,
    caller: ReqData<Token>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let revocation: Revocation = body::read_json(&request, payload).await?;
    let (token, accepted) = app.revoke_token(&id, revocation.reason, &caller).await?;
    Ok(HttpResponse::Ok().json(with_receipt("token", &TokenView::from(&token), &accepted.receipt)?))
}
