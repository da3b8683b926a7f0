//! How requests leave this process: one way to make an HTTP client, and bodies that are read only so far.
//!
//! Redirects are never followed: a token, or a question whose answer is relied on, is for one address.

use std::time::Duration;

use reqwest::{Client, Response};

/// Whether an address is one that a client can be sent to.
pub fn is_http(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

/// A client; without `https` it needs no certificates on this machine.
pub fn client(https: bool) -> Result<Client, reqwest::Error> {
    let mut builder = Client::builder()
        .user_agent(concat!("shipslog/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(60))
        .redirect(reqwest::redirect::Policy::none());
    if !https {
        builder = builder.tls_certs_only([]);
    }
    builder.build()
}

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection broke.
    #[error("the answer was cut off: {0}")]
    CutOff(String),
    /// Longer than anything it could be.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

/// Reads a body of at most `limit` bytes.
pub async fn body(mut response: Response, limit: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = chunk(&mut response).await? {
        if body.len() + chunk.len() > limit {
            return Err(BodyError::TooLong(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The next piece of a body.
pub async fn chunk(response: &mut Response) -> Result<Option<Vec<u8>>, BodyError> {
    let chunk = response.chunk().await;
    let chunk = chunk.map_err(|error| BodyError::CutOff(chain(&error)))?;
    Ok(chunk.map(Into::into))
}

/// An error with what caused it: the first alone often says nothing.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
