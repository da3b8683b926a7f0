//! `/healthz` and `/readyz`: whether the process runs, and whether it can do its work.

use actix_web::web::Data;
use actix_web::{HttpResponse, get};

use super::super::blocking;
use super::super::problem::Problem;
use crate::app::{App, LogError};

/// Whether the process serves at all.
#[utoipa::path(tag = "health", responses((status = 200, description = "It serves", body = String, content_type = "text/plain")), security(()))]
#[get("/healthz")]
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body("ok\n")
}

/// Whether it can read its log and answer. Alarms that witnesses gave cause for are told here, too, but do not make it
/// unready: no witness can put the service out of work.
#[utoipa::path(
    tag = "health",
    responses(
        (status = 200, description = "It can read the log", body = String, content_type = "text/plain"),
        (status = 503, description = "It cannot", body = Problem, content_type = "application/problem+json"),
    ),
    security(())
)]
#[get("/readyz")]
pub async fn ready(app: Data<App>) -> Result<HttpResponse, Problem> {
    let (summary, witnessing) = blocking(move || Ok::<_, LogError>((app.log_summary()?, app.witnessing()?))).await?;
    let mut text = format!(
        "ready\ntree size {}\nquorum {}\n",
        summary.tree_size,
        witnessing.quorum.as_str()
    );
    for alarm in &witnessing.alarms {
        text.push_str(&format!("ALARM {}: {}\n", alarm.reason, alarm.message));
    }
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(text))
}
