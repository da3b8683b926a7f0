//! What can be wrong with a document that is asked for, as problems.

use super::{Kind, Problem};
use crate::app::{DocumentsError, RenderError};
use crate::document::DocumentError;

impl From<DocumentsError> for Problem {
    fn from(error: DocumentsError) -> Self {
        let detail = error.to_string();
        match error {
            DocumentsError::Unknown(unknown) => unknown.into(),
            DocumentsError::Framework(_) => Self::new(Kind::NotFound, detail).at("framework"),
            DocumentsError::Form => Self::new(Kind::InvalidParameter, detail).at("format"),
            DocumentsError::Read(error) => error.into(),
            DocumentsError::Log(error) => error.into(),
            DocumentsError::Document(error) => error.into(),
            DocumentsError::Metrics(error) => error.into(),
            DocumentsError::Render(RenderError::OutputTooLong(_)) => {
                let detail = format!("{detail}; ask for a shorter period, for fewer services, or for JSON");
                Self::new(Kind::InvalidParameter, detail)
            }
            DocumentsError::Render(error) => Self::internal(&error),
            DocumentsError::Context(error) => Self::internal(&error),
            DocumentsError::Store(error) => error.into(),
        }
    }
}

impl From<DocumentError> for Problem {
    fn from(error: DocumentError) -> Self {
        let detail = error.to_string();
        match error {
            DocumentError::Table(_) | DocumentError::SampleGap { .. } => Self::internal(&error),
            DocumentError::SampleTooLarge { .. } => Self::new(Kind::InvalidParameter, detail).at("full"),
            DocumentError::Seed(_) => Self::new(Kind::InvalidParameter, detail).at("seed"),
            DocumentError::NoDeployments { .. } | DocumentError::NoneUntil { .. } => Self::new(Kind::NotFound, detail),
            DocumentError::UnknownDeployment { .. } => Self::new(Kind::NotFound, detail).at("deployment"),
            DocumentError::Reversed { .. } => Self::new(Kind::InvalidParameter, detail).at("from"),
            DocumentError::Point(_) => Self::new(Kind::InvalidParameter, detail).at("from"),
        }
    }
}
