//! `snapshot kubernetes`: the running containers of pods, as `kubectl get pods -o json` describes them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Mapping, Place, Sight, output_of, read, tag};
use crate::cli::{Context, Failure, text};
use crate::domain::snapshot::{Method, Workload};

/// Label that tells the version of a pod.
/// Source: Kubernetes documentation, "Recommended Labels".
const VERSION: &str = "app.kubernetes.io/version";
/// Annotation that tells which container of a pod is the service, and not something beside it.
/// Source: Kubernetes documentation, "Well-Known Labels, Annotations and Taints".
const CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// Arguments of `snapshot kubernetes`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Of a pod with several containers, the service is the one that the annotation kubectl.kubernetes.io/default-container names, else the
one that is called like the service; the others are of no known service. With --input, the file holds what
`kubectl get pods -o json` prints.")]
pub struct Kubernetes {
    /// Namespace [default: that of the context]
    #[arg(long, short, value_name = "NAME", value_parser = text, conflicts_with_all = ["all_namespaces", "input"])]
    namespace: Option<String>,
    /// Look into all namespaces
    #[arg(long, short = 'A', conflicts_with = "input")]
    all_namespaces: bool,
    /// Context of the kubeconfig [default: the current one]
    #[arg(long, value_name = "NAME", value_parser = text, conflicts_with = "input")]
    context: Option<String>,
    /// Label that tells which service a pod is
    #[arg(long, value_name = "LABEL", default_value = "app.kubernetes.io/name", value_parser = text)]
    service_label: String,
    #[command(flatten)]
    mapping: Mapping,
    #[command(flatten)]
    place: Place,
}

/// A list of pods: Kubernetes API, core/v1.
#[derive(Debug, Deserialize)]
struct Pods {
    items: Vec<Pod>,
}

#[derive(Debug, Deserialize)]
struct Pod {
    metadata: Metadata,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    container_statuses: Vec<Container>,
}

#[derive(Debug, Deserialize)]
struct Container {
    name: String,
    image: String,
    /// What the node pulled: `repository@digest`, for older runtimes with a scheme before it.
    #[serde(default, rename = "imageID")]
    image_id: String,
    #[serde(default)]
    state: State,
}

#[derive(Debug, Default, Deserialize)]
struct State {
    #[serde(default)]
    running: Option<serde::de::IgnoredAny>,
}

impl Kubernetes {
    /// Looks, and records what it saw.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let printed = match &self.mapping.input {
            Some(file) => read(file)?,
            None => output_of("kubectl", self.question())?,
        };
        let pods: Pods = serde_json::from_slice(&printed)
            .map_err(|error| Failure::unclear(format!("this is not what kubectl get pods -o json prints: {error}")))?;
        let how_to_map = format!(
            "Set the label {} on their pods, name another one with --service-label",
            self.service_label
        );
        let sight = self
            .mapping
            .unmapped
            .settle(sight(&pods.items, &self.service_label), &how_to_map)?;
        self.place.record(Method::Kubernetes, sight, context)
    }

    fn question(&self) -> Vec<&str> {
        let mut question = vec!["get", "pods", "--output", "json"];
        if let Some(context) = &self.context {
            question.extend(["--context", context]);
        }
        match &self.namespace {
            Some(namespace) => question.extend(["--namespace", namespace]),
            None if self.all_namespaces => question.push("--all-namespaces"),
            None => {}
        }
        question
    }
}

/// What runs, by the label that tells services.
fn sight(pods: &[Pod], label: &str) -> Sight {
    let mut sight = Sight::default();
    for pod in pods {
        let Metadata {
            name,
            namespace,
            labels,
            annotations,
        } = &pod.metadata;
        let containers = &pod.status.container_statuses;
        let service = labels.get(label);
        let main = match (containers.as_slice(), annotations.get(CONTAINER)) {
            ([one], _) => Some(&one.name),
            (_, Some(named)) => Some(named),
            (_, None) => service,
        };
        for container in containers.iter().filter(|container| container.state.running.is_some()) {
            let service = service
                .filter(|_| main == Some(&container.name))
                .map(|name| name.parse());
            match service {
                Some(Ok(service)) => sight.running.push(Workload {
                    service,
                    artifact: Some(reference(container).to_owned()),
                    version: labels.get(VERSION).cloned().or_else(|| tag(&container.image)),
                    instances: Some(1),
                }),
                Some(Err(_)) | None => sight.unmapped.push(format!(
                    "{}/{name} {} ({})",
                    namespace.as_deref().unwrap_or("default"),
                    container.name,
                    container.image
                )),
            }
        }
    }
    sight
}

/// The image with its digest; without, where the node tells only the id that it has for the image itself.
fn reference(container: &Container) -> &str {
    let pulled = container
        .image_id
        .split_once("://")
        .map_or(container.image_id.as_str(), |(_, id)| id);
    if pulled.contains('@') { pulled } else { &container.image }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = r#"{"kind":"List","items":[
      {"metadata":{"name":"shop-1","namespace":"live","labels":{"app.kubernetes.io/name":"shop","app.kubernetes.io/version":"4.1"}},
       "status":{"phase":"Running","containerStatuses":[
         {"name":"shop","image":"ghcr.io/acme/shop:x","imageID":"docker-pullable://ghcr.io/acme/shop@sha256:aa","state":{"running":{}}},
         {"name":"proxy","image":"mesh/proxy:2","imageID":"mesh/proxy@sha256:bb","state":{"running":{}}}]}},
      {"metadata":{"name":"mail-1","labels":{"app.kubernetes.io/name":"mail"}},
       "status":{"containerStatuses":[{"name":"main","image":"mail:7","imageID":"sha256:cc","state":{"running":{}}}]}},
      {"metadata":{"name":"web-1","labels":{"app.kubernetes.io/name":"web"},"annotations":{"kubectl.kubernetes.io/default-container":"a"}},
       "status":{"containerStatuses":[
         {"name":"a","image":"web:1","imageID":"","state":{"waiting":{"reason":"CrashLoopBackOff"}}},
         {"name":"b","image":"web:2","imageID":"","state":{"running":{}}}]}},
      {"metadata":{"name":"job-1"},"status":{"phase":"Pending"}}
    ]}"#;

    #[test]
    fn a_pod_is_the_service_that_its_label_says_and_what_runs_beside_it_is_not() {
        let pods: Pods = serde_json::from_str(PRINTED).unwrap();
        let seen = sight(&pods.items, "app.kubernetes.io/name");
        let told: Vec<_> = seen
            .running
            .iter()
            .map(|it| {
                (
                    it.service.as_str(),
                    it.artifact.as_deref().unwrap(),
                    it.version.as_deref().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [("shop", "ghcr.io/acme/shop@sha256:aa", "4.1"), ("mail", "mail:7", "7")]
        );
        assert_eq!(
            seen.unmapped,
            ["live/shop-1 proxy (mesh/proxy:2)", "default/web-1 b (web:2)"]
        );
    }
}
