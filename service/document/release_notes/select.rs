//! Which deployments release notes speak of, and what ran before them.

use super::{Point, Scope};
use crate::document::DocumentError;
use crate::domain::deployment::{Deployment, Effect};
use crate::domain::history::Timeline;
use crate::domain::{EnvironmentName, ServiceName};

/// Which deployments are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The service.
    pub service: &'a ServiceName,
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// Which of its deployments there.
    pub scope: &'a Scope,
}

/// The deployments to speak of.
#[derive(Debug)]
pub struct Selection<'a> {
    /// All of them, in ledger order, attempts that failed included.
    pub deployments: Vec<&'a Deployment>,
    /// The one, or the last of them.
    pub target: &'a Deployment,
    /// What ran before.
    pub previous: Option<&'a Deployment>,
    /// Whether a range was asked for.
    pub range: bool,
}

/// The deployments of the place that is asked for, in ledger order, out of deployments of any.
pub(super) fn here<'a>(wanted: &Wanted<'_>, deployments: &'a [Deployment]) -> Vec<&'a Deployment> {
    let there = |d: &&Deployment| d.service == *wanted.service && d.environment == *wanted.environment;
    let mut here: Vec<&Deployment> = deployments.iter().filter(there).collect();
    here.sort_by_key(|d| d.order());
    here
}

/// The last that succeeded, else the last.
fn latest<'a>(here: &[&'a Deployment]) -> Option<&'a Deployment> {
    here.iter().rfind(|d| d.succeeded()).or(here.last()).copied()
}

/// Selects out of deployments of any place.
pub fn selected<'a>(wanted: &Wanted<'_>, deployments: &'a [Deployment]) -> Result<Selection<'a>, DocumentError> {
    let here = here(wanted, deployments);
    let (service, environment) = (wanted.service.clone(), wanted.environment.clone());
    let Some(latest) = latest(&here) else {
        return Err(DocumentError::NoDeployments { service, environment });
    };
    let by_index = |index: Option<u64>| here.iter().copied().find(|d| Some(d.index) == index);
    let one = |target: &'a Deployment| Selection {
        deployments: vec![target],
        target,
        previous: by_index(target.lineage.replaces),
        range: false,
    };
    let unknown = |deployment: String| DocumentError::UnknownDeployment {
        deployment,
        service: wanted.service.clone(),
        environment: wanted.environment.clone(),
    };
    match wanted.scope {
        Scope::Latest => Ok(one(latest)),
        Scope::Deployment(id) => here
            .iter()
            .rev()
            .find(|d| d.id == *id)
            .or_else(|| here.iter().find(|d| by_entry(d, id.as_str())))
            .map(|d| one(d))
            .ok_or_else(|| unknown(id.to_string())),
        Scope::Range { from, to } => {
            let timeline = Timeline::of(deployments, wanted.service, wanted.environment);
            let Some(target) = resolve(to, &here, &timeline).map_err(unknown)? else {
                return Err(DocumentError::NoneUntil {
                    to: to.to_string(),
                    service,
                    environment,
                });
            };
            // A version that ran more than once: the last time before the end of the range is meant.
            let earlier: Vec<&Deployment> = here.iter().copied().filter(|d| d.order() <= target.order()).collect();
            let start = resolve(from, &earlier, &timeline).or_else(|_| resolve(from, &here, &timeline));
            let start = start.map_err(unknown)?;
            if start.is_some_and(|start| start.order() > target.order()) || reversed(from, to) {
                return Err(DocumentError::Reversed {
                    from: from.to_string(),
                    to: to.to_string(),
                });
            }
            let after = start.map(Deployment::order);
            let within = |d: &&Deployment| after.is_none_or(|after| d.order() > after) && d.order() <= target.order();
            let deployments: Vec<&Deployment> = here.iter().copied().filter(within).collect();
            Ok(Selection {
                deployments,
                target,
                previous: start.filter(|d| d.effect == Effect::Runs),
                range: true,
            })
        }
    }
}

/// Whether an entry such as `#12` is one of the deployment.
fn by_entry(deployment: &Deployment, name: &str) -> bool {
    let index = name.strip_prefix('#').and_then(|index| index.parse().ok());
    index.is_some_and(|index| deployment.indexes().contains(&index))
}

fn reversed(from: &Point, to: &Point) -> bool {
    matches!((from, to), (Point::At(from), Point::At(to)) if from > to)
}

/// The deployment that a point names; none for a time before the first.
fn resolve<'a>(
    point: &Point,
    here: &[&'a Deployment],
    timeline: &Timeline<'a>,
) -> Result<Option<&'a Deployment>, String> {
    match point {
        Point::At(at) => Ok(timeline.last(Some(*at)).map(|run| run.deployment)),
        Point::Now => Ok(timeline.last(None).map(|run| run.deployment)),
        Point::Index(index) => {
            let found = here.iter().copied().find(|d| d.indexes().contains(index));
            found.map(Some).ok_or_else(|| format!("#{index}"))
        }
        Point::Named(name) => {
            let by_id = here.iter().rev().find(|d| d.id.as_str() == name);
            let ran = || here.iter().rev().find(|d| d.succeeded() && d.label() == *name);
            let found = by_id
                .or_else(ran)
                .or_else(|| here.iter().rev().find(|d| d.label() == *name));
            found.copied().map(Some).ok_or_else(|| name.clone())
        }
    }
}
