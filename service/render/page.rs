//! A whole page around a document, which stands alone: no script, nothing fetched from anywhere.

use base64ct::{Base64, Encoding};
use minijinja::context;
use minijinja::value::Value;
use sha2::{Digest, Sha256};

use super::markdown::Html;
use super::templates::{RenderError, Templates};

/// Name of the template of the page.
const DOCUMENT: &str = "web/document.html";
/// Name of the style sheet.
const STYLE: &str = "web/style.css";

/// A page with that title around that body.
pub fn page(templates: &Templates, title: &str, body: &Html) -> Result<String, RenderError> {
    let style = templates.render_value(STYLE, Value::UNDEFINED)?;
    // A closing tag in an organisation's style sheet would end the element that holds it.
    let style = style.replace("</", "<\\/");
    let digest = Base64::encode_string(&Sha256::digest(style.as_bytes()));
    let context = context! {
        title,
        body => Value::from_safe_string(body.as_str().to_owned()),
        style => Value::from_safe_string(style),
        style_digest => Value::from_safe_string(digest),
    };
    templates.render_value(DOCUMENT, context)
}

#[cfg(test)]
mod tests;
