//! `metrics`: how software was delivered in a period, as the service computes it.

use serde_json::Value;

use super::client::{Client, block_on, query};
use super::output::{Format, cell, print, print_json, table};
use super::producer::items;
use super::{Context, Failure, text};
use crate::config::ClientSettings;
use crate::domain::words::span;
use crate::domain::{EnvironmentName, ServiceName};

/// Arguments of `metrics`.
#[derive(Debug, clap::Args)]
pub struct Metrics {
    /// First day, or the exact time, that is covered
    #[arg(long, value_name = "DATE", value_parser = text)]
    from: String,
    /// Day, or exact time, before which the period ends
    #[arg(long, value_name = "DATE", value_parser = text)]
    to: String,
    /// Only this service; may be given several times [default: all]
    #[arg(long, value_name = "NAME")]
    service: Vec<ServiceName>,
    /// Only what this team owned when it happened [default: all]
    #[arg(long, value_name = "NAME", value_parser = text)]
    team: Option<String>,
    /// Environment [default: all of the tier production]
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvironmentName>,
    /// Time zone that days, weeks and months are counted in, such as Europe/London [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = text)]
    time_zone: Option<String>,
    /// What the series of deployments counts in
    #[arg(long, value_name = "BUCKET", value_parser = ["day", "week", "month"], default_value = "week")]
    bucket: String,
    /// Age in hours from which a deployment counts in the change fail rate [default: 72]
    #[arg(long, value_name = "HOURS")]
    maturity_hours: Option<u32>,
    /// The numbers of each service too
    #[arg(long)]
    by_service: bool,
    /// Show the bands of this year's survey: 2021, 2023 or 2024 [default: none]
    #[arg(long, value_name = "YEAR", value_parser = text)]
    bands: Option<String>,
    /// As of this tree size, so that the same numbers come out again [default: now]
    #[arg(long, value_name = "SIZE")]
    tree_size: Option<u64>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    client: ClientSettings,
}

impl Metrics {
    /// Prints them.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let client = Client::new(self.client, context)?;
        let services = self.service.into_iter().map(|name| ("service", Some(name.into())));
        let parameters = [
            ("team", self.team),
            ("environment", self.environment.map(String::from)),
            ("from", Some(self.from)),
            ("to", Some(self.to)),
            ("time_zone", self.time_zone),
            ("bucket", Some(self.bucket)),
            ("maturity_hours", self.maturity_hours.map(|hours| hours.to_string())),
            ("by", self.by_service.then(|| "service".to_owned())),
            ("bands", self.bands),
            ("tree_size", self.tree_size.map(|size| size.to_string())),
        ];
        let parameters: Vec<_> = services.chain(parameters).collect();
        let answer = block_on(client.get(&format!("/v1/delivery-performance{}", query(&parameters))))?;
        if self.format == Format::Json {
            return print_json(&answer);
        }
        let mut text = heading(&answer);
        text.push_str(&format!("{}\n", numbers(&answer["whole"])));
        text.push_str(&open_failures(&answer["whole"]));
        text.push_str(&format!("{}\n", series(&answer["whole"])));
        let rows = items(&answer["by_service"]);
        if !rows.is_empty() {
            text.push_str(&format!("{}\n", services_table(rows)));
        }
        if !answer["bands"].is_null() {
            text.push_str(&bands(&answer["bands"]));
        }
        print(&text)
    }
}

fn heading(answer: &Value) -> String {
    let or = |member: &str, none: &str| {
        Some(cell(answer, member))
            .filter(|t| !t.is_empty())
            .unwrap_or(none.into())
    };
    let team = Some(cell(answer, "team")).filter(|team| !team.is_empty());
    format!(
        "{}{} in {}, {} to {} ({}), as of {}, tree size {}\n",
        or("services", "all services"),
        team.map_or_else(String::new, |team| format!(" of team {team}")),
        or("environments", "no environment"),
        cell(answer, "from"),
        cell(answer, "to"),
        cell(answer, "time_zone"),
        or("as_of", "nothing"),
        cell(answer, "tree_size")
    )
}

fn numbers(whole: &Value) -> String {
    let frequency = &whole["deployment_frequency"];
    let (lead, fail) = (&whole["change_lead_time"], &whole["change_fail_rate"]);
    let recovery = &whole["failed_deployment_recovery_time"];
    let approval = &whole["approval_lead_time"];
    let (incidents, success) = (&whole["incidents"], &whole["success_rate"]);
    let quantiles = |times: &Value| match times["n"].as_u64() {
        None | Some(0) => String::new(),
        Some(_) => format!("p75 {}, p90 {}", length(times, "p75_ms"), length(times, "p90_ms")),
    };
    let of = |object: &Value, members: &[(&str, &str)]| -> Vec<String> {
        let some = members.iter().map(|(member, words)| some(&object[*member], words));
        some.filter(|text| !text.is_empty()).collect()
    };
    let mut rows = table(["metric", "value", "n", "beside"]);
    let mut row = |metric: &str, value: String, n: String, beside: Vec<String>| {
        let beside: Vec<String> = beside.into_iter().filter(|text| !text.is_empty()).collect();
        rows.add_row([metric.to_owned(), value, n, beside.join("; ")]);
    };
    let days = format!(
        "on {} of {} days",
        cell(frequency, "active_days"),
        cell(frequency, "days")
    );
    let mut beside = vec![format!("median gap {}", length(frequency, "median_gap_ms"))];
    beside.extend(of(
        frequency,
        &[("rollbacks", "rolled back"), ("redeploys", "redeployed, not counted")],
    ));
    row("deployment frequency", days, cell(frequency, "count"), beside);
    let mut beside = vec![quantiles(&lead["commits"])];
    beside.extend(of(
        lead,
        &[
            ("without_time", "without a time"),
            ("negative", "younger than their deployment"),
            ("baseline", "of a baseline"),
            ("rollback", "of a rollback"),
        ],
    ));
    let commits = &lead["commits"];
    row(
        "change lead time",
        length(commits, "median_ms"),
        cell(commits, "n"),
        beside,
    );
    let mut beside = of(&fail["immature"], &[("n", "too young to tell")]);
    beside.extend(of(
        fail,
        &[("disputed", "disputed"), ("outside", "failed outside of these")],
    ));
    row("change fail rate", range(fail), cell(fail, "n"), beside);
    let recovered = &recovery["recovered"];
    let mut beside = vec![quantiles(recovered)];
    beside.extend(of(
        recovery,
        &[
            ("open", "not recovered"),
            ("over_before_end", "over before they were done"),
        ],
    ));
    row(
        "failed deployment recovery time",
        length(recovered, "median_ms"),
        cell(recovered, "n"),
        beside,
    );
    let (rework, emergencies) = (&whole["deployment_rework_rate"], &whole["emergency_ratio"]);
    row("deployment rework rate", part(rework), cell(rework, "n"), Vec::new());
    let succeeded = &success["succeeded"];
    let beside = of(success, &[("cancelled", "cancelled, not counted")]);
    row("success rate", part(succeeded), cell(succeeded, "n"), beside);
    row("emergency ratio", part(emergencies), cell(emergencies, "n"), Vec::new());
    let waits = &approval["approvals"];
    let start = &approval["to_start"];
    let mut beside = vec![quantiles(waits)];
    if start["n"].as_u64() > Some(0) {
        beside.push(format!("median {} from approval to start", length(start, "median_ms")));
    }
    beside.extend(of(
        approval,
        &[
            ("without_request", "without a recorded request"),
            ("negative", "older than their request"),
            ("after_start", "after the start, not counted"),
        ],
    ));
    row(
        "approval lead time",
        length(waits, "median_ms"),
        cell(waits, "n"),
        beside,
    );
    let mut beside = of(incidents, &[("unattributed", "unattributed")]);
    beside.extend(of(&incidents["review_backlog"], &[("suggestions", "to review")]));
    row("incidents", cell(incidents, "count"), cell(incidents, "count"), beside);
    rows.to_string()
}

/// How many there are, with what they are; nothing where there are none.
fn some(value: &Value, words: &str) -> String {
    let count = value.as_array().map_or(value.as_u64(), |list| Some(list.len() as u64));
    count
        .filter(|count| *count > 0)
        .map(|count| format!("{count} {words}"))
        .unwrap_or_default()
}

fn open_failures(whole: &Value) -> String {
    let open = items(&whole["failed_deployment_recovery_time"]["open"])
        .iter()
        .map(|failure| {
            format!(
                "not recovered: deployment #{}, for {}\n",
                cell(failure, "deployment"),
                length(failure, "age_ms")
            )
        });
    open.collect()
}

fn series(whole: &Value) -> String {
    let mut rows = table(["bucket", "deployments", "rollbacks", "redeploys", "partial"]);
    for bucket in items(&whole["deployment_frequency"]["series"]) {
        let partial = bucket["partial"].as_bool().unwrap_or_default();
        rows.add_row([
            cell(bucket, "name"),
            cell(bucket, "count"),
            cell(bucket, "rollbacks"),
            cell(bucket, "redeploys"),
            if partial { "partial" } else { "" }.to_owned(),
        ]);
    }
    rows.to_string()
}

fn services_table(services: &[Value]) -> String {
    let mut rows = table([
        "service",
        "deployments",
        "lead time",
        "fail rate",
        "recovery",
        "open",
        "rework",
    ]);
    for row in services {
        let numbers = &row["performance"];
        let recovery = &numbers["failed_deployment_recovery_time"];
        rows.add_row([
            cell(row, "service"),
            cell(&numbers["deployment_frequency"], "count"),
            length(&numbers["change_lead_time"]["commits"], "median_ms"),
            range(&numbers["change_fail_rate"]),
            length(&recovery["recovered"], "median_ms"),
            items(&recovery["open"]).len().to_string(),
            part(&numbers["deployment_rework_rate"]),
        ]);
    }
    rows.to_string()
}

fn bands(bands: &Value) -> String {
    let mut rows = table(["metric", "band", "means", ""]);
    for row in items(&bands["metrics"]) {
        for rung in items(&row["rungs"]) {
            let here = rung["band"] == row["band"];
            rows.add_row([
                cell(row, "metric").replace('_', " "),
                cell(rung, "band"),
                cell(rung, "words"),
                if here { "here" } else { "" }.to_owned(),
            ]);
        }
    }
    format!("{rows}\n{}. {}\n", cell(bands, "source"), cell(bands, "note"))
}

/// A length of time in words. Without data there is none.
fn length(object: &Value, member: &str) -> String {
    object[member].as_i64().map_or_else(|| "no data".to_owned(), span)
}

/// A percentage, or the two counts where there are too few for one.
fn part(ratio: &Value) -> String {
    match (ratio["n"].as_u64(), ratio["rate"].as_f64()) {
        (None | Some(0), _) => "no data".to_owned(),
        (Some(n), None) => format!("{}/{n}", cell(ratio, "count")),
        (Some(_), Some(rate)) => format!("{:.1} %", rate * 100.0),
    }
}

/// Both ends of a range, or one where they are the same.
fn range(fail: &Value) -> String {
    let (lower, upper) = (part(&fail["lower"]), part(&fail["upper"]));
    if lower == upper {
        lower
    } else {
        format!("{lower} to {upper}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_part_is_a_percentage_only_of_enough() {
        assert_eq!(part(&json!({ "count": 0, "n": 0, "rate": null })), "no data");
        assert_eq!(part(&json!({ "count": 2, "n": 7, "rate": null })), "2/7");
        assert_eq!(part(&json!({ "count": 2, "n": 23, "rate": 0.087 })), "8.7 %");
        let fail =
            json!({ "lower": { "count": 1, "n": 7, "rate": null }, "upper": { "count": 3, "n": 7, "rate": null } });
        assert_eq!(range(&fail), "1/7 to 3/7");
        let counts = [
            some(&json!(0), "open"),
            some(&json!([4, 7]), "open"),
            some(&json!(null), "open"),
        ];
        assert_eq!(counts, ["", "2 open", ""]);
    }

    #[test]
    fn a_length_that_is_not_known_is_not_nothing() {
        assert_eq!(length(&json!({ "median_ms": null }), "median_ms"), "no data");
        assert_eq!(length(&json!({ "median_ms": 0 }), "median_ms"), "less than 1 s");
    }
}
