//! The witness's doors: `add-checkpoint` and the monitoring endpoint of C2SP tlog-witness v1.0.0.
//!
//! A server of its own, without tokens: the signature inside a request is its credential, and what is shown is public.

use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, Path};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use ledger::WitnessRefusal;
use ledger::witness::{MAX_ADD_CHECKPOINT_BYTES, TREE_SIZE_TYPE, tree_size_body};

use super::problem::Problem;
use super::{HEAD_DEADLINE, KEEP_ALIVE, Settings, body, headers};
use crate::witness::{Witness, WitnessError};

const TEXT: &str = "text/plain; charset=utf-8";

/// Starts the server on a listener. It stops on SIGINT and SIGTERM.
pub fn serve_witness(witness: Data<Witness>, listener: TcpListener, settings: Settings) -> std::io::Result<Server> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(witness.clone())
            .service(web::resource("/add-checkpoint").route(web::post().to(add_checkpoint)))
            .service(web::resource("/{origin}/checkpoint").route(web::get().to(checkpoint)))
            .service(web::resource("/healthz").route(web::get().to(alive)))
            .wrap(from_fn(headers::secure))
    })
    .workers(settings.workers)
    .client_request_timeout(HEAD_DEADLINE)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(settings.shutdown_s)
    .listen(listener)?
    .run();
    Ok(server)
}

async fn alive() -> HttpResponse {
    answer(StatusCode::OK, "ok\n".into())
}

async fn add_checkpoint(
    witness: Data<Witness>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let bytes = body::read(&request, payload, MAX_ADD_CHECKPOINT_BYTES).await?;
    let Ok(text) = String::from_utf8(bytes) else {
        return Ok(answer(StatusCode::BAD_REQUEST, "the request is not UTF-8\n".into()));
    };
    let cosigned = web::block(move || witness.add_checkpoint(&text)).await;
    Ok(match cosigned.map_err(|error| Problem::internal(&error))? {
        Ok(line) => answer(StatusCode::OK, format!("{line}\n")),
        Err(error) => refusal(&error),
    })
}

async fn checkpoint(witness: Data<Witness>, origin: Path<String>) -> Result<HttpResponse, Problem> {
    let held = super::blocking(move || witness.checkpoint(&origin)).await?;
    let mut response = match held {
        Some(note) => answer(StatusCode::OK, note),
        None => answer(
            StatusCode::NOT_FOUND,
            "no checkpoint of such a log was cosigned\n".into(),
        ),
    };
    let no_cache = actix_web::http::header::HeaderValue::from_static("no-cache");
    response.headers_mut().insert(CACHE_CONTROL, no_cache);
    Ok(response)
}

fn refusal(error: &WitnessError) -> HttpResponse {
    let status = match error {
        WitnessError::Malformed(_) => StatusCode::BAD_REQUEST,
        WitnessError::Refused(WitnessRefusal::OtherSize { held }) => {
            return HttpResponse::Conflict()
                .content_type(TREE_SIZE_TYPE)
                .body(tree_size_body(*held));
        }
        WitnessError::Refused(WitnessRefusal::UnknownOrigin(_)) => StatusCode::NOT_FOUND,
        WitnessError::Refused(WitnessRefusal::NotSigned(_)) => StatusCode::FORBIDDEN,
        WitnessError::Refused(WitnessRefusal::Fork { .. }) => StatusCode::CONFLICT,
        WitnessError::Refused(WitnessRefusal::Inconsistent { .. }) => StatusCode::UNPROCESSABLE_ENTITY,
        WitnessError::Store(_) | WitnessError::Cosignature(_) => {
            tracing::error!(%error, "a checkpoint was not cosigned");
            let failed = "the witness failed; nothing was cosigned\n";
            return answer(StatusCode::INTERNAL_SERVER_ERROR, failed.into());
        }
    };
    answer(status, format!("{error}\n"))
}

fn answer(status: StatusCode, text: String) -> HttpResponse {
    HttpResponse::build(status).content_type(TEXT).body(text)
}
