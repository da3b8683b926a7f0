//! Release notes for one audience. What an audience is not to see is not in its variant, so no template can show it.

use serde::Serialize;

use super::customer::CustomerNotes;
use super::manager::ManagerNotes;
use super::select::Selection;
use super::{ReleaseNotes, ReleaseNotesInput, TEMPLATE, compose_selected};
use crate::document::audience::{Audience, Withheld};
use crate::document::{DocumentError, Generated};

/// Release notes as one audience may read them: what is rendered, and what is given as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Variant {
    /// The whole document.
    Auditor(Box<ReleaseNotes>),
    /// Without tables of statements and checks, commits and digests.
    Manager(Box<ManagerNotes>),
    /// What changed and what went wrong, and nothing internal.
    Customer(Box<CustomerNotes>),
}

/// Name of the template that renders the variant for an audience.
pub const fn template(audience: Audience) -> &'static str {
    match audience {
        Audience::Auditor => TEMPLATE,
        Audience::Manager => "release-notes-manager.md",
        Audience::Customer => "release-notes-customer.md",
    }
}

/// Composes release notes for an audience.
pub fn compose_for(input: &ReleaseNotesInput<'_>, audience: Audience) -> Result<Variant, DocumentError> {
    let (notes, selection) = compose_selected(input)?;
    Ok(Variant::of(notes, &selection, input, audience))
}

impl Variant {
    pub(super) fn of(
        notes: ReleaseNotes,
        selection: &Selection<'_>,
        input: &ReleaseNotesInput<'_>,
        audience: Audience,
    ) -> Self {
        match audience {
            Audience::Auditor => Self::Auditor(Box::new(notes)),
            Audience::Manager => Self::Manager(Box::new(ManagerNotes::of(notes))),
            Audience::Customer => Self::Customer(Box::new(CustomerNotes::of(notes, selection, input.facts))),
        }
    }

    /// What kind of document it is, its title, and what it was made from.
    pub fn head(&self) -> (&'static str, &str, &Generated) {
        match self {
            Self::Auditor(notes) => (notes.document, &notes.title, &notes.generated),
            Self::Manager(notes) => notes.head(),
            Self::Customer(notes) => notes.head(),
        }
    }

    /// What it withholds.
    pub(super) fn withheld(&self) -> &[Withheld] {
        match self {
            Self::Auditor(_) => &[],
            Self::Manager(notes) => notes.withheld(),
            Self::Customer(notes) => notes.withheld(),
        }
    }
}
