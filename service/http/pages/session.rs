//! Signing in with a token, and out again. The cookie says nothing and opens nothing without this process.

use actix_web::http::StatusCode;
use actix_web::http::header::{COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use actix_web::web::{Data, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::super::api::query::{read, take};
use super::super::body;
use super::super::problem::{Kind, Problem};
use super::Page;
use crate::app::{App, Caller, SignedIn};

/// Name of the cookie.
const NAME: &str = "shipslog_session";
/// Most bytes of a form.
const MAX_FORM: usize = 16 * 1024;

/// What the form is shown with.
#[derive(Serialize)]
struct SignIn {
    /// Where to go then.
    next: String,
    /// Why a token was refused, if one was.
    refused: Option<&'static str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignInForm {
    token: String,
    #[serde(default)]
    next: String,
}

/// A form without fields of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoFields {}

/// Asks for a token.
#[get("/sign-in")]
pub async fn sign_in_form(app: Data<App>, request: HttpRequest) -> HttpResponse {
    let query = form_urlencoded::parse(request.query_string().as_bytes());
    let next = query
        .into_owned()
        .find(|(name, _)| name == "next")
        .map(|(_, value)| value);
    let content = SignIn {
        next: local(&next.unwrap_or_default()).to_owned(),
        refused: None,
    };
    page().answer(&app, Ok(content))
}

/// Opens a session.
#[post("/sign-in")]
pub async fn sign_in(app: Data<App>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let form = bytes(&request, payload).await.and_then(|bytes| read(&bytes));
    let form: SignInForm = match form {
        Ok(form) => form,
        Err(problem) => return page().problem(&app, &problem),
    };
    let next = local(&form.next);
    let refused = |status, why| {
        let content = SignIn {
            next: next.to_owned(),
            refused: Some(why),
        };
        page().render(&app, status, content)
    };
    match app.sign_in(form.token.trim()) {
        Ok(SignedIn::Session(cookie)) => HttpResponse::SeeOther()
            .insert_header((LOCATION, next))
            .insert_header((SET_COOKIE, set_cookie(&request, &cookie, None)))
            .finish(),
        Ok(SignedIn::Unknown) => refused(
            StatusCode::UNAUTHORIZED,
            "This token is unknown, or was revoked. Check that the whole of it was copied.",
        ),
        Ok(SignedIn::NoPages) => refused(
            StatusCode::FORBIDDEN,
            "This is an auditor's token. It opens no page, for pages speak of everything: it is for the command line, where shipslog export fetches reports and what proves them.",
        ),
        Err(error) => page().problem(&app, &Problem::internal(&error)),
    }
}

/// Ends the session.
#[post("/sign-out")]
pub async fn sign_out(app: Data<App>, request: HttpRequest, caller: ReqData<Caller>, payload: Payload) -> HttpResponse {
    match read_own::<NoFields>(&request, payload, &caller).await {
        Ok(NoFields {}) => {
            if let Some(cookie) = cookie(&request) {
                app.sign_out(&cookie);
            }
            HttpResponse::SeeOther()
                .insert_header((LOCATION, "/sign-in"))
                .insert_header((SET_COOKIE, set_cookie(&request, "", Some(0))))
                .finish()
        }
        Err(problem) => Page::new("web/problem.html", "", &caller).problem(&app, &problem),
    }
}

/// Who sent a request, if they are signed in.
pub fn caller(app: &App, request: &HttpRequest) -> Option<Caller> {
    app.caller(&cookie(request)?)
}

/// Where to send somebody who is not signed in.
pub fn sign_in_first(path_and_query: &str) -> HttpResponse {
    let next: String = form_urlencoded::byte_serialize(local(path_and_query).as_bytes()).collect();
    HttpResponse::SeeOther()
        .insert_header((LOCATION, format!("/sign-in?next={next}")))
        .finish()
}

/// Reads a form that somebody who is signed in has sent from a page of theirs, but for the field `form_key`, which proves that.
pub(super) async fn read_own<T: serde::de::DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
    caller: &Caller,
) -> Result<T, Problem> {
    let bytes = bytes(request, payload).await?;
    let (keys, own) = take(&bytes, "form_key");
    let proven = |key: &String| bool::from(key.as_bytes().ct_eq(caller.form_key.as_bytes()));
    if !keys.last().is_some_and(proven) {
        return Err(Problem::new(
            Kind::Forbidden,
            "this form was not sent from a page of your session; open the page again",
        ));
    }
    read(own.as_bytes())
}

async fn bytes(request: &HttpRequest, payload: Payload) -> Result<Vec<u8>, Problem> {
    from_here(request)?;
    body::require_type(request, &["application/x-www-form-urlencoded"])?;
    body::read(request, payload, MAX_FORM).await
}

/// Browsers say which site a form came from. Source: Fetch standard, "Origin" header.
fn from_here(request: &HttpRequest) -> Result<(), Problem> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    match (header(ORIGIN), header(HOST)) {
        (None, _) => Ok(()),
        (Some(origin), Some(host)) if origin.split_once("://").is_some_and(|(_, from)| from == host) => Ok(()),
        (Some(_), _) => Err(Problem::new(Kind::Forbidden, "this form was sent from another site")),
    }
}

fn page() -> Page<'static> {
    Page {
        template: "web/sign-in.html",
        part: "",
        caller: None,
        body: None,
    }
}

fn cookie(request: &HttpRequest) -> Option<String> {
    let headers = request
        .headers()
        .get_all(COOKIE)
        .filter_map(|value| value.to_str().ok());
    let mut pairs = headers.flat_map(|header| header.split(';')).map(str::trim);
    pairs.find_map(|pair| pair.strip_prefix(NAME)?.strip_prefix('=').map(str::to_owned))
}

/// Source: RFC 6265 §4.1. Behind a proxy that speaks TLS, the cookie goes over TLS alone.
fn set_cookie(request: &HttpRequest, value: &str, max_age: Option<u32>) -> String {
    let tls = request.connection_info().scheme() == "https";
    let secure = if tls { "; Secure" } else { "" };
    let age = max_age
        .map(|seconds| format!("; Max-Age={seconds}"))
        .unwrap_or_default();
    format!("{NAME}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}")
}

/// A path of this service, or its first page.
fn local(path: &str) -> &str {
    let other = |c: char| c == '\\' || c.is_control();
    if path.starts_with('/') && !path.starts_with("//") && !path.contains(other) {
        path
    } else {
        "/"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for path in ["/", "/incidents?open=true", "/entries/7"] {
            assert_eq!(local(path), path);
        }
        for path in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "javascript:1",
            "/a\nb",
        ] {
            assert_eq!(local(path), "/");
        }
    }
}
