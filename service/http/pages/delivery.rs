//! How software is delivered: the delivery metrics of a period, each with what it was counted over and the entries behind it.

use actix_web::http::StatusCode;
use actix_web::web::{Data, ReqData};
use actix_web::{HttpResponse, ResponseError, get};
use serde::{Deserialize, Serialize};

use super::super::api::asked::period;
use super::super::api::query::{Query, given, optional_name};
use super::super::blocking;
use super::super::problem::Problem;
use super::{Names, Page, of_form};
use crate::app::{App, Caller};
use crate::document::service_report::Glance;
use crate::metrics::{self, Bucket, MATURITY_HOURS, Report};

/// Of what; a field of the form that was left empty counts as absent.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    #[serde(default)]
    environment: Option<String>,
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    team: Option<String>,
    #[serde(default)]
    period: Option<String>,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    time_zone: Option<String>,
}

impl Filter {
    /// What is asked; none before a period is chosen.
    fn query(&self) -> Result<Option<metrics::Query>, Problem> {
        let [name, from, to, zone] =
            [&self.period, &self.from, &self.to, &self.time_zone].map(|text| given(text.as_deref()).map(str::to_owned));
        let (service, team) = (given(self.service.as_deref()), given(self.team.as_deref()));
        let environment = given(self.environment.as_deref());
        let anything = service.or(team).or(environment).is_some();
        if !anything && [&name, &from, &to, &zone].iter().all(|text| text.is_none()) {
            return Ok(None);
        }
        Ok(Some(metrics::Query {
            services: optional_name("service", service)?.into_iter().collect(),
            team: team.map(str::to_owned),
            environment: optional_name("environment", environment)?,
            period: period([&name, &from, &to, &zone], &mut String::new())?,
            bucket: Bucket::Month,
            maturity_hours: MATURITY_HOURS,
            by_service: false,
            bands: None,
        }))
    }
}

#[derive(Serialize)]
struct Content {
    tree_size: u64,
    filter: Filter,
    #[serde(flatten)]
    names: Names,
    teams: Vec<String>,
    /// What is wrong with a field of the form.
    problem: Option<Problem>,
    /// None before a period is chosen.
    told: Option<Told>,
}

#[derive(Serialize)]
struct Told {
    report: Report,
    rows: Vec<Glance>,
}

impl Content {
    fn of(app: &App, filter: Filter) -> Result<Self, Problem> {
        let tree_size = app.environments(None)?.tree_size;
        let (told, problem) = of_form(Told::of(app, &filter, tree_size))?;
        Ok(Self {
            tree_size,
            filter,
            names: Names::of(app, tree_size)?,
            teams: app.teams(Some(tree_size))?.items,
            problem,
            told: told.flatten(),
        })
    }
}

impl Told {
    fn of(app: &App, filter: &Filter, tree_size: u64) -> Result<Option<Self>, Problem> {
        let Some(query) = filter.query()? else { return Ok(None) };
        let (report, rows) = app.delivery_at_a_glance(&query, tree_size)?;
        Ok(Some(Self { report, rows }))
    }
}

/// The five metrics of DORA and what stands beside them, each with its value in the period before.
#[get("/delivery")]
pub async fn delivery(app: Data<App>, caller: ReqData<Caller>, filter: Result<Query<Filter>, Problem>) -> HttpResponse {
    let at = app.clone();
    let content = async {
        let filter = filter?.into_inner();
        blocking(move || Content::of(&at, filter)).await
    };
    let page = Page::new("web/delivery.html", "delivery", &caller);
    match content.await {
        Ok(content) => {
            let status = content
                .problem
                .as_ref()
                .map_or(StatusCode::OK, ResponseError::status_code);
            page.render(&app, status, content)
        }
        Err(problem) => page.problem(&app, &problem),
    }
}
