//! What is not in the ledger although it should be.

use actix_web::web::{Data, ReqData};
use actix_web::{HttpResponse, get};
use serde::{Deserialize, Serialize};

use super::super::api::query::{Query, given, name, optional_name};
use super::super::blocking;
use super::super::problem::Problem;
use super::{Names, Page};
use crate::app::{App, Caller};
use crate::reconcile::{self, Completeness};

/// Of what; a field of the form that was left empty counts as absent.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    #[serde(default)]
    environment: Option<String>,
    #[serde(default)]
    service: Option<String>,
}

#[derive(Serialize)]
struct Content {
    tree_size: u64,
    filter: Filter,
    #[serde(flatten)]
    names: Names,
    /// None before an environment is chosen.
    told: Option<Completeness>,
}

/// What ran and was not recorded, what sources left out, and what cannot be told.
#[get("/completeness")]
pub async fn completeness(
    app: Data<App>,
    caller: ReqData<Caller>,
    filter: Result<Query<Filter>, Problem>,
) -> HttpResponse {
    let at = app.clone();
    let content = async {
        let filter = filter?.into_inner();
        let environment = given(filter.environment.as_deref()).map(|text| name("environment", text));
        let service = optional_name("service", given(filter.service.as_deref()))?;
        let query = environment.transpose()?.map(|environment| reconcile::Query {
            environment,
            service,
            from: None,
            to: None,
        });
        blocking(move || {
            let tree_size = at.environments(None)?.tree_size;
            Ok::<_, Problem>(Content {
                tree_size,
                filter,
                names: Names::of(&at, tree_size)?,
                told: query
                    .map(|query| at.completeness(&query, Some(tree_size)))
                    .transpose()?,
            })
        })
        .await
    };
    Page::new("web/completeness.html", "completeness", &caller).answer(&app, content.await)
}
