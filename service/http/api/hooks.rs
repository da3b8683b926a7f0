//! `/v1/hooks`: deliveries of other systems, authenticated by a shared secret and signed by the service.

use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, post};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::super::body;
use super::super::problem::{Kind, Problem};
use super::events::ReceiptBody;
use super::query::{Query, optional_name};
use crate::adapter::MOST_KEPT;
use crate::app::{Accepted, App, HookError, Notified};

/// The receipts of the events that a delivery became.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct HookBody {
    /// One for each event, in order; empty for deliveries that say nothing about deployments.
    receipts: Vec<ReceiptBody>,
    /// What the records do not hold of a delivery that is too large for that; absent where they hold all.
    left_out: Option<String>,
}

/// Takes a delivery of GitHub: `deployment`, `deployment_status`, `deployment_review`, `release`, `pull_request`,
/// `pull_request_review`, `push`, `workflow_run`.
///
/// At most 25 MiB, which is GitHub's own limit. The body is kept with the first record; of one above 512 KiB the record holds the
/// SHA-256 and the length, and `left_out` says so.
/// The ids of its events follow from the body, which alone is authenticated. The same delivery again is answered with the same
/// receipts; its body under another id or event is refused.
#[utoipa::path(
    tag = "hooks",
    params(
        ("X-GitHub-Event" = String, Header, description = "What happened"),
        ("X-GitHub-Delivery" = String, Header, description = "Id of the delivery"),
        ("X-Hub-Signature-256" = String, Header, description = "`sha256=` and the HMAC-SHA256 of the body, in hex"),
    ),
    request_body(content = Object, description = "The body of the delivery"),
    responses(
        (status = 201, description = "Recorded as these events", body = HookBody),
        (status = 200, description = "Recorded before, or nothing to record", body = HookBody),
        (status = "4XX", description = "Refused, nothing was recorded", body = Problem, content_type = "application/problem+json"),
    ),
    security(())
)]
#[post("/v1/hooks/github")]
pub async fn github(app: Data<App>, request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    body::require_type(&request, &["application/json"])?;
    let header = |name: &'static str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Problem::new(Kind::Malformed, "this header is missing").at(name))
    };
    let signature = request
        .headers()
        .get("X-Hub-Signature-256")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let (event, delivery) = (header("X-GitHub-Event")?, header("X-GitHub-Delivery")?);
    let bytes = body::read(&request, payload, body::MAX_DELIVERY).await?;
    let length = bytes.len();
    let accepted = app.github(event, delivery, signature, bytes).await?;
    let receipts: Result<Vec<serde_json::Value>, _> = accepted
        .iter()
        .map(|accepted| serde_json::from_str(&accepted.receipt.to_json()))
        .collect();
    let receipts = receipts.map_err(|error| Problem::internal(&error))?;
    let fresh = accepted.iter().any(|accepted| accepted.fresh);
    let mut response = if fresh {
        HttpResponse::Created()
    } else {
        HttpResponse::Ok()
    };
    let mut answer = json!({ "receipts": receipts });
    if length > MOST_KEPT && !accepted.is_empty() {
        answer["left_out"] = json!(format!(
            "the body of {length} bytes is larger than the {MOST_KEPT} that are kept: the first record holds its SHA-256, and what was read \
             of it; where the whole body must be kept, save it from GitHub's list of recent deliveries"
        ));
    }
    Ok(response.json(answer))
}

/// What became of a notification of which every alert is recorded.
#[derive(Serialize, ToSchema)]
pub struct NotificationBody {
    /// One for each alert, in order.
    alerts: Vec<AlertAnswer>,
    /// How many alerts Alertmanager left out of the notification (`max_alerts` of its receiver); the ledger does not know them.
    truncated_alerts: u64,
}

/// What became of one alert.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AlertAnswer {
    /// 201: recorded; 200: recorded before; else that of the problem.
    status: u16,
    /// The receipt of its event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReceiptBody>)]
    receipt: Option<Box<RawValue>>,
    /// Why it is not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

/// Where alerts are.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct NotificationQuery {
    /// Environment of the alerts that have no label `environment` or `env`.
    environment: Option<String>,
}

/// Takes a notification of Prometheus Alertmanager, version 4: each alert becomes an incident that was detected, or is resolved.
///
/// The incident is `fingerprint@startsAt`. Its service is the label `service`, or else `app`, or else `job`; its severity the label
/// `severity`. The same notification again is the same events. Where not all alerts could be recorded, the status is that of the
/// gravest problem, so that Alertmanager tries again after 5XX, and `alerts` says what became of each.
#[utoipa::path(
    tag = "hooks",
    params(
        ("Authorization" = String, Header, description = "`Bearer` and the shared secret"),
        NotificationQuery,
    ),
    request_body(content = Object, description = "The body of the notification"),
    responses(
        (status = 201, description = "Recorded as these events", body = NotificationBody),
        (status = 200, description = "Recorded before", body = NotificationBody),
        (status = "4XX", description = "Refused: nothing was recorded but what `alerts` says", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Send it again: nothing was recorded but what `alerts` says", body = Problem, content_type = "application/problem+json"),
    ),
    security(())
)]
#[post("/v1/hooks/alertmanager")]
pub async fn alertmanager(
    app: Data<App>,
    request: HttpRequest,
    query: Query<NotificationQuery>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let authorization = request.headers().get(AUTHORIZATION);
    let sender = app.alertmanager(authorization.and_then(|value| value.to_str().ok()))?;
    body::require_type(&request, &["application/json"])?;
    let environment = optional_name("environment", query.environment.as_deref())?;
    let bytes = body::read(&request, payload, body::MAX_NOTIFICATION).await?;
    let Notified { alerts, truncated } = sender.notify(environment, bytes).await?;
    let answers: Vec<AlertAnswer> = alerts.into_iter().enumerate().map(answer).collect();
    match gravest(&answers) {
        Some(problem) => Err(partly(problem, answers, truncated)),
        None => {
            let fresh = answers.iter().any(|answer| answer.status == 201);
            let mut response = if fresh {
                HttpResponse::Created()
            } else {
                HttpResponse::Ok()
            };
            Ok(response.json(NotificationBody {
                alerts: answers,
                truncated_alerts: truncated,
            }))
        }
    }
}

fn answer((index, alert): (usize, Result<Accepted, HookError>)) -> AlertAnswer {
    let receipt = alert.map_err(|error| match error {
        HookError::Adapter(error) => error.into(),
        error => Problem::from(error).at(format!("/alerts/{index}")),
    });
    let receipt = receipt.and_then(|accepted| {
        let text = RawValue::from_string(accepted.receipt.to_json());
        Ok((accepted.fresh, text.map_err(|error| Problem::internal(&error))?))
    });
    match receipt {
        Ok((fresh, receipt)) => AlertAnswer {
            status: if fresh { 201 } else { 200 },
            receipt: Some(receipt),
            problem: None,
        },
        Err(problem) => AlertAnswer {
            status: problem.status,
            receipt: None,
            problem: Some(problem),
        },
    }
}

/// The problem that decides what Alertmanager does next. An event that was recorded and erased is in the ledger as it should be.
fn gravest(answers: &[AlertAnswer]) -> Option<Problem> {
    let problems = answers.iter().filter_map(|answer| answer.problem.as_ref());
    let open = problems.filter(|problem| problem.erased.is_none());
    // The first of the highest status.
    open.rev().max_by_key(|problem| problem.status).cloned()
}

fn partly(gravest: Problem, answers: Vec<AlertAnswer>, truncated: u64) -> Problem {
    let all = answers.len();
    let left = answers.iter().filter(|answer| answer.receipt.is_none()).count();
    let Problem { detail, .. } = &gravest;
    let mut detail = format!("{left} of {all} alerts were not recorded: {detail}");
    if truncated > 0 {
        detail.push_str(&format!("; Alertmanager left {truncated} more out of the notification"));
    }
    Problem {
        detail,
        alerts: Some(answers.into()),
        ..gravest
    }
}
