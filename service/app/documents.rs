//! Release notes and reports: gathers the facts, composes, renders. A document is a function of the tree size, the query, the
//! template and the version of this program.

use std::collections::BTreeSet;

use ledger::sha256;
use serde::Serialize;

use super::App;
use super::completeness::completeness;
use super::facts::{compliance_facts, service_report_facts};
use super::integrity::LogReading;
use super::log::{LogError, root};
use super::metrics::recorded;
use super::notes::notes_facts;
use super::read::{ReadError, Unknown, demand_known, tree_size};
use super::release::ReleaseQuery;
use super::sample::SampleQuery;
use crate::catalogue::Catalogue;
use crate::catalogue::framework::Framework;
use crate::document::audience::Audience;
use crate::document::compliance::oscal::{self, Model};
use crate::document::compliance::{self, ComplianceInput, ComplianceReport};
use crate::document::release_notes::{self, Release, ReleaseNotesInput, Scope, Variant, Wanted};
use crate::document::sample::Sample;
use crate::document::service_report::{self, ServiceReport, ServiceReportInput};
use crate::document::{DocumentError, ErasedEntry, Generated, LedgerView, Request};
use crate::domain::facts::Facts;
use crate::domain::{EnvironmentName, Period, ServiceName, Zone};
use crate::metrics::MetricsError;
use crate::reconcile;
use crate::render::{self, Html, RenderError, Templates, page, web_page};
use crate::store::{Database, ReadTx, StoreError};

const SERVICE_REPORT: &str = "service-report.md";
const COMPLIANCE_REPORT: &str = "compliance-report.md";

/// The form that a document is wanted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Markdown.
    Markdown,
    /// A whole HTML page that stands alone.
    Html,
    /// The context that templates render.
    Json,
    /// The population as a table; of a compliance report alone.
    Csv,
    /// A model of OSCAL; of a compliance report alone.
    Oscal(Model),
    /// The records that it was made from, as lines of a bundle; of a compliance report alone.
    Records,
}

impl Format {
    /// The word of the command line's `--format`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Html => "html",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Oscal(Model::AssessmentResults) => "oscal-assessment-results",
            Self::Oscal(Model::AssessmentPlan) => "oscal-assessment-plan",
            Self::Oscal(Model::ComponentDefinition) => "oscal-component-definition",
            Self::Records => "records",
        }
    }
}

/// A document.
#[derive(Debug)]
pub struct Document {
    /// Its text.
    pub text: String,
    /// The form it is in.
    pub format: Format,
    /// SHA-256 of its text, in hex.
    pub digest: String,
    /// The question with its tree size, as a command.
    pub query: String,
    /// Only entries below this index entered it.
    pub tree_size: u64,
}

/// Which release notes are wanted.
#[derive(Debug, Clone)]
pub struct NotesQuery {
    /// The service.
    pub service: ServiceName,
    /// The environment.
    pub environment: EnvironmentName,
    /// Which deployments of it.
    pub scope: Scope,
    /// The zone of its dates.
    pub time_zone: Zone,
    /// Who they are for.
    pub audience: Audience,
    /// The question in words, for the document to print.
    pub words: String,
}

/// Which compliance report is wanted.
#[derive(Debug, Clone)]
pub struct ComplianceQuery {
    /// The environment.
    pub environment: EnvironmentName,
    /// Only this service.
    pub service: Option<ServiceName>,
    /// The period.
    pub period: Period,
    /// Ids of the frameworks whose requirements are reported on.
    pub frameworks: Frameworks,
    /// The question in words, for the document to print.
    pub words: String,
}

/// Which frameworks are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frameworks {
    /// All of the catalogue.
    All,
    /// These; checks alone are reported on where none is named.
    Named(Vec<String>),
}

/// Which service report is wanted.
#[derive(Debug, Clone)]
pub struct ServiceReportQuery {
    /// The environment.
    pub environment: EnvironmentName,
    /// Only these services; all where none is named.
    pub services: BTreeSet<ServiceName>,
    /// Only what this team owned when it happened.
    pub team: Option<String>,
    /// The period.
    pub period: Period,
    /// The question in words, for the document to print.
    pub words: String,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentsError {
    /// The facts could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The query makes no document.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The ledger does not know what is asked about.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// The catalogue has no framework of that id.
    #[error("the catalogue has no framework `{0}`")]
    Framework(String),
    /// No document of this kind is had in that form.
    #[error("only a compliance report is had in this form")]
    Form,
    /// The period has no metrics.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The template does not render.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The context cannot be written as JSON.
    #[error("the context cannot be written: {0}")]
    Context(#[from] serde_json::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which document is wanted.
#[derive(Debug, Clone)]
pub enum DocumentQuery {
    /// Release notes.
    ReleaseNotes(NotesQuery),
    /// Release notes over several services.
    Release(ReleaseQuery),
    /// A compliance report.
    Compliance(ComplianceQuery),
    /// A service report.
    Service(ServiceReportQuery),
    /// A sample of deployments with its working papers.
    Sample(SampleQuery),
}

impl DocumentQuery {
    /// The question in the words of the command line.
    pub fn words(&self) -> &str {
        match self {
            Self::ReleaseNotes(query) => &query.words,
            Self::Release(query) => &query.words,
            Self::Compliance(query) => &query.words,
            Self::Service(query) => &query.words,
            Self::Sample(query) => &query.words,
        }
    }
}

/// A document before it has a form. Serialised as its context.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Composed {
    ReleaseNotes(Variant),
    Release(Box<Release>),
    Compliance(Box<ComplianceReport>),
    Service(Box<ServiceReport>),
    Sample(Box<Sample>),
}

impl Composed {
    fn compliance(&self) -> Result<&ComplianceReport, DocumentsError> {
        match self {
            Self::Compliance(report) => Ok(report),
            Self::ReleaseNotes(_) | Self::Release(_) | Self::Service(_) | Self::Sample(_) => Err(DocumentsError::Form),
        }
    }

    /// What kind of document it is, its title, and what it was made from.
    pub(super) fn head(&self) -> (&'static str, &str, &Generated) {
        match self {
            Self::ReleaseNotes(notes) => notes.head(),
            Self::Release(release) => (release.document, &release.title, &release.generated),
            Self::Compliance(report) => (report.document, &report.title, &report.generated),
            Self::Service(report) => (report.document, &report.title, &report.generated),
            Self::Sample(sample) => (sample.document, &sample.title, &sample.generated),
        }
    }
}

/// What makes documents: a ledger and templates, and nothing else.
#[derive(Clone, Copy)]
pub(super) struct Documents<'a> {
    pub(super) database: &'a Database,
    pub(super) templates: &'a Templates,
    pub(super) catalogue: &'a Catalogue,
}

impl App {
    /// A document in one form. The same query at the same tree size gives the same bytes.
    pub fn document(
        &self,
        query: &DocumentQuery,
        asked: Option<u64>,
        format: Format,
    ) -> Result<Document, DocumentsError> {
        self.documents().document(query, asked, format)
    }

    /// A document as a part of a web page.
    pub fn document_html(&self, query: &DocumentQuery, asked: Option<u64>) -> Result<Html, DocumentsError> {
        let composed = self.documents().compose(query, asked)?;
        let (_, _, generated) = composed.head();
        Ok(render::document(&self.templates, &generated.template.name, &composed)?)
    }

    /// A web page from one of the templates.
    pub fn page(&self, template: &str, context: &impl Serialize, body: Option<&Html>) -> Result<String, RenderError> {
        web_page(&self.templates, template, context, body)
    }

    pub(super) fn documents(&self) -> Documents<'_> {
        Documents::new(&self.database, &self.templates, &self.catalogue)
    }
}

impl<'a> Documents<'a> {
    pub(super) fn new(database: &'a Database, templates: &'a Templates, catalogue: &'a Catalogue) -> Self {
        Self {
            database,
            templates,
            catalogue,
        }
    }
}

impl Documents<'_> {
    /// A document in one form. The same query at the same tree size gives the same bytes.
    pub(super) fn document(
        &self,
        query: &DocumentQuery,
        asked: Option<u64>,
        format: Format,
    ) -> Result<Document, DocumentsError> {
        match (query, format) {
            (DocumentQuery::Compliance(query), Format::Records) => self.records(query, asked),
            (_, format) => self.form(&self.compose(query, asked)?, format),
        }
    }

    pub(super) fn compose(&self, query: &DocumentQuery, asked: Option<u64>) -> Result<Composed, DocumentsError> {
        Ok(match query {
            DocumentQuery::ReleaseNotes(query) => Composed::ReleaseNotes(self.release_notes(query, asked)?),
            DocumentQuery::Release(query) => Composed::Release(Box::new(self.release(query, asked)?)),
            DocumentQuery::Compliance(query) => Composed::Compliance(Box::new(self.compliance_report(query, asked)?.0)),
            DocumentQuery::Service(query) => Composed::Service(Box::new(self.service_report(query, asked)?)),
            DocumentQuery::Sample(query) => Composed::Sample(Box::new(self.sample(query, asked)?)),
        })
    }

    pub(super) fn form(&self, composed: &Composed, format: Format) -> Result<Document, DocumentsError> {
        let (_, title, generated) = composed.head();
        let (templates, template) = (self.templates, &generated.template.name);
        let text = match format {
            Format::Json => serde_json::to_string_pretty(composed)? + "\n",
            Format::Markdown => templates.render(template, composed)?,
            Format::Html => page(templates, title, &render::document(templates, template, composed)?)?,
            Format::Csv => composed.compliance()?.csv.clone(),
            Format::Oscal(model) => {
                let document = oscal::document(composed.compliance()?, model, render::escape::escape);
                serde_json::to_string_pretty(&document)? + "\n"
            }
            Format::Records => return Err(DocumentsError::Form),
        };
        let digest = sha256(text.as_bytes()).to_string();
        Ok(Document {
            text,
            format,
            digest,
            query: generated.query.clone(),
            tree_size: generated.ledger.tree_size,
        })
    }

    fn release_notes(&self, query: &NotesQuery, asked: Option<u64>) -> Result<Variant, DocumentsError> {
        let wanted = Wanted {
            service: &query.service,
            environment: &query.environment,
            scope: &query.scope,
        };
        let (ledger, facts) = self.notes_facts(&wanted, asked)?;
        let template = release_notes::template(query.audience);
        let input = ReleaseNotesInput {
            request: Request {
                ledger: &ledger,
                query: &at_size(&query.words, &ledger),
                time_zone: query.time_zone,
                template,
                template_sha256: &self.templates.digest(template)?,
                catalogue_sha256: self.catalogue.sha256(),
            },
            service: &query.service,
            environment: &query.environment,
            scope: &query.scope,
            facts: &facts,
            parameters: &self.catalogue.parameters,
        };
        Ok(release_notes::compose_for(&input, query.audience)?)
    }

    /// The report, and the entries that it was made from.
    pub(super) fn compliance_report(
        &self,
        query: &ComplianceQuery,
        asked: Option<u64>,
    ) -> Result<(ComplianceReport, BTreeSet<i64>), DocumentsError> {
        let services = query.service.iter().cloned().collect();
        let frameworks = self.frameworks(&query.frameworks)?;
        let (ledger, facts, completeness, log, read) = self.database.read(|tx| {
            let size = tree_size(tx, asked)?;
            demand_known::<DocumentsError>(tx, &services, Some(&query.environment), size)?;
            let facts = compliance_facts(tx, &services, &query.environment, query.period, size)?;
            let completeness = completeness(tx, &asked_of_completeness(query), size)?;
            let log = LogReading::of(tx, query, size)?;
            let ledger = ledger_view(tx, size)?;
            Ok::<_, DocumentsError>((ledger, facts, completeness, log, tx.contents().clone()))
        })?;
        let report = compliance::compose(&ComplianceInput {
            request: Request {
                ledger: &ledger,
                query: &at_size(&query.words, &ledger),
                time_zone: query.period.zone,
                template: COMPLIANCE_REPORT,
                template_sha256: &self.templates.digest(COMPLIANCE_REPORT)?,
                catalogue_sha256: self.catalogue.sha256(),
            },
            environment: &query.environment,
            service: query.service.as_ref(),
            period: query.period,
            frameworks: &frameworks,
            catalogue: self.catalogue,
            facts: &facts,
            completeness: &completeness,
            log: &log.period(),
        })?;
        Ok((report, read))
    }

    fn frameworks(&self, asked: &Frameworks) -> Result<Vec<&Framework>, DocumentsError> {
        match asked {
            Frameworks::All => Ok(self.catalogue.frameworks.iter().collect()),
            Frameworks::Named(ids) => ids
                .iter()
                .map(|id| {
                    self.catalogue
                        .framework(id)
                        .ok_or_else(|| DocumentsError::Framework(id.clone()))
                })
                .collect(),
        }
    }

    fn service_report(&self, query: &ServiceReportQuery, asked: Option<u64>) -> Result<ServiceReport, DocumentsError> {
        let team = query.team.as_deref();
        let (ledger, (facts, earlier_backlog)) = self.facts(asked, |tx, size| {
            demand_known::<DocumentsError>(tx, &query.services, Some(&query.environment), size)?;
            let (services, environment, period) = (&query.services, &query.environment, query.period);
            Ok(service_report_facts(tx, services, team, environment, period, size)?)
        })?;
        if let Some(team) = query.team.as_ref().filter(|team| !facts.services.has_team(team)) {
            return Err(Unknown::Team(team.clone()).into());
        }
        let [recorded_from, recorded_until] = self.database.read(|tx| recorded(tx, ledger.tree_size))?;
        Ok(service_report::compose(&ServiceReportInput {
            request: Request {
                ledger: &ledger,
                query: &at_size(&query.words, &ledger),
                time_zone: query.period.zone,
                template: SERVICE_REPORT,
                template_sha256: &self.templates.digest(SERVICE_REPORT)?,
                catalogue_sha256: self.catalogue.sha256(),
            },
            environment: &query.environment,
            services: &query.services,
            team: query.team.as_deref(),
            period: query.period,
            recorded_from,
            recorded_until,
            facts: &facts,
            earlier_backlog: &earlier_backlog,
            parameters: &self.catalogue.parameters,
        })?)
    }

    fn facts<T>(
        &self,
        asked: Option<u64>,
        load: impl FnOnce(&mut ReadTx<'_>, u64) -> Result<T, DocumentsError>,
    ) -> Result<(LedgerView, T), DocumentsError> {
        self.database.read(|tx| {
            let size = tree_size(tx, asked)?;
            Ok((ledger_view(tx, size)?, load(tx, size)?))
        })
    }

    /// The facts that release notes of a service speak of.
    pub(super) fn notes_facts(
        &self,
        wanted: &Wanted<'_>,
        asked: Option<u64>,
    ) -> Result<(LedgerView, Facts), DocumentsError> {
        self.facts(asked, |tx, size| Ok(notes_facts(tx, wanted, size)?))
    }
}

/// What a compliance report asks of completeness.
fn asked_of_completeness(query: &ComplianceQuery) -> reconcile::Query {
    reconcile::Query {
        environment: query.environment.clone(),
        service: query.service.clone(),
        from: Some(query.period.from),
        to: Some(query.period.to),
    }
}

pub(super) fn at_size(words: &str, ledger: &LedgerView) -> String {
    format!("{words} --tree-size {}", ledger.tree_size)
}

/// The state of the log that a document speaks of.
pub(super) fn ledger_view(tx: &mut ReadTx<'_>, size: u64) -> Result<LedgerView, DocumentsError> {
    let log = tx.log()?.ok_or(LogError::NoResource)?;
    Ok(LedgerView {
        origin: log.origin,
        tree_size: size,
        root: root(tx, size)?.to_base64(),
        checkpoint: tx.checkpoint(size)?.unwrap_or_default(),
        erased: tx
            .erasures(0, size)?
            .into_iter()
            .map(|row| ErasedEntry {
                index: row.idx as u64,
                erased_by: row.erased_by as u64,
                reason: row.reason,
            })
            .collect(),
    })
}
