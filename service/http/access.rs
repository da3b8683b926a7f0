//! Who may call what: one table, deny by default.
//!
//! A route that is not in the table answers 403, whoever asks; a test compares the table with the routes.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, AUTHORIZATION, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpMessage as _, ResponseError};

use super::Settings;
use super::pages::session;
use super::problem::{Kind, Problem};
use super::reach::{Limit, Thing, lies_within, thing_lies_within};
use crate::app::App;
use crate::domain::producer::{Role, Token as BearerToken};

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Public,
    /// Nothing, unless the log was closed: then a token that reads.
    Log,
    /// Nothing here: the signature inside the body is the credential.
    Signature,
    /// Nothing here: the delivery is authenticated by a shared secret.
    SharedSecret,
    /// A bearer token of this role or a higher one.
    Token(Role),
    /// A bearer token. That of an auditor only opens it to a question within its reach, and what the answer is limited by is
    /// this.
    Within(&'static [Limit]),
    /// A bearer token. That of an auditor only opens it where what the path names lies within its reach.
    Named(Thing),
    /// A page: somebody who is signed in with a token of this role or a higher one.
    Page(Role),
}

use Access::{Log, Named, Page, Public, SharedSecret, Signature, Token, Within};
use Limit::{Environment, EnvironmentOfPath, Period, PeriodAndBefore, Service};

/// Says nothing of what happened anywhere: hashes, proofs, and whose keys are known.
const AUDITOR: Access = Token(Role::Auditor);
/// Speaks of everything at once, so that only an auditor whose token is not limited may read it.
const WHOLE: Access = Within(&[]);
/// Lists of what happened somewhere, at whatever time.
const PLACE: Access = Within(&[Environment, Service]);
const PERIOD: Access = Within(&[Environment, Service, Period]);
const EVENT: Access = Named(Thing::Event);
const REVIEWER: Access = Token(Role::Reviewer);
const PAGE: Access = Page(Role::Reader);
const ADMIN: Access = Token(Role::Admin);

/// Every route of the service.
pub const ROUTES: &[(Method, &str, Access)] = &[
    (Method::POST, "/v1/events", Signature),
    (Method::POST, "/v1/events/batch", Signature),
    (Method::GET, "/v1/events", PERIOD),
    (Method::GET, "/v1/events/{index}", EVENT),
    (Method::GET, "/v1/events/{index}/envelope", EVENT),
    (Method::GET, "/v1/events/{index}/receipt", EVENT),
    (Method::POST, "/v1/events/{index}/erasure", ADMIN),
    (Method::POST, "/v1/gate", Signature),
    (Method::GET, "/v1/aliases", WHOLE),
    (Method::GET, "/v1/exceptions", WHOLE),
    (Method::GET, "/v1/attestations", WHOLE),
    (Method::GET, "/v1/conclusions", WHOLE),
    (Method::POST, "/v1/hooks/github", SharedSecret),
    (Method::POST, "/v1/hooks/alertmanager", SharedSecret),
    (Method::GET, "/v1/producers", AUDITOR),
    (Method::POST, "/v1/producers", ADMIN),
    (Method::POST, "/v1/producers/{name}/revocation", ADMIN),
    (Method::GET, "/v1/tokens", ADMIN),
    (Method::POST, "/v1/tokens", ADMIN),
    (Method::POST, "/v1/tokens/{id}/revocation", ADMIN),
    (Method::GET, "/v1/services", WHOLE),
    (Method::GET, "/v1/environments", WHOLE),
    (
        Method::GET,
        "/v1/environments/{environment}/state",
        Within(&[EnvironmentOfPath]),
    ),
    (Method::GET, "/v1/deployments", PLACE),
    (Method::GET, "/v1/deployments/{id}", PLACE),
    (Method::GET, "/v1/incidents", PERIOD),
    (Method::GET, "/v1/incidents/{id}", Named(Thing::Incident)),
    (Method::GET, "/v1/links", PLACE),
    (Method::POST, "/v1/links", REVIEWER),
    (Method::GET, "/v1/search", WHOLE),
    (Method::GET, "/v1/delivery-performance", PERIOD),
    (Method::GET, "/v1/completeness", PERIOD),
    (Method::POST, "/v1/snapshots", Signature),
    (Method::GET, "/v1/release-notes", PERIOD),
    (Method::GET, "/v1/reports/compliance", PERIOD),
    (
        Method::GET,
        "/v1/reports/service",
        Within(&[Environment, Service, PeriodAndBefore]),
    ),
    (Method::POST, "/v1/documents", REVIEWER),
    (Method::GET, "/v1/samples", PERIOD),
    (Method::POST, "/v1/samples", REVIEWER),
    (Method::GET, "/v1/log", AUDITOR),
    (Method::GET, "/v1/log/entries/{index}", AUDITOR),
    (Method::GET, "/v1/log/entries/{index}/proof", AUDITOR),
    (Method::GET, "/v1/log/envelopes/{bundle}", WHOLE),
    (Method::GET, "/v1/log/proof/inclusion", AUDITOR),
    (Method::GET, "/v1/log/proof/consistency", AUDITOR),
    (Method::GET, "/log/checkpoint", Log),
    (Method::GET, "/log/tile/{path:.*}", Log),
    (Method::GET, "/sign-in", Public),
    (Method::POST, "/sign-in", Public),
    (Method::POST, "/sign-out", PAGE),
    (Method::GET, "/style.css", Public),
    (Method::GET, "/", PAGE),
    (Method::GET, "/services", PAGE),
    (Method::GET, "/deployments", PAGE),
    (Method::GET, "/deployments/{id}", PAGE),
    (Method::GET, "/incidents", PAGE),
    (Method::GET, "/incidents/{id}", PAGE),
    (Method::GET, "/links", PAGE),
    (Method::POST, "/links", Page(Role::Reviewer)),
    (Method::GET, "/completeness", PAGE),
    (Method::GET, "/delivery", PAGE),
    (Method::GET, "/release-notes", PAGE),
    (Method::GET, "/service-reports", PAGE),
    (Method::GET, "/entries/{index}", PAGE),
    (Method::GET, "/healthz", Public),
    (Method::GET, "/readyz", Public),
    (Method::GET, "/openapi.json", Public),
    (Method::GET, "/docs", Public),
    (Method::GET, "/docs/{_:.*}", Public),
];

/// Lets a request through only where the table does.
pub async fn guard(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    if request.method() == Method::HEAD {
        // HEAD is GET whose body the server does not send (RFC 9110 section 9.3.2).
        request.head_mut().method = Method::GET;
    }
    match check(&request).await {
        Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
        Err(Refusal::Problem(problem)) => Ok(request.into_response(problem.error_response()).map_into_right_body()),
        Err(Refusal::Method(allowed)) => {
            let problem = Problem::new(Kind::MethodNotAllowed, "this path does not take that method");
            let mut answer = problem.error_response();
            answer.headers_mut().insert(ALLOW, allowed);
            Ok(request.into_response(answer).map_into_right_body())
        }
        Err(Refusal::SignIn) => {
            let wanted = request.uri().path_and_query().map_or("/", |path| path.as_str());
            let wanted = if request.method() == Method::GET { wanted } else { "/" };
            let answer = session::sign_in_first(wanted);
            Ok(request.into_response(answer).map_into_right_body())
        }
    }
}

/// Why a request does not get through.
enum Refusal {
    Problem(Problem),
    /// The path takes these methods only.
    Method(HeaderValue),
    /// A page, and nobody is signed in.
    SignIn,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

async fn check(request: &ServiceRequest) -> Result<(), Refusal> {
    let Some(pattern) = request.match_pattern() else {
        return Err(Problem::new(Kind::NotFound, "there is nothing at this path").into());
    };
    let known = ROUTES.iter().filter(|(_, path, _)| *path == pattern);
    if known.clone().next().is_none() {
        return Err(Problem::new(Kind::Forbidden, "this path is open to nobody").into());
    }
    match known.clone().find(|(allowed, _, _)| allowed == request.method()) {
        None => Err(Refusal::Method(allow(known.map(|(method, _, _)| method)))),
        Some((_, _, Log)) if !is_log_public(request) => Ok(authorise(request, Role::Auditor).map(drop)?),
        Some((_, _, Log | Public | Signature | SharedSecret)) => Ok(()),
        Some((_, _, Token(role))) => Ok(authorise(request, *role).map(drop)?),
        Some((_, _, Within(limits))) => {
            let reach = authorise(request, Role::Auditor)?.reach;
            Ok(lies_within(&reach, limits, request, &pattern)?)
        }
        Some((_, _, Named(thing))) => {
            let reach = authorise(request, Role::Auditor)?.reach;
            Ok(thing_lies_within(reach, *thing, request, app(request)?.clone(), &pattern).await?)
        }
        Some((_, _, Page(role))) => enter(request, *role),
    }
}

/// The methods of a path, for `Allow`.
fn allow<'a>(methods: impl Iterator<Item = &'a Method>) -> HeaderValue {
    let (mut get, mut post) = (false, false);
    methods.for_each(|method| {
        get |= *method == Method::GET;
        post |= *method == Method::POST;
    });
    HeaderValue::from_static(match (get, post) {
        (true, true) => "GET, HEAD, POST",
        (true, false) => "GET, HEAD",
        (false, _) => "POST",
    })
}

fn is_log_public(request: &ServiceRequest) -> bool {
    request
        .app_data::<Data<Settings>>()
        .is_some_and(|settings| settings.public_log)
}

fn authorise(request: &ServiceRequest, needed: Role) -> Result<BearerToken, Problem> {
    let app = app(request)?;
    let unauthenticated = |detail: &str| Problem::new(Kind::Unauthenticated, detail).at("Authorization");
    let header = request.headers().get(AUTHORIZATION).ok_or_else(|| {
        unauthenticated("this needs a token: send Authorization: Bearer TOKEN (SHIPSLOG_TOKEN for the command line)")
    })?;
    let token = header
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| unauthenticated("the header must be: Bearer TOKEN"))?;
    let token = app
        .authenticate(token)
        .ok_or_else(|| unauthenticated("the token is unknown or was revoked"))?;
    if token.role >= needed {
        // What is done with it may have to say who did it.
        request.extensions_mut().insert(token.clone());
        Ok(token)
    } else {
        Err(lacks(needed))
    }
}

/// Whether somebody is signed in who may see a page.
fn enter(request: &ServiceRequest, needed: Role) -> Result<(), Refusal> {
    let caller = session::caller(app(request)?, request.request()).ok_or(Refusal::SignIn)?;
    if caller.token.role < needed {
        return Err(lacks(needed).into());
    }
    request.extensions_mut().insert(caller);
    Ok(())
}

fn app(request: &ServiceRequest) -> Result<&Data<App>, Problem> {
    let app = request.app_data::<Data<App>>();
    app.ok_or_else(|| Problem::new(Kind::Internal, "no service is attached"))
}

fn lacks(needed: Role) -> Problem {
    Problem::new(
        Kind::Forbidden,
        format!("this needs a token with the role {}", needed.as_str()),
    )
}
