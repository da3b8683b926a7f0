//! Who a document is for, and what is withheld from those who are not to see all of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who a document is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Those who use the service, outside the organisation.
    Customer,
    /// Those who answer for it.
    Manager,
    /// Those who check: the whole document.
    #[default]
    Auditor,
}

impl Audience {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Customer, Self::Manager, Self::Auditor];

    /// The word used in JSON, in queries and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Manager => "manager",
            Self::Auditor => "auditor",
        }
    }
}

/// What a variant of a document does not say, by the member of the whole context that would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Withheld {
    /// Where it is in the whole context.
    pub field: &'static str,
    /// What it is, in the number that fits.
    pub words: &'static str,
    /// How much of it there is.
    pub count: usize,
    #[serde(skip)]
    either: Words,
}

/// Counts what is withheld while a variant is made.
#[derive(Debug, Default)]
pub(super) struct Tally(Vec<(&'static str, Words, usize)>);

/// A thing in the singular and in the plural.
pub(super) type Words = (&'static str, &'static str);

impl Tally {
    /// So many more things of this field are withheld.
    pub(super) fn add(&mut self, field: &'static str, words: Words, count: usize) {
        match self.0.iter_mut().find(|(known, ..)| *known == field) {
            Some((_, _, sum)) => *sum += count,
            None => self.0.push((field, words, count)),
        }
    }

    /// The same as another variant withholds.
    pub(super) fn add_again(&mut self, row: &Withheld) {
        self.add(row.field, row.either, row.count);
    }

    /// What was counted, without what there was none of.
    pub(super) fn withheld(self) -> Vec<Withheld> {
        let some = self.0.into_iter().filter(|(_, _, count)| *count > 0);
        some.map(|(field, (one, many), count)| Withheld {
            field,
            words: if count == 1 { one } else { many },
            count,
            either: (one, many),
        })
        .collect()
    }
}
