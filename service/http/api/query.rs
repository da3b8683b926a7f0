//! Query parameters that several lists share, read with an error that names the parameter.

use std::str::FromStr;

use super::super::problem::{Kind, Problem};
use crate::app::Paging;
use crate::domain::id::NameError;

/// Items of a page when nothing is said.
const DEFAULT_LIMIT: u16 = 100;

/// Where a list begins, and how long a page is.
pub fn paging(tree_size: Option<u64>, cursor: Option<&str>, limit: Option<u16>) -> Result<Paging, Problem> {
    let cursor = cursor
        .map(|text| {
            text.parse()
                .map_err(|error: crate::store::CursorError| invalid("cursor", &error))
        })
        .transpose()?;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if limit == 0 {
        return Err(invalid("limit", &"must be at least 1"));
    }
    Ok(Paging {
        tree_size,
        cursor,
        limit,
    })
}

/// A name given as a parameter.
pub fn name<T: FromStr<Err = NameError>>(parameter: &'static str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: NameError| invalid(parameter, &error))
}

/// A name that may be given as a parameter.
pub fn optional_name<T: FromStr<Err = NameError>>(
    parameter: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, Problem> {
    text.map(|text| name(parameter, text)).transpose()
}

/// A parameter that cannot be what it is.
pub fn invalid(parameter: &str, error: &dyn std::fmt::Display) -> Problem {
    Problem::new(Kind::InvalidParameter, format!("{parameter} {error}")).at(parameter)
}
