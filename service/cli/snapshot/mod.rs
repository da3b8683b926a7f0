//! `snapshot`: looks at what runs, signs what it saw, and posts it.
//!
//! One file a place to look at; each gives a [`Sight`], and this one makes a record of it. Nothing that was seen is dropped
//! without a word: what cannot be told to be of a service fails the command unless its flag says otherwise.

mod docker;
mod kubernetes;
mod listing;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use clap::Subcommand;
use ledger::Receipt;
use serde_json::{Value, json};

use super::ci::Claims;
use super::event::Draft;
use super::output::{cell, note};
use super::producer::items;
use super::record::{Common, environment, keep_and_print};
use super::{Context, Failure};
use crate::domain::parse::MAX_ITEMS;
use crate::domain::snapshot::{Method, RuntimeSnapshot, SNAPSHOT_TAKEN, Workload};
use crate::domain::{EnvironmentName, Extension, ServiceName};

/// Most bytes that are read of what runs: far more than fits into a record.
const MAX_INPUT: u64 = 64 << 20;

/// Where to look.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The running containers of a Docker host
    Docker(Box<docker::Docker>),
    /// The running pods of a Kubernetes cluster
    Kubernetes(Box<kubernetes::Kubernetes>),
    /// A file that lists what runs
    File(Box<listing::Listed>),
    /// What a command prints, in the form of such a file
    #[command(name = "command")]
    Printed(Box<listing::Printed>),
}

/// Of what a snapshot is, and how it is sent.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// Environment that was looked at [env: SHIPSLOG_ENVIRONMENT] [default: from the CI system]
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvironmentName>,
    /// Speak of this service only; may be given several times. A key that is limited to services needs exactly one [default: all]
    #[arg(long, value_name = "NAME")]
    service: Vec<ServiceName>,
    /// Say that this is all that runs in the environment, or of these services: only then does it show that something does not run
    #[arg(long)]
    complete: bool,
    #[command(flatten)]
    common: Common,
}

/// How containers are told to be of a service.
#[derive(Debug, clap::Args)]
pub struct Mapping {
    /// What to do with what is of no known service
    #[arg(long, value_enum, default_value_t)]
    unmapped: Unmapped,
    /// Read this file instead of asking
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
}

/// What to do with what cannot be told to be of a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Unmapped {
    /// Send nothing and list it.
    #[default]
    Fail,
    /// Record it as unmapped; the snapshot cannot be complete then.
    Report,
    /// Leave it out: it is no service.
    Ignore,
}

/// What was seen.
#[derive(Debug, Default, PartialEq)]
struct Sight {
    running: Vec<Workload>,
    /// What is of no known service, each as it is called where it runs.
    unmapped: Vec<String>,
}

impl Command {
    /// Looks, and records what it saw.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Docker(docker) => docker.run(context),
            Self::Kubernetes(kubernetes) => kubernetes.run(context),
            Self::File(listed) => listed.run(context),
            Self::Printed(printed) => printed.run(context),
        }
    }
}

impl Unmapped {
    /// What remains to be recorded of what was seen.
    fn settle(self, mut sight: Sight, how_to_map: &str) -> Result<Sight, Failure> {
        if sight.unmapped.is_empty() {
            return Ok(sight);
        }
        let count = sight.unmapped.len();
        match self {
            Self::Fail => {
                let mut message = format!("{count} of what runs could not be told to be of a service:");
                for what in &sight.unmapped {
                    let _ = write!(message, "\n  {}", super::output::clean(what));
                }
                let _ = write!(message, "\n{how_to_map}, or say --unmapped report or --unmapped ignore");
                Err(Failure::refused(message))
            }
            Self::Report => Ok(sight),
            Self::Ignore => {
                note(&format!("Left out as no services: {}", sight.unmapped.join(", ")));
                sight.unmapped.clear();
                Ok(sight)
            }
        }
    }
}

impl Place {
    /// Records what was seen here.
    fn record(self, method: Method, sight: Sight, context: &Context) -> Result<(), Failure> {
        let claims = Claims::of(&context.environment);
        let environment = environment(self.environment, context, &claims)?;
        let snapshot = snapshot(method, sight, self.service, self.complete)?;
        // With a service of its own, a record is within the scope of a key that is limited to that service.
        let service = match snapshot.services.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        };
        let draft = Draft {
            event_type: SNAPSHOT_TAKEN,
            source: self.common.source(&claims),
            subject: environment.as_str().to_owned(),
            content: json!({}),
            extension: Extension {
                service,
                environment: Some(environment),
                snapshot: Some(Box::new(snapshot)),
                ..self.common.extension(&claims)
            },
        };
        let receipt = self.common.receipt_file();
        let Some(answer) = self.common.post("/v1/snapshots", &draft, context)? else {
            return Ok(());
        };
        let unreadable =
            |error: &dyn std::fmt::Display| Failure::refused(format!("the answer cannot be read: {error}"));
        let answer: Value = serde_json::from_str(&answer).map_err(|error| unreadable(&error))?;
        for (word, member) in [("Opened", "opened"), ("Closed", "closed")] {
            for finding in items(&answer[member]) {
                note(&format!("{word}: {}", finding_in_words(finding)));
            }
        }
        let text = Receipt::parse(answer["receipt"].to_string().as_bytes()).map_err(|error| unreadable(&error))?;
        keep_and_print(receipt.as_deref(), &text.to_json())
    }
}

/// A finding on one line.
pub(super) fn finding_in_words(finding: &Value) -> String {
    let named = |content: &Value, first: &str| {
        let words = [first, "artifact", "digest"].map(|member| cell(content, member));
        words.into_iter().find(|word| !word.is_empty())
    };
    let running =
        named(&finding["running"], "version").map_or_else(|| "nothing runs".to_owned(), |it| format!("{it} runs"));
    let expected =
        named(&finding["expected"], "label").map_or_else(|| "nothing should".to_owned(), |it| format!("{it} should"));
    format!(
        "{} of {}: {running}, {expected}",
        cell(finding, "kind"),
        cell(finding, "service")
    )
}

/// What was seen, as it is recorded: of these services if any are named, the same things counted together.
fn snapshot(
    method: Method,
    sight: Sight,
    services: Vec<ServiceName>,
    complete: bool,
) -> Result<RuntimeSnapshot, Failure> {
    if complete && !sight.unmapped.is_empty() {
        return Err(Failure::unclear(
            "--complete cannot be said while something is of no known service: map it, or say --unmapped ignore",
        ));
    }
    let mut counted: BTreeMap<(ServiceName, Option<String>, Option<String>), Option<u32>> = BTreeMap::new();
    let mut others = 0;
    for workload in sight.running {
        if !services.is_empty() && !services.contains(&workload.service) {
            others += 1;
            continue;
        }
        let same = counted.entry((workload.service, workload.artifact, workload.version));
        let more = workload.instances;
        same.and_modify(|known| *known = known.zip(more).map(|(known, more)| known.saturating_add(more)))
            .or_insert(more);
    }
    if others > 0 {
        note(&format!(
            "Left out, of services that --service does not name: {others}."
        ));
    }
    if counted.len() > MAX_ITEMS {
        return Err(Failure::unclear(format!(
            "{} different things run, and a record holds {MAX_ITEMS}: take a snapshot of some services at a time, with --service",
            counted.len()
        )));
    }
    let running = counted
        .into_iter()
        .map(|((service, artifact, version), instances)| Workload {
            service,
            artifact,
            version,
            instances,
        });
    Ok(RuntimeSnapshot {
        method,
        complete,
        services,
        running: running.collect(),
        unmapped: sight.unmapped,
    })
}

/// The version in an image reference: its tag, unless that means another image tomorrow.
fn tag(image: &str) -> Option<String> {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let (_, tag) = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'))?;
    (tag != "latest" && !tag.is_empty()).then(|| tag.to_owned())
}

/// A whole file that says what runs.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::unclear(format!("cannot read {}: {error}", path.display()));
    bounded(File::open(path).map_err(failed)?, &path.display().to_string())
}

/// What a program prints, which must succeed.
fn output_of<S: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = S>) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::refused(format!("cannot run {program}: {error}"));
    let mut child = Process::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let printed = child.stdout.take().map(|stdout| bounded(stdout, program));
    let status = child.wait().map_err(failed)?;
    if !status.success() {
        return Err(Failure::refused(format!(
            "{program} failed ({status}); nothing was recorded"
        )));
    }
    printed.unwrap_or_else(|| Ok(Vec::new()))
}

fn bounded(from: impl std::io::Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    from.take(MAX_INPUT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::unclear(format!("cannot read {name}: {error}")))?;
    if bytes.len() as u64 > MAX_INPUT {
        return Err(Failure::unclear(format!(
            "{name} says more than {} MiB",
            MAX_INPUT >> 20
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_version_if_it_stays_one() {
        assert_eq!(tag("ghcr.io/acme/shop:4.1@sha256:00").as_deref(), Some("4.1"));
        for image in ["shop", "shop:latest", "localhost:5000/shop", "shop@sha256:00"] {
            assert_eq!(tag(image), None, "{image}");
        }
    }

    #[test]
    fn the_same_things_are_counted_together_and_other_services_left_out() {
        let workload = |service: &str, instances| Workload {
            service: service.parse().unwrap(),
            artifact: None,
            version: Some("1".to_owned()),
            instances,
        };
        let seen = |services: &[&str]| {
            let running = vec![
                workload("shop", Some(1)),
                workload("shop", Some(2)),
                workload("mail", None),
            ];
            let sight = Sight {
                running,
                ..Sight::default()
            };
            let services = services.iter().map(|name| name.parse().unwrap()).collect();
            snapshot(Method::File, sight, services, true).unwrap().running
        };
        assert_eq!(seen(&[]), [workload("mail", None), workload("shop", Some(3))]);
        assert_eq!(seen(&["shop"]), [workload("shop", Some(3))]);
    }
}
