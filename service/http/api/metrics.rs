//! Delivery metrics: how often, how fast and how safely services reach production.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, get};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::blocking;
use super::super::problem::Problem;
use super::query::{name, optional_name, read, take};
use crate::app::App;
use crate::domain::Period;
use crate::metrics::{Bucket, Edition, MATURITY_HOURS, Query, Report};

/// What the numbers are told of, besides the whole.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Grouping {
    /// Each service.
    Service,
}

/// Which period, of what.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PerformanceParameters {
    /// The environment; all of the tier production if absent.
    pub environment: Option<String>,
    /// Only what this team owned when it happened.
    pub team: Option<String>,
    /// First day or instant of the period.
    pub from: String,
    /// The period ends before this day or instant.
    pub to: String,
    /// Zone that days, weeks and months are counted in, by its name in the IANA database; `UTC` if absent.
    pub time_zone: Option<String>,
    /// What the series of deployments counts in; `week` if absent.
    #[param(inline)]
    pub bucket: Option<Bucket>,
    /// Age in hours from which a deployment counts in the change fail rate; 72 if absent.
    pub maturity_hours: Option<u32>,
    /// `service`: the numbers of each service too.
    #[param(inline)]
    pub by: Option<Grouping>,
    /// Shows the bands of this year's survey beside the numbers: 2021, 2023 or 2024.
    pub bands: Option<String>,
    /// As of this tree size; the newest if absent.
    pub tree_size: Option<u64>,
}

/// How software was delivered in a period: deployment frequency, change lead time, change fail rate, failed deployment
/// recovery time and rework rate, each with the deployments that it was computed from. What is not known is null.
#[utoipa::path(
    tag = "metrics",
    params(
        ("service" = Option<Vec<String>>, Query, description = "Only this service; several may be named"),
        PerformanceParameters,
    ),
    responses(
        (status = 200, description = "The numbers", body = Report),
        (status = 404, description = "There is no such service or environment", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/delivery-performance")]
pub async fn delivery_performance(app: Data<App>, request: HttpRequest) -> Result<Json<Report>, Problem> {
    let (services, rest) = take(request.query_string().as_bytes(), "service");
    let asked: PerformanceParameters = read(rest.as_bytes())?;
    let services = services.iter().map(|service| name("service", service));
    let query = Query {
        services: services.collect::<Result<_, _>>()?,
        team: asked.team,
        environment: optional_name("environment", asked.environment.as_deref())?,
        period: Period::parse(&asked.from, &asked.to, asked.time_zone.as_deref().unwrap_or("UTC"))?,
        bucket: asked.bucket.unwrap_or_default(),
        maturity_hours: asked.maturity_hours.unwrap_or(MATURITY_HOURS),
        by_service: matches!(asked.by, Some(Grouping::Service)),
        bands: asked.bands.as_deref().map(Edition::parse).transpose()?,
    };
    Ok(Json(
        blocking(move || app.delivery_performance(&query, asked.tree_size)).await?,
    ))
}
