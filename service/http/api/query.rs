//! Query parameters, read with an error that names the parameter, and those that several lists share.

use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;

use super::super::problem::{Kind, Problem};
use crate::app::Paging;
use crate::domain::id::NameError;

/// Items of a page when nothing is said.
const DEFAULT_LIMIT: u16 = 100;

/// The query string of a request.
pub struct Query<T>(T);

impl<T> Query<T> {
    /// What it says.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Query<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        ready(read(request.query_string().as_bytes()).map(Self))
    }
}

/// Reads a query string, or a form, which has the same format.
pub fn read<T: DeserializeOwned>(query: &[u8]) -> Result<T, Problem> {
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner().to_string();
        // One that is missing, or there twice, has no value to stand at; then the error quotes its name.
        match error.split('`').nth(1).filter(|_| path == ".") {
            Some(parameter) => Problem::new(Kind::InvalidParameter, error.clone()).at(parameter),
            None => Problem::new(Kind::InvalidParameter, format!("{path}: {error}")).at(path),
        }
    })
}

/// Takes a parameter, which may be there several times, out of a query string or form: what it says, and the rest.
pub fn take(query: &[u8], parameter: &str) -> (Vec<String>, String) {
    let pairs = form_urlencoded::parse(query);
    let (these, others): (Vec<_>, Vec<_>) = pairs.partition(|(name, _)| name == parameter);
    let others = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .finish();
    (these.into_iter().map(|(_, value)| value.into_owned()).collect(), others)
}

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

/// A field of a form: what was left empty was not given.
pub fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// A parameter that cannot be what it is.
pub fn invalid(parameter: &str, error: &dyn std::fmt::Display) -> Problem {
    Problem::new(Kind::InvalidParameter, format!("{parameter} {error}")).at(parameter)
}
