//! Release notes and reports: gathers the facts, composes, renders. A document is a function of the tree size, the query, the
//! template and the version of this program.

use ledger::sha256;
use serde::Serialize;

use super::App;
use super::facts::document_facts;
use super::log::{LogError, root};
use super::notes::notes_facts;
use super::read::{ReadError, tree_size};
use crate::check::Parameters;
use crate::document::compliance::{self, ComplianceInput, Period};
use crate::document::release_notes::{self, ReleaseNotes, ReleaseNotesInput, Scope};
use crate::document::{DocumentError, ErasedEntry, LedgerView, Request};
use crate::domain::facts::Facts;
use crate::domain::{EnvironmentName, ServiceName};
use crate::render::{Html, RenderError, page, to_html, web_page};
use crate::store::{ReadTx, StoreError};

const RELEASE_NOTES: &str = "release-notes.md";
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
    /// The zone of its dates.
    pub time_zone: String,
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

impl App {
    /// Release notes of a service in an environment.
    pub fn release_notes(
        &self,
        query: &NotesQuery,
        asked: Option<u64>,
        format: Format,
    ) -> Result<Document, DocumentsError> {
        let notes = self.compose_notes(query, asked)?;
        self.document(RELEASE_NOTES, &notes.title, &notes, format)
    }

    fn compose_notes(&self, query: &NotesQuery, asked: Option<u64>) -> Result<ReleaseNotes, DocumentsError> {
        let (ledger, facts) = self.database.read(|tx| {
            let size = tree_size(tx, asked)?;
            let facts = notes_facts(tx, &query.service, &query.environment, &query.scope, size)?;
            Ok::<_, DocumentsError>((ledger_view(tx, size)?, facts))
        })?;
        Ok(release_notes::compose(&ReleaseNotesInput {
            request: Request {
                ledger: &ledger,
                query: &at_size(&query.words, &ledger),
                time_zone: "UTC",
                template: RELEASE_NOTES,
                template_sha256: &self.templates.digest(RELEASE_NOTES)?,
            },
            service: &query.service,
            environment: &query.environment,
            scope: &query.scope,
            facts: &facts,
            parameters: &Parameters::default(),
        })?)
    }

    /// A compliance report of an environment over a period.
    pub fn compliance_report(
        &self,
        query: &ComplianceQuery,
        asked: Option<u64>,
        format: Format,
    ) -> Result<Document, DocumentsError> {
        let (ledger, facts) = self.read_facts(query.service.as_ref(), &query.environment, asked)?;
        let report = compliance::compose(&ComplianceInput {
            request: Request {
                ledger: &ledger,
                query: &at_size(&query.words, &ledger),
                time_zone: &query.time_zone,
                template: COMPLIANCE_REPORT,
                template_sha256: &self.templates.digest(COMPLIANCE_REPORT)?,
            },
            environment: &query.environment,
            service: query.service.as_ref(),
            period: query.period,
            facts: &facts,
            parameters: &Parameters::default(),
        })?;
        self.document(COMPLIANCE_REPORT, &report.title, &report, format)
    }

    /// Release notes as a part of a web page.
    pub fn release_notes_html(&self, query: &NotesQuery, asked: Option<u64>) -> Result<Html, DocumentsError> {
        let notes = self.compose_notes(query, asked)?;
        Ok(to_html(&self.templates.render(RELEASE_NOTES, &notes)?))
    }

    /// A web page from one of the templates.
    pub fn page(&self, template: &str, context: &impl Serialize, body: Option<&Html>) -> Result<String, RenderError> {
        web_page(&self.templates, template, context, body)
    }

    fn read_facts(
        &self,
        service: Option<&ServiceName>,
        environment: &EnvironmentName,
        asked: Option<u64>,
    ) -> Result<(LedgerView, Facts), DocumentsError> {
        self.database.read(|tx| {
            let size = tree_size(tx, asked)?;
            Ok((ledger_view(tx, size)?, document_facts(tx, service, environment, size)?))
        })
    }

    fn document(
        &self,
        template: &str,
        title: &str,
        context: &impl Serialize,
        format: Format,
    ) -> Result<Document, DocumentsError> {
        let text = match format {
            Format::Json => serde_json::to_string_pretty(context)? + "\n",
            Format::Markdown => self.templates.render(template, context)?,
            Format::Html => {
                let markdown = self.templates.render(template, context)?;
                page(&self.templates, title, &to_html(&markdown))?
            }
        };
        let digest = sha256(text.as_bytes()).to_string();
        Ok(Document { text, format, digest })
    }
}

fn at_size(words: &str, ledger: &LedgerView) -> String {
    format!("{words} --tree-size {}", ledger.tree_size)
}

/// The state of the log that a document speaks of.
fn ledger_view(tx: &mut ReadTx<'_>, size: u64) -> Result<LedgerView, DocumentsError> {
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
