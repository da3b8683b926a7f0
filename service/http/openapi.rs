//! The description of the API, generated from the handlers, and the page that shows it.

use actix_web::error::PathError;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_actix_web::AppExt;
use utoipa_swagger_ui::SwaggerUi;

use super::api::events::{EnvelopeBody, ReceiptBody, SignatureBody};
use super::problem::{Kind, Problem};
use crate::domain::Extension;

/// Everything but the operations, which the routes bring.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Shipslog",
        description = "A deployment audit ledger: signed deployment events in, verifiable history and documents out.\n\nErrors are RFC 9457 problem details. Lists page by an opaque cursor. Every list and document says which tree size it speaks of.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "events", description = "Taking signed events in, and showing them"),
        (name = "controls", description = "Whose names are whose, and which deviations were accepted"),
        (name = "gate", description = "Whether a deployment would pass"),
        (name = "hooks", description = "Deliveries of other systems over a shared secret"),
        (name = "producers", description = "Who may sign"),
        (name = "tokens", description = "Who may read and administer"),
        (name = "deployments", description = "What runs where, and how it came there"),
        (name = "incidents", description = "What hurt a live environment, and what may have caused it"),
        (name = "metrics", description = "How often, how fast and how safely software is delivered"),
        (name = "documents", description = "Release notes and reports, recomputable from the log"),
        (name = "log", description = "The transparency log, for those who verify it"),
        (name = "health", description = "Whether the service can do its work")
    ),
    components(schemas(Extension, EnvelopeBody, SignatureBody, ReceiptBody, Problem)),
    modifiers(&Token)
)]
struct Base;

struct Token;

impl Modify for Token {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// The document without its operations.
pub fn base() -> utoipa::openapi::OpenApi {
    Base::openapi()
}

/// The whole document, as `openapi/openapi.json` holds it.
pub fn document() -> utoipa::openapi::OpenApi {
    actix_web::App::new()
        .into_utoipa_app()
        .openapi(base())
        .configure(super::routes)
        .split_for_parts()
        .1
}

/// `/openapi.json` and `/docs/`, from files that are part of the binary.
pub fn docs(document: utoipa::openapi::OpenApi) -> SwaggerUi {
    SwaggerUi::new("/docs/{_:.*}").url("/openapi.json", document)
}

/// A path parameter that cannot be read.
pub fn bad_path(error: &PathError) -> Problem {
    Problem::new(Kind::NotFound, format!("there is nothing at this path: {error}"))
}
