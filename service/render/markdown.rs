//! Markdown to HTML that can hold nothing but prose: no raw HTML, no scripts, no images, links to allowed schemes only.

use std::collections::BTreeMap;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd};

use super::escape::{WORD_JOINER, is_allowed};

/// HTML that this module made. Pages take this and never a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// A drawing that this program made.
    pub(super) fn figure(svg: &str) -> Self {
        Self(format!("<figure>{svg}</figure>\n"))
    }

    /// The HTML.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Turns Markdown into HTML without figures: all raw HTML is shown as text.
pub fn to_html(markdown: &str) -> Html {
    illustrated(markdown, &BTreeMap::new())
}

/// Turns Markdown (CommonMark with tables) into HTML. A comment `<!-- chart: NAME -->` on a line of its own becomes the
/// figure of that name; other raw HTML is shown as text, images as their description, and a
/// link to anywhere else than [`is_allowed`] as its text.
pub(super) fn illustrated(markdown: &str, figures: &BTreeMap<String, Html>) -> Html {
    let mut html = String::with_capacity(markdown.len() * 3 / 2);
    let mut links: Vec<bool> = Vec::new();
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES).filter_map(|event| match event {
        Event::Start(Tag::Link {
            link_type, dest_url, ..
        }) => {
            let address = match link_type {
                pulldown_cmark::LinkType::Email => format!("mailto:{dest_url}"),
                _ => dest_url.to_string(),
            };
            let keep = is_allowed(&address);
            links.push(keep);
            // A title is text from outside without a use.
            let title = CowStr::from("");
            keep.then(|| {
                Event::Start(Tag::Link {
                    link_type,
                    dest_url,
                    title,
                    id: CowStr::from(""),
                })
            })
        }
        Event::End(TagEnd::Link) => links.pop().unwrap_or(false).then_some(Event::End(TagEnd::Link)),
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => None,
        Event::Html(text) => Some(match named(&text).and_then(|name| figures.get(name)) {
            Some(figure) => Event::Html(figure.as_str().to_owned().into()),
            None => Event::Text(text),
        }),
        Event::InlineHtml(text) => Some(Event::Text(text)),
        Event::Start(Tag::HtmlBlock) => Some(Event::Start(Tag::Paragraph)),
        Event::End(TagEnd::HtmlBlock) => Some(Event::End(TagEnd::Paragraph)),
        Event::Start(Tag::CodeBlock(_)) => Some(Event::Start(Tag::CodeBlock(CodeBlockKind::Indented))),
        Event::Text(text) if text.contains(WORD_JOINER) => Some(Event::Text(text.replace(WORD_JOINER, "").into())),
        other => Some(other),
    });
    pulldown_cmark::html::push_html(&mut html, events);
    // The pages' policy allows no style in an attribute. Text cannot look like this: its > is escaped.
    Html(html.replace(" style=\"text-align: right\">", " class=\"number\">"))
}

/// The name in `<!-- chart: NAME -->`.
fn named(comment: &str) -> Option<&str> {
    comment.trim().strip_prefix("<!-- chart: ")?.strip_suffix(" -->")
}

#[cfg(test)]
mod tests;
