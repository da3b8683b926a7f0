//! `snapshot file` and `snapshot command`: a list of what runs, one thing a line, as JSON or as CSV.

use std::ffi::OsString;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::Error as _;

use super::{Place, Sight, output_of, read};
use crate::cli::{Context, Failure};
use crate::domain::ServiceName;
use crate::domain::artifact::digest;
use crate::domain::snapshot::{Method, Workload};

/// How the list looks.
const FORM: &str = "\
The list has one line for each thing that runs, as JSON or as CSV with a header. Its members, or columns, are:
  service    which service it is
  artifact   package URL or image reference, best with its digest
  digest     instead: the digest alone, such as sha256:…
  version    version; at least one of artifact, digest and version is given
  instances  how many run; may be left out

  {\"service\":\"shop\",\"artifact\":\"ghcr.io/acme/shop:4.12.0@sha256:…\",\"instances\":3}

  service,version,instances
  shop,4.12.0,3";

/// Arguments of `snapshot file`.
#[derive(Debug, clap::Args)]
#[command(after_help = FORM)]
pub struct Listed {
    /// File that lists what runs
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Arguments of `snapshot command`.
#[derive(Debug, clap::Args)]
#[command(after_help = FORM)]
pub struct Printed {
    #[command(flatten)]
    place: Place,
    /// Command that lists what runs, with its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// One line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    service: ServiceName,
    #[serde(default)]
    artifact: Option<String>,
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    instances: Option<u32>,
}

impl Listed {
    /// Reads the file and records what it says.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let name = self.file.display().to_string();
        let sight = parse(&read(&self.file)?).map_err(|error| Failure::unclear(format!("{name}: {error}")))?;
        self.place.record(Method::File, sight, context)
    }
}

impl Printed {
    /// Runs the command and records what it prints.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let (program, arguments) = self
            .command
            .split_first()
            .ok_or_else(|| Failure::unclear("which command?"))?;
        let name = program.to_string_lossy();
        let printed = output_of(&name, arguments)?;
        let sight = parse(&printed).map_err(|error| Failure::unclear(format!("what {name} prints: {error}")))?;
        self.place.record(Method::Command, sight, context)
    }
}

/// Reads a list. A mistake is told with the number of its line.
fn parse(list: &[u8]) -> Result<Sight, String> {
    let running: Result<Vec<Workload>, String> = match list.trim_ascii_start().first() {
        None => Ok(Vec::new()),
        Some(b'{') => {
            let lines = list.split(|byte| *byte == b'\n').zip(1..);
            let lines = lines.filter(|(line, _)| !line.trim_ascii().is_empty());
            lines
                .map(|(line, number)| {
                    let line: Result<Line, _> = serde_json::from_slice(line);
                    let workload = line.and_then(|line| line.workload().map_err(serde_json::Error::custom));
                    workload.map_err(|error| format!("line {number}: {error}"))
                })
                .collect()
        }
        Some(_) => csv::Reader::from_reader(list)
            .deserialize()
            .map(|line: Result<Line, csv::Error>| {
                let line = line.map_err(|error| error.to_string())?;
                let service = line.service.clone();
                line.workload()
                    .map_err(|error| format!("the line of {service}: {error}"))
            })
            .collect(),
    };
    Ok(Sight {
        running: running?,
        unmapped: Vec::new(),
    })
}

impl Line {
    fn workload(self) -> Result<Workload, &'static str> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (artifact, alone) = (given(self.artifact), given(self.digest));
        let artifact = match (artifact, alone) {
            (Some(_), Some(_)) => return Err("artifact and digest are both given; put the digest into the artifact"),
            (None, Some(text)) => Some(digest(&text).ok_or("digest must be algorithm:hex, such as sha256:…")?),
            (artifact, None) => artifact,
        };
        let version = given(self.version);
        if artifact.is_none() && version.is_none() {
            return Err("artifact, digest or version is needed");
        }
        if self.instances == Some(0) {
            return Err("instances must be at least 1: what does not run is not listed");
        }
        Ok(Workload {
            service: self.service,
            artifact,
            version,
            instances: self.instances,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let hex = "ab".repeat(32);
        let json = format!(
            "{{\"service\":\"shop\",\"digest\":\"sha256:{hex}\",\"instances\":3}}\n\n{{\"service\":\"mail\",\"version\":\"2\"}}\n"
        );
        let csv = format!("service,digest,version,instances\nshop,sha256:{hex},,3\n\"mail\",,2,\n");
        let read = parse(json.as_bytes()).unwrap();
        assert_eq!(read, parse(csv.as_bytes()).unwrap());
        assert_eq!(read.running.len(), 2);
        assert_eq!(read.running[0].artifact, Some(format!("sha256:{hex}")));
        assert_eq!(parse(b"\n").unwrap(), Sight::default());
    }

    #[test]
    fn a_mistake_names_its_line_and_member() {
        for (list, said) in [
            (
                "{\"service\":\"shop\",\"version\":\"1\"}\n{\"service\":\"shop\"}",
                "line 2: artifact, digest or version",
            ),
            ("{\"service\":\"shop\",\"verison\":\"1\"}", "unknown field `verison`"),
            ("{\"service\":\"shop\",\"digest\":\"latest\"}", "digest must be"),
            ("{\"service\":\"\",\"version\":\"1\"}", "line 1: "),
            (
                "service,version\nshop,\n",
                "the line of shop: artifact, digest or version",
            ),
            ("service,version\nshop\n", "line: 2"),
            ("service,version,instances\nshop,1,0\n", "instances must be at least 1"),
            ("name\nshop\n", "`name`"),
        ] {
            let error = parse(list.as_bytes()).unwrap_err();
            assert!(error.contains(said), "{list}: {error}");
        }
    }
}
