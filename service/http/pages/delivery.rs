//! How software is delivered: the delivery metrics of a period, each with what it was counted over and the entries behind it.

use actix_web::web::{Data, ReqData};
use actix_web::{HttpResponse, get};
use serde::{Deserialize, Serialize};

use super::super::api::query::{Query, given, optional_name};
use super::super::blocking;
use super::super::problem::Problem;
use super::{Names, Page};
use crate::app::{App, Caller};
use crate::document::service_report::Glance;
use crate::domain::Period;
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
    time_zone: Option<String>,
}

impl Filter {
    /// What is asked; none before a period is chosen.
    fn query(&self) -> Result<Option<metrics::Query>, Problem> {
        let Some(period) = given(self.period.as_deref()) else {
            return Ok(None);
        };
        let service = optional_name("service", given(self.service.as_deref()))?;
        Ok(Some(metrics::Query {
            services: service.into_iter().collect(),
            team: given(self.team.as_deref()).map(str::to_owned),
            environment: optional_name("environment", given(self.environment.as_deref()))?,
            period: Period::named(period, given(self.time_zone.as_deref()).unwrap_or("UTC"))?,
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
    /// None before a period is chosen.
    told: Option<Told>,
}

#[derive(Serialize)]
struct Told {
    report: Report,
    rows: Vec<Glance>,
}

/// The five metrics of DORA and what stands beside them, each with its value in the period before.
#[get("/delivery")]
pub async fn delivery(app: Data<App>, caller: ReqData<Caller>, filter: Result<Query<Filter>, Problem>) -> HttpResponse {
    let at = app.clone();
    let content = async {
        let filter = filter?.into_inner();
        let query = filter.query()?;
        blocking(move || {
            let tree_size = at.environments(None)?.tree_size;
            let told = query
                .map(|query| at.delivery_at_a_glance(&query, tree_size))
                .transpose()?;
            Ok::<_, Problem>(Content {
                tree_size,
                filter,
                names: Names::of(&at, tree_size)?,
                told: told.map(|(report, rows)| Told { report, rows }),
            })
        })
        .await
    };
    Page::new("web/delivery.html", "delivery", &caller).answer(&app, content.await)
}
