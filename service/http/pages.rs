//! The web pages: rendered here, readable without script, for people who are signed in. [`routes`] lists them.
//!
//! A page shows what the API answers and can do nothing that the API cannot. Text from outside reaches it through templates
//! alone. Nothing is fetched from elsewhere.

mod completeness;
mod delivery;
mod deployments;
mod documents;
mod entries;
mod home;
mod incidents;
mod links;
pub mod session;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use actix_web::web::{Data, ServiceConfig};
use serde::Serialize;

use super::problem::Problem;
use crate::app::{App, Caller, Html};
use crate::domain::extension::Tier;
use crate::domain::facts::usual_tier;
use crate::domain::producer::Role;

/// Styles from here, forms to here, and nothing else.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Every page.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(session::sign_in_form)
        .service(session::sign_in)
        .service(session::sign_out)
        .service(home::style)
        .service(home::home)
        .service(home::services)
        .service(deployments::deployments)
        .service(deployments::deployment)
        .service(incidents::incidents)
        .service(incidents::incident)
        .service(links::links)
        .service(links::decide)
        .service(completeness::completeness)
        .service(delivery::delivery)
        .service(documents::release_notes)
        .service(documents::service_report)
        .service(entries::entry);
}

/// What every page is rendered with.
#[derive(Serialize)]
struct Frame<'a, T> {
    /// Which part of the navigation is shown as the present one.
    part: &'static str,
    /// Who is signed in.
    caller: Option<Signed<'a>>,
    #[serde(flatten)]
    content: T,
}

#[derive(Serialize)]
struct Signed<'a> {
    name: &'a str,
    role: &'static str,
    /// Whether they may decide about links.
    reviews: bool,
    form_key: &'a str,
}

/// The names that a list can be limited to.
#[derive(Serialize)]
struct Names {
    services: Vec<String>,
    environments: Vec<String>,
}

impl Names {
    fn of(app: &App, tree_size: u64) -> Result<Self, Problem> {
        Ok(Self {
            services: app.services(Some(tree_size))?.items,
            environments: users_first(app.environments(Some(tree_size))?.items),
        })
    }
}

/// Environments in the order in which they matter to users, as far as their names tell.
fn users_first(mut names: Vec<String>) -> Vec<String> {
    names.sort_by_key(|name| match usual_tier(name) {
        Some(Tier::Production) => 0,
        Some(Tier::Staging) => 1,
        None => 2,
        Some(Tier::Testing) => 3,
        Some(Tier::Development) => 4,
    });
    names
}

/// What was made of a form, or what is wrong with one of its fields, for the page to say beside it. Other problems stay what they are.
fn of_form<T>(made: Result<T, Problem>) -> Result<(Option<T>, Option<Problem>), Problem> {
    match made {
        Ok(made) => Ok((Some(made), None)),
        Err(problem) if problem.pointer.is_some() => Ok((None, Some(problem))),
        Err(problem) => Err(problem),
    }
}

/// One page: its template, the part of the navigation that it belongs to, and a document inside it if there is one.
struct Page<'a> {
    template: &'static str,
    part: &'static str,
    caller: Option<&'a Caller>,
    body: Option<&'a Html>,
}

impl<'a> Page<'a> {
    fn new(template: &'static str, part: &'static str, caller: &'a Caller) -> Self {
        Self {
            template,
            part,
            caller: Some(caller),
            body: None,
        }
    }

    /// The page with this content, or one that says why it cannot be shown.
    fn answer<T: Serialize>(&self, app: &Data<App>, content: Result<T, Problem>) -> HttpResponse {
        match content {
            Ok(content) => self.render(app, StatusCode::OK, content),
            Err(problem) => self.problem(app, &problem),
        }
    }

    fn problem(&self, app: &Data<App>, problem: &Problem) -> HttpResponse {
        let page = Page {
            template: "web/problem.html",
            body: None,
            ..*self
        };
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        page.render(app, status, problem)
    }

    fn render<T: Serialize>(&self, app: &Data<App>, status: StatusCode, content: T) -> HttpResponse {
        let signed = |caller: &'a Caller| Signed {
            name: &caller.token.name,
            role: caller.token.role.as_str(),
            reviews: caller.token.role >= Role::Reviewer,
            form_key: &caller.form_key,
        };
        let frame = Frame {
            part: self.part,
            caller: self.caller.map(signed),
            content,
        };
        match app.page(self.template, &frame, self.body) {
            Ok(page) => HttpResponse::build(status)
                .insert_header((CONTENT_SECURITY_POLICY, POLICY))
                // With no-referrer, browsers do not say where a form comes from, and it could not be told from one of another site.
                .insert_header((REFERRER_POLICY, "same-origin"))
                .insert_header((CACHE_CONTROL, "private, no-store"))
                .content_type("text/html; charset=utf-8")
                .body(page),
            Err(error) => HttpResponse::from_error(Problem::internal(&error)),
        }
    }
}
