//! Charts of a service report, as data: `render` draws them. Each says in words what it shows.

use serde::Serialize;

use super::Flow;
use crate::domain::words::count;

/// A chart of bars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chart {
    /// What the template names it by.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// The same in words, for those who do not see it.
    pub description: String,
    /// What the bars stand for; one that is cut has a star.
    pub categories: Vec<String>,
    /// Parts of the bars, from the bottom up.
    pub series: Vec<Series>,
}

/// One part of every bar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Series {
    /// What it counts.
    pub name: &'static str,
    /// One count a bar.
    pub values: Vec<usize>,
}

pub(super) fn charts(flow: &Flow) -> Vec<Chart> {
    let series = &flow.frequency.series;
    let words: Vec<String> = series
        .iter()
        .map(|bucket| {
            let rollbacks = match bucket.rollbacks {
                0 => String::new(),
                n => format!(", {} among them", count(n, "rollback")),
            };
            format!("{}: {}{rollbacks}", bucket.name, bucket.count)
        })
        .collect();
    let star = |partial: bool| if partial { " *" } else { "" };
    vec![Chart {
        name: "frequency",
        title: "Deployments over time".to_owned(),
        description: words.join("; "),
        categories: series
            .iter()
            .map(|bucket| format!("{}{}", bucket.name, star(bucket.partial)))
            .collect(),
        series: vec![
            Series {
                name: "deployments",
                values: series.iter().map(|bucket| bucket.count - bucket.rollbacks).collect(),
            },
            Series {
                name: "rollbacks",
                values: series.iter().map(|bucket| bucket.rollbacks).collect(),
            },
        ],
    }]
}
