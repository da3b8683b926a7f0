//! Issuing a document: it is rendered in every form, and an entry signed by the service records what it was made from
//! and what its bytes hash to.

use std::sync::Arc;

use super::App;
use super::documents::{Composed, DocumentQuery, DocumentsError, Format};
use super::record::{Accepted, RecordError};
use crate::domain::extension::Extension;
use crate::domain::issued::{DOCUMENT_ISSUED, IssuedDocument};
use crate::domain::producer::Token;
use crate::sequencer::SubmitError;

/// A document that was issued.
pub struct Issued {
    /// What was recorded about it.
    pub document: IssuedDocument,
    /// The entry that records it.
    pub accepted: Accepted,
}

/// Why a document was not issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// There is no such document.
    #[error(transparent)]
    Document(#[from] DocumentsError),
    /// It was not recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl App {
    /// Issues a document as of a tree size, the newest if none is asked for.
    pub async fn issue_document(
        self: Arc<Self>,
        query: DocumentQuery,
        asked: Option<u64>,
        by: &Token,
    ) -> Result<Issued, IssueError> {
        let app = Arc::clone(&self);
        let rendering = tokio::task::spawn_blocking(move || app.rendered(&query, asked)).await;
        let document = rendering.map_err(|_| RecordError::from(SubmitError::Stopped))??;
        let sample = document.sample.as_ref();
        let extension = Extension {
            // What is read with the sample is found by its place.
            environment: sample.map(|sample| sample.environment.clone()),
            service: sample.and_then(|sample| sample.service.clone()),
            actor: Some(by.actor()),
            document: Some(Box::new(document.clone())),
            ..Extension::default()
        };
        let said = self.say(DOCUMENT_ISSUED, &document.markdown_sha256, &extension);
        Ok(Issued {
            accepted: said.await?,
            document,
        })
    }

    fn rendered(&self, query: &DocumentQuery, asked: Option<u64>) -> Result<IssuedDocument, DocumentsError> {
        let documents = self.documents();
        let composed = documents.compose(query, asked)?;
        let digest = |format| documents.form(&composed, format).map(|document| document.digest);
        let sample = match &composed {
            Composed::Sample(sample) => Some(sample.issued()?),
            Composed::ReleaseNotes(_) | Composed::Release(_) | Composed::Compliance(_) | Composed::Service(_) => None,
        };
        let (kind, title, generated) = composed.head();
        Ok(IssuedDocument {
            kind: kind.to_owned(),
            title: title.to_owned(),
            query: generated.query.clone(),
            tree_size: generated.ledger.tree_size,
            root: generated.ledger.root.clone(),
            time_zone: generated.time_zone.name().to_owned(),
            template: generated.template.name.clone(),
            template_sha256: generated.template.sha256.clone(),
            tool_version: generated.tool.version.to_owned(),
            markdown_sha256: digest(Format::Markdown)?,
            html_sha256: digest(Format::Html)?,
            json_sha256: digest(Format::Json)?,
            sample,
        })
    }
}
