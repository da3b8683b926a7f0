//! Pages: around a document, which then stands alone, or of the web interface. No script in either, and nothing fetched from
//! elsewhere.

use base64ct::{Base64, Encoding};
use minijinja::context;
use minijinja::value::{Serde, Value};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::chart::figures;
use super::markdown::{Html, illustrated};
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

/// A document as HTML: what its template makes of its context, with the charts that the context has.
pub fn document(templates: &Templates, template: &str, context: &impl Serialize) -> Result<Html, RenderError> {
    let context = Value::from(Serde(context));
    let markdown = templates.render_value(template, context.clone())?;
    Ok(illustrated(&markdown, &figures(&context)?))
}

/// A page of the web interface: a template of `web/` with this context, and a document inside it if there is one.
pub fn web_page(
    templates: &Templates,
    name: &str,
    context: &impl Serialize,
    body: Option<&Html>,
) -> Result<String, RenderError> {
    let body = body.map(|body| Value::from_safe_string(body.as_str().to_owned()));
    templates.render_value(name, context! { body, ..Value::from(Serde(context)) })
}

#[cfg(test)]
mod tests;
