//! What people wrote to stand at the top: in the record of a deployment, and about it afterwards.

use super::Highlight;
use crate::domain::deployment::Deployment;
use crate::domain::facts::Facts;
use crate::domain::highlight::HighlightKind;

/// The texts about some deployments, by what readers are to take from them, each in ledger order.
#[derive(Default)]
pub(in crate::document) struct Texts {
    pub(in crate::document) highlights: Vec<Highlight>,
    pub(in crate::document) actions_required: Vec<Highlight>,
    pub(in crate::document) known_issues: Vec<Highlight>,
}

pub(in crate::document) fn texts(deployments: &[&Deployment], facts: &Facts) -> Texts {
    let mut texts = Texts::default();
    for said in deployments.iter().filter_map(|d| d.highlights.as_ref()) {
        texts.highlights.push(Highlight {
            text: said.value.clone(),
            index: said.index,
        });
    }
    for highlight in &facts.highlights {
        if deployments.iter().any(|deployment| highlight.is_about(deployment)) {
            let list = match highlight.said.kind {
                HighlightKind::Highlight => &mut texts.highlights,
                HighlightKind::Action => &mut texts.actions_required,
                HighlightKind::KnownIssue => &mut texts.known_issues,
            };
            list.push(Highlight {
                text: highlight.said.text.clone(),
                index: highlight.index,
            });
        }
    }
    texts.highlights.sort_by_key(|highlight| highlight.index);
    texts
}
