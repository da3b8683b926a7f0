//! `openapi`: prints the description of the HTTP interface.

use super::{Failure, output};

/// Prints it, as `openapi/openapi.json` holds it.
pub fn run() -> Result<(), Failure> {
    let document = crate::http::openapi::document();
    let text = document
        .to_pretty_json()
        .map_err(|error| Failure::refused(error.to_string()))?;
    output::print(&text)
}
