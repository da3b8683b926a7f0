//! `/healthz` and `/readyz`: whether the process runs, and whether it can do its work.

use actix_web::web::Data;
use actix_web::{HttpResponse, get};

use super::super::blocking;
use super::super::problem::{Kind, Problem};
use crate::app::{App, LogError};

/// Whether the process serves at all.
#[utoipa::path(tag = "health", responses((status = 200, description = "It serves", body = String, content_type = "text/plain")), security(()))]
#[get("/healthz")]
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body("ok\n")
}

/// Whether it can read its log, answer and take records. What is wrong is said in words, a line each, also where it keeps
/// nobody from anything. Alarms that witnesses
/// gave cause for are among it: no witness can put the service out of work.
#[utoipa::path(
    tag = "health",
    responses(
        (status = 200, description = "It can do its work", body = String, content_type = "text/plain"),
        (status = 503, description = "It cannot", body = Problem, content_type = "application/problem+json"),
    ),
    security(())
)]
#[get("/readyz")]
pub async fn ready(app: Data<App>) -> Result<HttpResponse, Problem> {
    let troubles = app.readiness().troubles();
    let mut lines = String::new();
    for (trouble, reason) in &troubles {
        lines += &format!("{}: {reason}\n", trouble.as_str());
    }
    if troubles.keys().any(|trouble| trouble.stops()) {
        return Err(Problem::new(Kind::NotReady, lines.trim_end()));
    }
    let (summary, witnessing) = blocking(move || Ok::<_, LogError>((app.log_summary()?, app.witnessing()?))).await?;
    for alarm in &witnessing.alarms {
        lines += &format!("ALARM {}: {}\n", alarm.reason, alarm.message);
    }
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body(format!(
            "ready\ntree size {}\nquorum {}\n{lines}",
            summary.tree_size,
            witnessing.quorum.as_str()
        )))
}
