//! What the pipeline that runs us says about itself, from its environment variables.
//!
//! These are claims, not proof: they fill in what no flag says, and the signature says whose claims they are.
//! One row a system; the order matters, since some set each other's variables.

use crate::config::Environment;

/// What a pipeline says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// Name of the CI system.
    pub system: &'static str,
    /// Commit that is built or deployed.
    pub commit: Option<String>,
    /// Page of the run.
    pub run_url: Option<String>,
    /// Who started it.
    pub actor: Option<String>,
    /// Repository, as a URL without credentials.
    pub repository: Option<String>,
    /// Environment that the job deploys to.
    pub environment: Option<String>,
    /// Number of the run; those of a series rise by one.
    pub run_number: Option<u64>,
    /// What the numbers are counted in, within the repository: a workflow, a job.
    pub series: Option<String>,
}

/// How one CI system is told apart and read. Each list is tried in order; `{NAME}` in a template stands for a
/// variable, and a template with one that is unset gives nothing.
struct System {
    name: &'static str,
    detect: Detect,
    commit: &'static [&'static str],
    run_url: &'static [&'static str],
    actor: &'static [&'static str],
    repository: &'static [&'static str],
    environment: &'static [&'static str],
    /// Only where the numbers of a series have no holes by themselves.
    run_number: &'static [&'static str],
    series: &'static [&'static str],
}

enum Detect {
    Set(&'static [&'static str]),
    Is(&'static str, &'static str),
}

const SYSTEMS: &[System] = &[
    System {
        name: "GitHub Actions",
        detect: Detect::Set(&["GITHUB_ACTIONS"]),
        commit: &["{GITHUB_SHA}"],
        run_url: &[
            "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}/attempts/{GITHUB_RUN_ATTEMPT}",
            "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",
        ],
        actor: &["{GITHUB_TRIGGERING_ACTOR}", "{GITHUB_ACTOR}"],
        repository: &["{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}"],
        environment: &[],
        run_number: &["{GITHUB_RUN_NUMBER}"],
        series: &["{GITHUB_WORKFLOW}"],
    },
    System {
        name: "GitLab CI",
        detect: Detect::Set(&["GITLAB_CI"]),
        commit: &["{CI_COMMIT_SHA}"],
        run_url: &["{CI_JOB_URL}", "{CI_PIPELINE_URL}"],
        actor: &["{GITLAB_USER_LOGIN}"],
        repository: &["{CI_PROJECT_URL}"],
        environment: &["{CI_ENVIRONMENT_NAME}"],
        run_number: &["{CI_PIPELINE_IID}"],
        series: &[],
    },
    System {
        name: "CircleCI",
        detect: Detect::Set(&["CIRCLECI"]),
        commit: &["{CIRCLE_SHA1}"],
        run_url: &[
            "{CIRCLE_BUILD_URL}",
            "https://app.circleci.com/pipelines/workflows/{CIRCLE_WORKFLOW_ID}",
        ],
        actor: &["{CIRCLE_USERNAME}"],
        repository: &["{CIRCLE_REPOSITORY_URL}"],
        environment: &[],
        run_number: &[],
        series: &[],
    },
    System {
        name: "Azure Pipelines",
        detect: Detect::Set(&["BUILD_BUILDURI", "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI"]),
        commit: &["{SYSTEM_PULLREQUEST_SOURCECOMMITID}", "{BUILD_SOURCEVERSION}"],
        run_url: &["{SYSTEM_TEAMFOUNDATIONCOLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}"],
        actor: &["{BUILD_REQUESTEDFOREMAIL}", "{BUILD_REQUESTEDFOR}"],
        repository: &["{BUILD_REPOSITORY_URI}"],
        environment: &["{ENVIRONMENT_NAME}"],
        run_number: &[],
        series: &[],
    },
    System {
        name: "Buildkite",
        detect: Detect::Set(&["BUILDKITE"]),
        commit: &["{BUILDKITE_COMMIT}"],
        run_url: &["{BUILDKITE_BUILD_URL}"],
        actor: &[
            "{BUILDKITE_UNBLOCKER}",
            "{BUILDKITE_BUILD_CREATOR_EMAIL}",
            "{BUILDKITE_BUILD_CREATOR}",
        ],
        repository: &["{BUILDKITE_REPO}"],
        environment: &[],
        run_number: &["{BUILDKITE_BUILD_NUMBER}"],
        series: &["{BUILDKITE_PIPELINE_SLUG}"],
    },
    System {
        name: "Bitbucket Pipelines",
        detect: Detect::Set(&["BITBUCKET_BUILD_NUMBER"]),
        commit: &["{BITBUCKET_COMMIT}"],
        run_url: &["https://bitbucket.org/{BITBUCKET_REPO_FULL_NAME}/pipelines/results/{BITBUCKET_BUILD_NUMBER}"],
        actor: &["{BITBUCKET_STEP_TRIGGERER_UUID}"],
        repository: &[
            "{BITBUCKET_GIT_HTTP_ORIGIN}",
            "https://bitbucket.org/{BITBUCKET_REPO_FULL_NAME}",
        ],
        environment: &["{BITBUCKET_DEPLOYMENT_ENVIRONMENT}"],
        run_number: &["{BITBUCKET_BUILD_NUMBER}"],
        series: &[],
    },
    System {
        name: "Woodpecker",
        detect: Detect::Is("CI", "woodpecker"),
        commit: &["{CI_COMMIT_SHA}"],
        run_url: &["{CI_PIPELINE_URL}"],
        actor: &["{CI_PIPELINE_AUTHOR}", "{CI_COMMIT_AUTHOR}"],
        repository: &["{CI_REPO_URL}"],
        environment: &["{CI_PIPELINE_DEPLOY_TARGET}"],
        run_number: &["{CI_PIPELINE_NUMBER}"],
        series: &[],
    },
    System {
        name: "Drone",
        detect: Detect::Set(&["DRONE"]),
        commit: &["{DRONE_COMMIT_SHA}"],
        run_url: &["{DRONE_BUILD_LINK}"],
        actor: &["{DRONE_BUILD_TRIGGER}", "{DRONE_COMMIT_AUTHOR}"],
        repository: &["{DRONE_REPO_LINK}"],
        environment: &["{DRONE_DEPLOY_TO}"],
        run_number: &["{DRONE_BUILD_NUMBER}"],
        series: &[],
    },
    System {
        name: "TeamCity",
        detect: Detect::Set(&["TEAMCITY_VERSION"]),
        commit: &["{BUILD_VCS_NUMBER}"],
        run_url: &["{BUILD_URL}"],
        actor: &[],
        repository: &[],
        environment: &[],
        run_number: &["{BUILD_NUMBER}"],
        series: &["{TEAMCITY_BUILDCONF_NAME}"],
    },
    System {
        name: "Jenkins",
        detect: Detect::Set(&["JENKINS_URL"]),
        commit: &["{GIT_COMMIT}"],
        run_url: &["{RUN_DISPLAY_URL}", "{BUILD_URL}"],
        actor: &["{BUILD_USER_ID}", "{CHANGE_AUTHOR}"],
        repository: &["{GIT_URL}"],
        environment: &[],
        run_number: &["{BUILD_NUMBER}"],
        series: &["{JOB_NAME}"],
    },
];

impl Claims {
    /// What the environment claims; empty outside a known CI system.
    pub fn of(environment: &Environment) -> Self {
        let first = |templates: &[&str]| templates.iter().find_map(|template| fill(template, environment));
        SYSTEMS
            .iter()
            .find(|system| match system.detect {
                Detect::Set(names) => names.iter().any(|name| environment.get(name).is_some()),
                Detect::Is(name, value) => environment.get(name) == Some(value),
            })
            .map(|system| Self {
                system: system.name,
                commit: first(system.commit),
                run_url: first(system.run_url),
                actor: first(system.actor),
                repository: first(system.repository).map(|url| without_credentials(&url)),
                environment: first(system.environment),
                run_number: first(system.run_number).and_then(|number| number.parse().ok()),
                series: first(system.series),
            })
            .unwrap_or_default()
    }
}

fn fill(template: &str, environment: &Environment) -> Option<String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        text.push_str(before);
        text.push_str(environment.get(name)?);
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

/// A repository URL without user name and password, which tools put there for their own use.
pub fn without_credentials(url: &str) -> String {
    if let Some((scheme, rest)) = url.split_once("://") {
        let (authority, path) = rest
            .split_once('/')
            .map_or((rest, ""), |(authority, path)| (authority, path));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        if host.len() != authority.len() {
            return if path.is_empty() {
                format!("{scheme}://{host}")
            } else {
                format!("{scheme}://{host}/{path}")
            };
        }
    }
    url.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims<const N: usize>(variables: [(&str, &str); N]) -> Claims {
        Claims::of(&Environment::from(variables))
    }

    /// Name of the system, its variables, what they claim.
    type Row = (&'static str, &'static [(&'static str, &'static str)], Claims);

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn outside_a_pipeline_nothing_is_claimed() {
        assert_eq!(
            claims([("HOME", "/root"), ("GITLAB_CI", ""), ("CI_COMMIT_SHA", "abc")]),
            Claims::default()
        );
    }

    #[test]
    fn github() {
        let seen = claims([
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SHA", "0b31"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_RUN_ID", "77"),
            ("GITHUB_RUN_NUMBER", "12"),
            ("GITHUB_WORKFLOW", "deploy"),
            ("GITHUB_ACTOR", "mona"),
        ]);
        assert_eq!((seen.run_number, seen.series), (Some(12), some("deploy")));
        assert_eq!(seen.system, "GitHub Actions");
        assert_eq!(seen.commit, some("0b31"));
        assert_eq!(seen.run_url, some("https://github.com/acme/shop/actions/runs/77"));
        assert_eq!(seen.actor, some("mona"));
        assert_eq!(seen.repository, some("https://github.com/acme/shop"));
        let again = claims([
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_RUN_ID", "77"),
            ("GITHUB_RUN_ATTEMPT", "2"),
            ("GITHUB_ACTOR", "mona"),
            ("GITHUB_TRIGGERING_ACTOR", "hubot"),
        ]);
        assert_eq!(
            again.run_url,
            some("https://github.com/acme/shop/actions/runs/77/attempts/2")
        );
        assert_eq!(again.actor, some("hubot"));
    }

    #[test]
    fn gitlab_and_woodpecker_share_variables_and_are_told_apart() {
        let gitlab = claims([
            ("GITLAB_CI", "true"),
            ("CI", "true"),
            ("CI_COMMIT_SHA", "abc"),
            ("CI_JOB_URL", "https://gitlab.example/j/1"),
            ("GITLAB_USER_LOGIN", "root"),
            ("CI_ENVIRONMENT_NAME", "production"),
            (
                "CI_PROJECT_URL",
                "https://gitlab-ci-token:secret@gitlab.example/acme/shop",
            ),
        ]);
        assert_eq!((gitlab.system, gitlab.environment), ("GitLab CI", some("production")));
        assert_eq!(gitlab.repository, some("https://gitlab.example/acme/shop"));
        let woodpecker = claims([
            ("CI", "woodpecker"),
            ("CI_COMMIT_SHA", "abc"),
            ("CI_PIPELINE_URL", "https://wp.example/1"),
        ]);
        assert_eq!(
            (woodpecker.system, woodpecker.run_url),
            ("Woodpecker", some("https://wp.example/1"))
        );
        assert_eq!(claims([("CI", "true"), ("CI_COMMIT_SHA", "abc")]), Claims::default());
    }

    #[test]
    fn the_others_are_recognised() {
        let table: &[Row] = &[
            (
                "Jenkins",
                &[
                    ("JENKINS_URL", "x"),
                    ("GIT_COMMIT", "c"),
                    ("BUILD_URL", "u"),
                    ("BUILD_USER_ID", "a"),
                ],
                Claims {
                    commit: some("c"),
                    run_url: some("u"),
                    actor: some("a"),
                    ..Claims::default()
                },
            ),
            (
                "CircleCI",
                &[
                    ("CIRCLECI", "true"),
                    ("CIRCLE_SHA1", "c"),
                    ("CIRCLE_WORKFLOW_ID", "w"),
                    ("CIRCLE_USERNAME", "a"),
                ],
                Claims {
                    commit: some("c"),
                    run_url: some("https://app.circleci.com/pipelines/workflows/w"),
                    actor: some("a"),
                    ..Claims::default()
                },
            ),
            (
                "Azure Pipelines",
                &[
                    ("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "https://dev.azure.com/acme/"),
                    ("SYSTEM_TEAMPROJECT", "shop"),
                    ("BUILD_BUILDID", "9"),
                    ("BUILD_SOURCEVERSION", "c"),
                    ("BUILD_REQUESTEDFOR", "a"),
                    ("ENVIRONMENT_NAME", "e"),
                ],
                Claims {
                    commit: some("c"),
                    run_url: some("https://dev.azure.com/acme/shop/_build/results?buildId=9"),
                    actor: some("a"),
                    environment: some("e"),
                    ..Claims::default()
                },
            ),
            (
                "Buildkite",
                &[
                    ("BUILDKITE", "true"),
                    ("BUILDKITE_COMMIT", "c"),
                    ("BUILDKITE_BUILD_URL", "u"),
                    ("BUILDKITE_BUILD_CREATOR", "a"),
                ],
                Claims {
                    commit: some("c"),
                    run_url: some("u"),
                    actor: some("a"),
                    ..Claims::default()
                },
            ),
            (
                "Bitbucket Pipelines",
                &[
                    ("BITBUCKET_BUILD_NUMBER", "4"),
                    ("BITBUCKET_REPO_FULL_NAME", "acme/shop"),
                    ("BITBUCKET_COMMIT", "c"),
                    ("BITBUCKET_DEPLOYMENT_ENVIRONMENT", "e"),
                ],
                Claims {
                    commit: some("c"),
                    run_url: some("https://bitbucket.org/acme/shop/pipelines/results/4"),
                    repository: some("https://bitbucket.org/acme/shop"),
                    environment: some("e"),
                    run_number: Some(4),
                    ..Claims::default()
                },
            ),
            (
                "Drone",
                &[
                    ("DRONE", "true"),
                    ("DRONE_COMMIT_SHA", "c"),
                    ("DRONE_BUILD_LINK", "u"),
                    ("DRONE_BUILD_TRIGGER", "a"),
                    ("DRONE_DEPLOY_TO", "e"),
                ],
                Claims {
                    commit: some("c"),
                    run_url: some("u"),
                    actor: some("a"),
                    environment: some("e"),
                    ..Claims::default()
                },
            ),
            (
                "TeamCity",
                &[
                    ("TEAMCITY_VERSION", "2025"),
                    ("BUILD_VCS_NUMBER", "c"),
                    ("BUILD_URL", "u"),
                ],
                Claims {
                    commit: some("c"),
                    run_url: some("u"),
                    ..Claims::default()
                },
            ),
        ];
        for (name, variables, expected) in table {
            let environment = variables.iter().copied().collect::<Environment>();
            let expected = Claims {
                system: name,
                ..expected.clone()
            };
            assert_eq!(Claims::of(&environment), expected);
        }
    }

    #[test]
    fn credentials_never_leave_in_a_url() {
        assert_eq!(without_credentials("https://u:p@host/a/b"), "https://host/a/b");
        assert_eq!(without_credentials("https://host/a@b"), "https://host/a@b");
        assert_eq!(without_credentials("https://u:p%40@host"), "https://host");
        assert_eq!(
            without_credentials("git@github.com:acme/shop.git"),
            "git@github.com:acme/shop.git"
        );
    }
}
