//! Where in a document a value stands, as a chain on the stack, so that nothing is allocated until something is wrong.

use std::fmt;

use crate::domain::pointer::Escaped;

/// A place in a JSON document. Displays as a JSON pointer.
pub(super) enum Path<'a> {
    Root,
    Member(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub(super) fn member(&'a self, name: &'a str) -> Self {
        Self::Member(self, name)
    }

    pub(super) fn item(&'a self, index: usize) -> Self {
        Self::Item(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(parent, name) => write!(f, "{parent}/{}", Escaped(name)),
            Self::Item(parent, index) => write!(f, "{parent}/{index}"),
        }
    }
}
