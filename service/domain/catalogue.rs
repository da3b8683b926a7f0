//! What the content of each known CDEvents type may and must hold: a table, and how to look a type up in it.
//!
//! It describes and never reads: checking against it is the work of [`super::parse`]. The table covers spec 0.3 to 0.6-draft;
//! the tests hold it against the published schemas. Source: <https://github.com/cdevents/spec>, `schemas/`.

pub mod twin;

pub use twin::twin;

/// One known type: `dev.cdevents.<subject>.<predicate>`.
#[derive(Debug)]
pub struct Kind {
    /// For example `deployment`.
    pub subject: &'static str,
    /// For example `finished`.
    pub predicate: &'static str,
    /// The newest version of the type that the table knows. Unknown members are refused up to it and tolerated after it.
    pub newest: Version,
    /// Members of `subject.content`.
    pub content: &'static [Member],
}

/// Version of an event type, which moves independently of the version of the specification.
pub type Version = [u32; 3];

/// One member of an object.
#[derive(Debug)]
pub struct Member {
    /// Its name since CDEvents 0.5.
    pub name: &'static str,
    /// Its name before. Older type versions may use either, because 0.4.1 itself mixes the two.
    pub before: Option<&'static str>,
    /// Whether it must be there.
    pub required: bool,
    /// What it may hold.
    pub shape: Shape,
}

/// What a member may hold. Every text is bounded: see [`super::parse`].
#[derive(Debug)]
pub enum Shape {
    /// Text of any length, possibly empty.
    Text,
    /// Text with something in it.
    Filled,
    /// A short text, possibly empty: what people call something.
    Line,
    /// A short text with something in it, and without hidden characters.
    Id,
    /// The same, or nothing.
    IdOrEmpty,
    /// An absolute URI.
    Uri,
    /// An absolute URI; in older type versions, whose schemas say less, this.
    NewUri { before: &'static Shape },
    /// A CDEvents domain id, which names a resource of another system.
    DomainId,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One of [`OUTCOMES`]; older type versions have their own words, or take any where there are none.
    Outcome { before: &'static [&'static str] },
    /// A list of short texts.
    Texts,
    /// An object with these members only.
    Object(&'static [Member]),
    /// An object with these members and any others.
    Open(&'static [Member]),
}

/// How a run can end, in the words of CDEvents 0.5.
pub const OUTCOMES: &[&str] = &["success", "failure", "cancel", "error"];

/// The kind with this subject and predicate, if it is known.
pub fn kind(subject: &str, predicate: &str) -> Option<&'static Kind> {
    KINDS
        .binary_search_by(|kind| (kind.subject, kind.predicate).cmp(&(subject, predicate)))
        .ok()
        .map(|at| &KINDS[at])
}

/// All known kinds, ordered by subject and predicate.
pub fn kinds() -> &'static [Kind] {
    KINDS
}

/// The members of a link embedded in `context.links`, by its `linkType`.
pub fn link(link_type: &str) -> Option<&'static [Member]> {
    match link_type {
        "END" => Some(LINK_END),
        "PATH" => Some(LINK_PATH),
        "RELATION" => Some(LINK_RELATION),
        _ => None,
    }
}

const fn must(name: &'static str, shape: Shape) -> Member {
    Member {
        name,
        before: None,
        required: true,
        shape,
    }
}

const fn may(name: &'static str, shape: Shape) -> Member {
    Member {
        name,
        before: None,
        required: false,
        shape,
    }
}

/// A member that was called `url` before 0.5.
const fn uri(required: bool, before: &'static Shape) -> Member {
    Member {
        name: "uri",
        before: Some("url"),
        required,
        shape: Shape::NewUri { before },
    }
}

const fn kind_of(subject: &'static str, predicate: &'static str, newest: Version, content: &'static [Member]) -> Kind {
    Kind {
        subject,
        predicate,
        newest,
        content,
    }
}

/// Reference to another subject.
const REFERENCE: Shape = Shape::Object(&[must("id", Shape::Id), may("source", Shape::Id)]);
/// The same to a test, whose source may be empty.
const TEST_REFERENCE: Shape = Shape::Object(&[must("id", Shape::Id), may("source", Shape::IdOrEmpty)]);
/// Reference to an event or, since 0.6, to a resource of another system.
const NODE: Shape = Shape::Open(&[may("contextId", Shape::Id), may("domainId", Shape::Id)]);
const RESOURCE: Shape = Shape::Open(&[may("contextId", Shape::Id), may("domainId", Shape::DomainId)]);
const LINK_END: &[Member] = &[
    must("linkType", Shape::Id),
    may("from", NODE),
    may("tags", Shape::Open(&[])),
];
const LINK_PATH: &[Member] = &[
    must("linkType", Shape::Id),
    must("from", NODE),
    may("tags", Shape::Open(&[])),
];
const LINK_RELATION: &[Member] = &[
    must("linkType", Shape::Id),
    must("linkKind", Shape::Id),
    must("target", RESOURCE),
    may("tags", Shape::Open(&[])),
];
const VIEW_URL: Shape = Shape::NewUri {
    before: &Shape::IdOrEmpty,
};
const SBOM: Shape = Shape::Object(&[must("uri", Shape::Id)]);
const OUTCOME: Shape = Shape::Outcome { before: &[] };
const TEST_OUTCOME: Shape = Shape::Outcome {
    before: &["pass", "fail", "cancel", "error"],
};
const SEVERITY: Shape = Shape::Word(&["low", "medium", "high", "critical"]);
const TRIGGER: Shape = Shape::Open(&[
    may(
        "type",
        Shape::Word(&["manual", "pipeline", "event", "schedule", "other"]),
    ),
    may("uri", Shape::Uri),
]);
const TEST_CASE: Shape = Shape::Object(&[
    must("id", Shape::Id),
    may("version", Shape::Line),
    may("name", Shape::Line),
    may(
        "type",
        Shape::Word(&[
            "performance",
            "functional",
            "unit",
            "security",
            "compliance",
            "integration",
            "e2e",
            "other",
        ]),
    ),
    may("uri", Shape::Uri),
]);
const TEST_SUITE: Shape = Shape::Object(&[
    must("id", Shape::Id),
    may("version", Shape::Line),
    may("name", Shape::Line),
    uri(false, &Shape::Uri),
]);
const DECISION: Shape = Shape::Word(&[
    "escalated",
    "delegate",
    "deferred",
    "requestChanges",
    "approved",
    "rejected",
]);

const USER: &[Member] = &[may("user", Shape::Filled)];
const REPOSITORY: &[Member] = &[may("repository", REFERENCE)];
const REPOSITORY_DETAILS: &[Member] = &[
    may("name", Shape::Line),
    may("owner", Shape::Line),
    uri(false, &Shape::IdOrEmpty),
    may("viewUrl", VIEW_URL),
];
const ENVIRONMENT: &[Member] = &[may("name", Shape::Line), uri(false, &Shape::IdOrEmpty)];
const DEPLOYMENT: &[Member] = &[must("artifactId", Shape::Id), must("environment", REFERENCE)];
const SERVICE: &[Member] = &[must("environment", REFERENCE), must("artifactId", Shape::Id)];
const SERVICE_PLACE: &[Member] = &[may("environment", REFERENCE)];
const INCIDENT: &[Member] = &[
    may("description", Shape::Text),
    must("environment", REFERENCE),
    may("service", REFERENCE),
    may("artifactId", Shape::Id),
];
const TEST_CASE_BEGUN: &[Member] = &[
    may("trigger", TRIGGER),
    must("environment", REFERENCE),
    may("testSuiteRun", TEST_REFERENCE),
    may("testCase", TEST_CASE),
];
const TEST_SUITE_BEGUN: &[Member] = &[
    may("trigger", TRIGGER),
    must("environment", REFERENCE),
    may("testSuite", TEST_SUITE),
];

const KINDS: &[Kind] = &[
    // Approvals exist in 0.6-draft only.
    kind_of(
        "approval",
        "closed",
        [0, 1, 0],
        &[
            must("approvalDetailsUrl", Shape::Id),
            must("resourceTargetUrl", Shape::Id),
            must("responder", Shape::Uri),
            must("decision", DECISION),
            must("status", Shape::Word(&["approved", "rejected", "cancelled", "expired"])),
        ],
    ),
    kind_of(
        "approval",
        "created",
        [0, 1, 0],
        &[
            must("approvalDetailsUrl", Shape::Id),
            must("resourceTargetUrl", Shape::Id),
            must("requestor", Shape::Uri),
        ],
    ),
    kind_of(
        "approval",
        "updated",
        [0, 1, 0],
        &[
            must("approvalDetailsUrl", Shape::Id),
            must("resourceTargetUrl", Shape::Id),
            must("responder", Shape::Uri),
            must("decision", DECISION),
        ],
    ),
    kind_of("artifact", "deleted", [0, 2, 0], USER),
    kind_of("artifact", "downloaded", [0, 2, 0], USER),
    kind_of(
        "artifact",
        "packaged",
        [0, 3, 0],
        &[must("change", REFERENCE), may("sbom", SBOM)],
    ),
    kind_of(
        "artifact",
        "published",
        [0, 3, 0],
        &[may("sbom", SBOM), may("user", Shape::Filled)],
    ),
    kind_of("artifact", "signed", [0, 3, 0], &[must("signature", Shape::Filled)]),
    kind_of("branch", "created", [0, 3, 0], REPOSITORY),
    kind_of("branch", "deleted", [0, 3, 0], REPOSITORY),
    kind_of("build", "finished", [0, 3, 0], &[may("artifactId", Shape::IdOrEmpty)]),
    kind_of("build", "queued", [0, 3, 0], &[]),
    kind_of("build", "started", [0, 3, 0], &[]),
    kind_of("change", "abandoned", [0, 3, 0], REPOSITORY),
    kind_of(
        "change",
        "created",
        [0, 4, 0],
        &[may("description", Shape::Filled), may("repository", REFERENCE)],
    ),
    kind_of("change", "merged", [0, 3, 0], REPOSITORY),
    kind_of("change", "reviewed", [0, 3, 0], REPOSITORY),
    kind_of("change", "updated", [0, 3, 0], REPOSITORY),
    // Deployments are an open proposal: <https://github.com/cdevents/spec/pull/319>.
    kind_of(
        "deployment",
        "finished",
        [0, 1, 0],
        &[
            must("artifactId", Shape::Id),
            must("environment", REFERENCE),
            must("outcome", OUTCOME),
        ],
    ),
    kind_of("deployment", "queued", [0, 1, 0], DEPLOYMENT),
    kind_of("deployment", "started", [0, 1, 0], DEPLOYMENT),
    kind_of("environment", "created", [0, 3, 0], ENVIRONMENT),
    kind_of("environment", "deleted", [0, 3, 0], &[may("name", Shape::Line)]),
    kind_of("environment", "modified", [0, 3, 0], ENVIRONMENT),
    kind_of("incident", "detected", [0, 3, 0], INCIDENT),
    kind_of(
        "incident",
        "reported",
        [0, 3, 0],
        &[
            may("description", Shape::Text),
            must("environment", REFERENCE),
            must("ticketURI", Shape::Uri),
            may("service", REFERENCE),
            may("artifactId", Shape::Id),
        ],
    ),
    kind_of("incident", "resolved", [0, 3, 0], INCIDENT),
    kind_of(
        "pipelinerun",
        "finished",
        [0, 3, 0],
        &[
            may("pipelineName", Shape::Line),
            uri(false, &Shape::IdOrEmpty),
            may("outcome", OUTCOME),
            may("errors", Shape::Text),
        ],
    ),
    kind_of(
        "pipelinerun",
        "queued",
        [0, 3, 0],
        &[may("pipelineName", Shape::Line), uri(false, &Shape::IdOrEmpty)],
    ),
    kind_of(
        "pipelinerun",
        "started",
        [0, 3, 0],
        &[must("pipelineName", Shape::Line), uri(true, &Shape::IdOrEmpty)],
    ),
    kind_of(
        "repository",
        "created",
        [0, 3, 0],
        &[
            must("name", Shape::Id),
            may("owner", Shape::Line),
            uri(true, &Shape::Id),
            may("viewUrl", VIEW_URL),
        ],
    ),
    kind_of("repository", "deleted", [0, 3, 0], REPOSITORY_DETAILS),
    kind_of("repository", "modified", [0, 3, 0], REPOSITORY_DETAILS),
    kind_of("service", "deployed", [0, 3, 0], SERVICE),
    kind_of("service", "published", [0, 3, 0], SERVICE_PLACE),
    kind_of("service", "removed", [0, 3, 0], SERVICE_PLACE),
    kind_of("service", "rolledback", [0, 3, 0], SERVICE),
    kind_of("service", "upgraded", [0, 3, 0], SERVICE),
    // 0.5 leaves the outcome of a task open and 0.6-draft closes it, both under type version 0.3.0: so it is open here.
    kind_of(
        "taskrun",
        "finished",
        [0, 3, 0],
        &[
            may("taskName", Shape::Line),
            uri(false, &Shape::IdOrEmpty),
            may("pipelineRun", REFERENCE),
            may("outcome", Shape::Line),
            may("errors", Shape::Text),
        ],
    ),
    kind_of(
        "taskrun",
        "started",
        [0, 3, 0],
        &[
            may("taskName", Shape::Line),
            uri(false, &Shape::IdOrEmpty),
            may("pipelineRun", REFERENCE),
        ],
    ),
    kind_of(
        "testcaserun",
        "finished",
        [0, 3, 0],
        &[
            must("outcome", TEST_OUTCOME),
            may("severity", SEVERITY),
            may("reason", Shape::Text),
            must("environment", REFERENCE),
            may("testSuiteRun", TEST_REFERENCE),
            may("testCase", TEST_CASE),
        ],
    ),
    kind_of("testcaserun", "queued", [0, 3, 0], TEST_CASE_BEGUN),
    kind_of(
        "testcaserun",
        "skipped",
        [0, 2, 0],
        &[
            may("reason", Shape::Text),
            may("environment", REFERENCE),
            may("testSuiteRun", TEST_REFERENCE),
            may("testCase", TEST_CASE),
        ],
    ),
    kind_of("testcaserun", "started", [0, 3, 0], TEST_CASE_BEGUN),
    kind_of(
        "testoutput",
        "published",
        [0, 3, 0],
        &[
            must("outputType", Shape::Word(&["report", "video", "image", "log", "other"])),
            must("format", Shape::Line),
            may("uri", Shape::Uri),
            may("testCaseRun", TEST_REFERENCE),
        ],
    ),
    kind_of(
        "testsuiterun",
        "finished",
        [0, 3, 0],
        &[
            must("environment", REFERENCE),
            may("testSuite", TEST_SUITE),
            must("outcome", TEST_OUTCOME),
            may("severity", SEVERITY),
            may("reason", Shape::Text),
        ],
    ),
    kind_of("testsuiterun", "queued", [0, 3, 0], TEST_SUITE_BEGUN),
    kind_of("testsuiterun", "started", [0, 3, 0], TEST_SUITE_BEGUN),
    // The schemas name words for type, priority and resolution and then allow any other text.
    kind_of(
        "ticket",
        "closed",
        [0, 2, 0],
        &[
            may("summary", Shape::Text),
            may("ticketType", Shape::Line),
            may("group", Shape::Line),
            may("creator", Shape::Id),
            may("assignees", Shape::Texts),
            may("priority", Shape::Line),
            may("labels", Shape::Texts),
            may("milestone", Shape::Line),
            must("uri", Shape::Id),
            must("resolution", Shape::Line),
            may("updatedBy", Shape::Line),
        ],
    ),
    kind_of(
        "ticket",
        "created",
        [0, 2, 0],
        &[
            must("summary", Shape::Text),
            may("ticketType", Shape::Line),
            may("group", Shape::Line),
            must("creator", Shape::Id),
            may("assignees", Shape::Texts),
            may("priority", Shape::Line),
            may("labels", Shape::Texts),
            may("milestone", Shape::Line),
            must("uri", Shape::Id),
        ],
    ),
    kind_of(
        "ticket",
        "updated",
        [0, 2, 0],
        &[
            may("summary", Shape::Text),
            may("ticketType", Shape::Line),
            may("group", Shape::Line),
            may("creator", Shape::Id),
            may("assignees", Shape::Texts),
            may("priority", Shape::Line),
            may("labels", Shape::Texts),
            may("milestone", Shape::Line),
            may("updatedBy", Shape::Line),
            must("uri", Shape::Id),
        ],
    ),
];
