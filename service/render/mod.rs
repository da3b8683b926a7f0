//! Text only: templates to Markdown, Markdown to HTML, HTML to a page.
//!
//! Knows no type of the domain; takes anything serialisable. It is the one place through which text from outside
//! reaches HTML, in two independent layers: interpolated values are escaped as Markdown ([`escape`]), and whatever
//! Markdown comes out is turned into HTML that holds no raw HTML and no link but to allowed schemes ([`markdown`]).

mod chart;
pub mod escape;
mod filters;
pub mod leak;
pub mod markdown;
pub mod page;
pub mod templates;

pub use leak::{Leak, leaks};
pub use markdown::{Html, to_html};
pub use page::{document, page, web_page};
pub use templates::{RenderError, Templates};
