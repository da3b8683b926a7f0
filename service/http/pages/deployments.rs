//! Deployments, and one in full.

use actix_web::web::{Data, Path, ReqData};
use actix_web::{HttpResponse, get};
use serde::{Deserialize, Serialize};

use super::super::api::query::{Query, given, optional_name, paging};
use super::super::blocking;
use super::super::problem::Problem;
use super::{Names, Page};
use crate::app::{App, Caller, DeploymentFilter, DeploymentView};

/// Which to list; a field of the form that was left empty counts as absent.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    environment: Option<String>,
    #[serde(default)]
    cursor: Option<String>,
}

impl Filter {
    fn place(&self) -> Result<DeploymentFilter, Problem> {
        Ok(DeploymentFilter {
            service: optional_name("service", given(self.service.as_deref()))?,
            environment: optional_name("environment", given(self.environment.as_deref()))?,
            status: None,
        })
    }
}

#[derive(Serialize)]
struct List {
    tree_size: u64,
    filter: Filter,
    #[serde(flatten)]
    names: Names,
    deployments: Vec<DeploymentView>,
    next: Option<String>,
}

/// Deployments, the newest first.
#[get("/deployments")]
pub async fn deployments(
    app: Data<App>,
    caller: ReqData<Caller>,
    filter: Result<Query<Filter>, Problem>,
) -> HttpResponse {
    let at = app.clone();
    let content = async {
        let filter = filter?.into_inner();
        let wanted = filter.place()?;
        let paging = paging(None, given(filter.cursor.as_deref()), Some(50))?;
        blocking(move || {
            let page = at.deployments(&wanted, paging)?;
            Ok::<_, Problem>(List {
                tree_size: page.tree_size,
                names: Names::of(&at, page.tree_size)?,
                filter,
                deployments: page.items,
                next: page.next,
            })
        })
        .await
    };
    Page::new("web/deployments.html", "deployments", &caller).answer(&app, content.await)
}

/// One deployment. Its place tells it from others of the same id.
#[get("/deployments/{id}")]
pub async fn deployment(
    app: Data<App>,
    caller: ReqData<Caller>,
    id: Path<String>,
    filter: Result<Query<Filter>, Problem>,
) -> HttpResponse {
    let at = app.clone();
    let content = async {
        let place = filter?.place()?;
        blocking(move || at.deployment(&id, &place, None)).await
    };
    Page::new("web/deployment.html", "deployments", &caller).answer(&app, content.await)
}
