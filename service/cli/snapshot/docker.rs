//! `snapshot docker`: the running containers of a host, as `docker inspect` describes them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Mapping, Place, Sight, output_of, read, tag};
use crate::cli::{Context, Failure, text};
use crate::domain::snapshot::{Method, Workload};

/// Label of an image that tells its version.
/// Source: OCI image specification, annotations.
const VERSION: &str = "org.opencontainers.image.version";

/// Arguments of `snapshot docker`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The digest of a container is that of its image in a registry; an image that was never pushed or pulled has none, and is told by
its name and tag. With --input, the file holds what `docker inspect` prints of the containers and `docker image inspect` of their
images, one after the other.")]
pub struct Docker {
    /// Label that tells which service a container is
    #[arg(long, value_name = "LABEL", default_value = "com.docker.compose.service", value_parser = text)]
    service_label: String,
    #[command(flatten)]
    mapping: Mapping,
    #[command(flatten)]
    place: Place,
}

/// A container or an image: Docker Engine API v1.47, `ContainerInspect` and `ImageInspect`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    #[serde(default)]
    name: Option<String>,
    /// Of a container: the id of its image.
    #[serde(default)]
    image: Option<String>,
    #[serde(default)]
    state: Option<State>,
    #[serde(default)]
    config: Option<Config>,
    /// Of an image: where it is known, `repository@digest`.
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    running: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    image: Option<String>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

/// A line of `docker ps --format json`.
#[derive(Debug, Deserialize)]
struct Listed {
    #[serde(rename = "ID")]
    id: String,
}

impl Docker {
    /// Looks, and records what it saw.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let described = match &self.mapping.input {
            Some(file) => parse(&read(file)?)?,
            None => ask()?,
        };
        let how_to_map = format!(
            "Set the label {} on them, name another one with --service-label",
            self.service_label
        );
        let sight = self
            .mapping
            .unmapped
            .settle(sight(&described, &self.service_label), &how_to_map)?;
        self.place.record(Method::Docker, sight, context)
    }
}

fn ask() -> Result<Vec<Inspected>, Failure> {
    let listed = output_of("docker", ["ps", "--no-trunc", "--format", "json"])?;
    let listed: Result<Vec<Listed>, _> = serde_json::Deserializer::from_slice(&listed).into_iter().collect();
    let listed = listed.map_err(unreadable)?;
    if listed.is_empty() {
        return Ok(Vec::new());
    }
    let ids = listed.iter().map(|container| container.id.as_str());
    let mut described = parse(&output_of("docker", ["container", "inspect"].into_iter().chain(ids))?)?;
    let images: BTreeSet<&str> = described
        .iter()
        .filter_map(|container| container.image.as_deref())
        .collect();
    let images = parse(&output_of("docker", ["image", "inspect"].into_iter().chain(images))?)?;
    described.extend(images);
    Ok(described)
}

/// Reads lists of what was inspected, one after the other.
fn parse(text: &[u8]) -> Result<Vec<Inspected>, Failure> {
    let lists: Result<Vec<Vec<Inspected>>, _> = serde_json::Deserializer::from_slice(text).into_iter().collect();
    Ok(lists.map_err(unreadable)?.into_iter().flatten().collect())
}

fn unreadable(error: serde_json::Error) -> Failure {
    Failure::unclear(format!("this is not what docker prints: {error}"))
}

/// What runs, by the label that tells services.
fn sight(described: &[Inspected], label: &str) -> Sight {
    let images: BTreeMap<&str, &Inspected> = described.iter().map(|found| (found.id.as_str(), found)).collect();
    let mut sight = Sight::default();
    let is_running = |found: &&Inspected| found.state.as_ref().is_some_and(|state| state.running);
    for container in described.iter().filter(is_running) {
        let config = container.config.as_ref();
        let labelled = |label: &str| config?.labels.as_ref()?.get(label).cloned();
        let image = config.and_then(|config| config.image.as_deref()).unwrap_or_default();
        match labelled(label).map(|name| name.parse()) {
            Some(Ok(service)) => {
                let pulled = container
                    .image
                    .as_deref()
                    .and_then(|id| images.get(id)?.repo_digests.as_deref());
                sight.running.push(Workload {
                    service,
                    artifact: Some(reference(image, pulled.unwrap_or_default())),
                    version: labelled(VERSION)
                        .filter(|version| !version.is_empty())
                        .or_else(|| tag(image)),
                    instances: Some(1),
                });
            }
            Some(Err(_)) | None => {
                let name = container
                    .name
                    .as_deref()
                    .unwrap_or(&container.id)
                    .trim_start_matches('/');
                sight.unmapped.push(format!("{name} ({image})"));
            }
        }
    }
    sight
}

/// The image with its digest: the one of the repository that it was started from, else any that the image is known by.
fn reference(image: &str, pulled: &[String]) -> String {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let repository = tag_start(name).map_or(name, |at| &name[..at]);
    let of_it = |known: &&String| known.split_once('@').is_some_and(|(known, _)| known == repository);
    pulled
        .iter()
        .find(of_it)
        .or(pulled.first())
        .cloned()
        .unwrap_or_else(|| image.to_owned())
}

fn tag_start(name: &str) -> Option<usize> {
    let at = name.rfind(':')?;
    (!name[at..].contains('/')).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = r#"[
      {"Id":"c1","Name":"/shop-1","Image":"sha256:11","State":{"Running":true},"Config":{"Image":"ghcr.io/acme/shop:4.1",
       "Labels":{"com.docker.compose.service":"shop"}}},
      {"Id":"c2","Name":"/tool","Image":"sha256:22","State":{"Running":true},"Config":{"Image":"tool","Labels":null}},
      {"Id":"c3","Name":"/old","Image":"sha256:11","State":{"Running":false},"Config":{"Image":"x"}},
      {"Id":"c4","Name":"/bad","Image":"sha256:22","State":{"Running":true},"Config":{"Image":"bad:1",
       "Labels":{"com.docker.compose.service":""}}}
    ]
    [{"Id":"sha256:11","RepoDigests":["mirror/shop@sha256:aa","ghcr.io/acme/shop@sha256:bb"],"Config":{"Image":""}},
     {"Id":"sha256:22","RepoDigests":[]}]"#;

    #[test]
    fn a_container_is_the_service_that_its_label_says_with_the_digest_of_its_repository() {
        let seen = sight(&parse(PRINTED.as_bytes()).unwrap(), "com.docker.compose.service");
        let [shop] = seen.running.as_slice() else {
            panic!("{seen:?}")
        };
        assert_eq!(shop.service.as_str(), "shop");
        assert_eq!(shop.artifact.as_deref(), Some("ghcr.io/acme/shop@sha256:bb"));
        assert_eq!((shop.version.as_deref(), shop.instances), (Some("4.1"), Some(1)));
        assert_eq!(seen.unmapped, ["tool (tool)", "bad (bad:1)"]);
    }

    #[test]
    fn an_image_of_no_registry_is_told_by_its_name() {
        assert_eq!(reference("shop:4.1", &[]), "shop:4.1");
        assert_eq!(
            reference("localhost:5000/shop", &["localhost:5000/shop@d".to_owned()]),
            "localhost:5000/shop@d"
        );
    }

    #[test]
    fn what_docker_does_not_print_is_refused() {
        assert!(parse(b"{}").is_err() && parse(b"[{\"Id\":1}]").is_err());
        assert!(parse(b"").unwrap().is_empty());
    }
}
