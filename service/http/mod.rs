//! The doors: HTTP in, use cases behind. The only user of actix_web. [`routes`] is the table of contents.

pub mod access;
pub mod api;
mod body;
pub mod headers;
pub mod openapi;
mod pages;
mod problem;
pub mod reach;
mod witness;

use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data};
use actix_web::{App as ActixApp, HttpServer};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::app::App;

pub use problem::Problem;
pub use witness::serve_witness;

/// How the server is run.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Threads that take requests.
    pub workers: usize,
    /// Whether `/log` is open to everybody.
    pub public_log: bool,
    /// How long requests in flight may take to end when the service stops, in seconds.
    pub shutdown_s: u64,
}

/// A request's head must have arrived within this time.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Every operation of the API.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(api::events::create_event)
        .service(api::events::create_events)
        .service(api::events::list_events)
        .service(api::events::show_event)
        .service(api::events::show_envelope)
        .service(api::events::show_receipt)
        .service(api::erasure::erase_event)
        .service(api::gate::ask_gate)
        .service(api::controls::list_aliases)
        .service(api::controls::list_exceptions)
        .service(api::controls::list_attestations)
        .service(api::controls::list_conclusions)
        .service(api::hooks::github)
        .service(api::hooks::alertmanager)
        .service(api::producers::list_producers)
        .service(api::producers::register_producer)
        .service(api::producers::revoke_producer)
        .service(api::tokens::list_tokens)
        .service(api::tokens::issue_token)
        .service(api::tokens::revoke_token)
        .service(api::deployments::list_services)
        .service(api::deployments::list_environments)
        .service(api::deployments::show_state)
        .service(api::deployments::list_deployments)
        .service(api::deployments::show_deployment)
        .service(api::incidents::list_incidents)
        .service(api::incidents::show_incident)
        .service(api::links::list_links)
        .service(api::links::decide_link)
        .service(api::search::search)
        .service(api::metrics::delivery_performance)
        .service(api::completeness::completeness)
        .service(api::completeness::create_snapshot)
        .service(api::documents::release_notes)
        .service(api::documents::compliance_report)
        .service(api::documents::service_report)
        .service(api::documents::issue_document)
        .service(api::documents::show_sample)
        .service(api::documents::draw_sample)
        .service(api::log::show_log)
        .service(api::log::show_entry)
        .service(api::log::show_proof)
        .service(api::log::show_envelopes)
        .service(api::proofs::prove_inclusion)
        .service(api::proofs::prove_consistency)
        .service(api::log::checkpoint)
        .service(api::log::tile)
        .service(api::health::alive)
        .service(api::health::ready);
}

/// Starts the server on a listener. It stops, letting requests in flight end, on SIGINT and SIGTERM or through its handle.
pub fn serve(app: Data<App>, listener: TcpListener, settings: Settings) -> std::io::Result<Server> {
    let server = HttpServer::new(move || {
        let (actix, document) = ActixApp::new()
            .into_utoipa_app()
            .openapi(openapi::base())
            .app_data(app.clone())
            .app_data(Data::new(settings))
            .configure(routes)
            .split_for_parts();
        actix
            .service(openapi::docs(document))
            .service(web::redirect("/docs", "/docs/"))
            .configure(pages::routes)
            .app_data(web::PathConfig::default().error_handler(|error, _| openapi::bad_path(&error).into()))
            .wrap(from_fn(access::guard))
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

/// Runs reading on a thread that may wait for the database.
async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, Problem>
where
    T: Send + 'static,
    E: Into<Problem> + Send + 'static,
{
    match web::block(work).await {
        Ok(result) => result.map_err(Into::into),
        Err(error) => Err(Problem::internal(&error)),
    }
}
