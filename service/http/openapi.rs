//! The description of the API, generated from the handlers, and the page that shows it.

use std::collections::BTreeMap;

use actix_web::error::PathError;
use actix_web::http::Method;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi};
use utoipa_actix_web::AppExt;
use utoipa_swagger_ui::SwaggerUi;

use super::access::{Access, ROUTES};
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
    let (_, document) = actix_web::App::new()
        .into_utoipa_app()
        .openapi(base())
        .configure(super::routes)
        .split_for_parts();
    completed(document)
}

/// `/openapi.json` and `/docs/`, from files that are part of the binary.
pub fn docs(document: utoipa::openapi::OpenApi) -> SwaggerUi {
    SwaggerUi::new("/docs/{_:.*}").url("/openapi.json", completed(document))
}

/// The document with what operations answer because of what they have in common, where they do not describe it themselves.
fn completed(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in [(Method::GET, &mut item.get), (Method::POST, &mut item.post)] {
            let mut routes = ROUTES.iter();
            let route = routes.find(|(allowed, pattern, _)| *allowed == method && pattern == path);
            if let (Some((_, _, access)), Some(operation)) = (route, operation) {
                let has_parameters = operation.parameters.as_ref().is_some_and(|all| !all.is_empty());
                complete(
                    &mut operation.responses.responses,
                    method == Method::POST,
                    has_parameters,
                    *access,
                );
            }
        }
    }
    document
}

fn complete(responses: &mut BTreeMap<String, RefOr<Response>>, is_record: bool, has_parameters: bool, access: Access) {
    let needs_token = match access {
        Access::Log | Access::Token(_) | Access::Within(_) | Access::Named(_) => true,
        Access::Public | Access::Signature | Access::SharedSecret | Access::Page(_) => false,
    };
    let common = [
        (has_parameters, "4XX", "400", "A parameter is wrong"),
        (needs_token, "4XX", "401", "No token, or none that is known and valid"),
        (needs_token, "4XX", "403", "The token is not for this"),
        (
            is_record,
            "5XX",
            "503",
            "Busy, unavailable, unconfirmed or read-only: send it again",
        ),
        (is_record, "5XX", "507", "The disk is nearly full; nothing was recorded"),
    ];
    for (holds, class, status, description) in common {
        if !holds || responses.contains_key(class) || responses.contains_key(status) {
            continue;
        }
        let schema = Ref::from_schema_name("Problem");
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response = ResponseBuilder::new()
            .description(description)
            .content("application/problem+json", content);
        responses.insert(status.to_owned(), response.build().into());
    }
}

/// A path parameter that cannot be read.
pub fn bad_path(error: &PathError) -> Problem {
    Problem::new(Kind::NotFound, format!("there is nothing at this path: {error}"))
}
