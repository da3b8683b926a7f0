//! Templates: the built-in ones, an organisation's own in their place, and the limits both run under.
//!
//! Nothing is read from disk here: the caller hands over names and sources. A template can loop, recurse or produce
//! without end only within its fuel; what it cannot do is crash the process, which is why those of an organisation
//! are parsed and run on a thread with a stack that is large enough for the longest source accepted.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use chrono_tz::Tz;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::filters;

/// The templates that are built in, by name.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("release-notes.md", include_str!("../../templates/release-notes.md")),
    ("release.md", include_str!("../../templates/release.md")),
    (
        "release-notes-manager.md",
        include_str!("../../templates/release-notes-manager.md"),
    ),
    (
        "release-notes-customer.md",
        include_str!("../../templates/release-notes-customer.md"),
    ),
    (
        "release-notes-parts.md",
        include_str!("../../templates/release-notes-parts.md"),
    ),
    (
        "compliance-report.md",
        include_str!("../../templates/compliance-report.md"),
    ),
    ("service-report.md", include_str!("../../templates/service-report.md")),
    ("sample.md", include_str!("../../templates/sample.md")),
    ("web/document.html", include_str!("../../templates/web/document.html")),
    ("web/style.css", include_str!("../../templates/web/style.css")),
    ("web/layout.html", include_str!("../../templates/web/layout.html")),
    ("web/sign-in.html", include_str!("../../templates/web/sign-in.html")),
    ("web/problem.html", include_str!("../../templates/web/problem.html")),
    ("web/home.html", include_str!("../../templates/web/home.html")),
    ("web/services.html", include_str!("../../templates/web/services.html")),
    (
        "web/deployments.html",
        include_str!("../../templates/web/deployments.html"),
    ),
    (
        "web/deployment.html",
        include_str!("../../templates/web/deployment.html"),
    ),
    ("web/incidents.html", include_str!("../../templates/web/incidents.html")),
    ("web/incident.html", include_str!("../../templates/web/incident.html")),
    (
        "web/deployment-rows.html",
        include_str!("../../templates/web/deployment-rows.html"),
    ),
    (
        "web/completeness.html",
        include_str!("../../templates/web/completeness.html"),
    ),
    ("web/delivery.html", include_str!("../../templates/web/delivery.html")),
    ("web/links.html", include_str!("../../templates/web/links.html")),
    (
        "web/service-reports.html",
        include_str!("../../templates/web/service-reports.html"),
    ),
    ("web/notes.html", include_str!("../../templates/web/notes.html")),
    ("web/entry.html", include_str!("../../templates/web/entry.html")),
];

/// An override reaches the template that it takes the place of under this prefix: `{% extends "builtin/…" %}`.
const PREFIX: &str = "builtin/";
/// The longest source of a template.
pub const MAX_SOURCE_BYTES: usize = 64 * 1024;
/// The longest text that a template may produce: a report of a hundred thousand deployments is shorter.
pub const MAX_OUTPUT_BYTES: usize = 64 * 1024 * 1024;
/// What a rendering may do, in instructions and units of 64 bytes.
const FUEL: u64 = 10_000_000;
/// The same with the built-in templates alone, which do no more than what they show takes.
const BUILT_IN_FUEL: u64 = 100 * FUEL;
const RECURSION: usize = 64;
/// minijinja's parser recurses where its own guard does not look; 64 KiB of `not ` need this much.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Templates, ready to render.
#[derive(Debug, Clone)]
pub struct Templates {
    env: Environment<'static>,
    digests: BTreeMap<String, String>,
    overridden: bool,
}

/// Why a template does not render.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// There is no template of that name.
    #[error("there is no template `{0}`")]
    Unknown(String),
    /// Longer than [`MAX_SOURCE_BYTES`].
    #[error("template `{0}`: the source must not be longer than {MAX_SOURCE_BYTES} bytes")]
    SourceTooLong(String),
    /// No built-in one has its name, and no other of the organisation's own names it.
    #[error("template `{name}`: there is none of that name to take the place of, and nothing includes it{}",
        .nearest.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default())]
    Unused {
        name: String,
        nearest: Option<&'static str>,
    },
    /// Its name begins with the prefix of the built-in ones.
    #[error("template `{0}`: names that begin with `{PREFIX}` are taken")]
    Reserved(String),
    /// More output than [`MAX_OUTPUT_BYTES`].
    #[error("template `{0}`: the output must not be longer than {MAX_OUTPUT_BYTES} bytes")]
    OutputTooLong(String),
    /// It does not parse, or failed while it ran.
    #[error("template `{template}`, line {line}: {message}")]
    Failed {
        template: String,
        line: usize,
        message: String,
    },
    /// A chart of the context cannot be drawn.
    #[error("`charts` of the context: {0}")]
    Chart(String),
    /// The context states a zone that the IANA database does not have.
    #[error("`generated.time_zone` of the context, `{0}`, is not a zone of the IANA database")]
    TimeZone(String),
    /// The thread for it could not be had.
    #[error("template `{0}` could not be run: {1}")]
    Thread(String, String),
}

impl Templates {
    /// The built-in templates.
    pub fn built_in() -> Result<Self, RenderError> {
        let mut env = environment()?;
        let mut digests = BTreeMap::new();
        for (name, source) in BUILT_IN {
            add(&mut env, (*name).to_owned(), source)?;
            add(&mut env, format!("{PREFIX}{name}"), source)?;
            digests.insert((*name).to_owned(), sha256(source));
        }
        env.set_fuel(Some(BUILT_IN_FUEL));
        Ok(Self {
            env,
            digests,
            overridden: false,
        })
    }

    /// The built-in templates with an organisation's own before them; these may take the place of built-in ones, extend
    /// them, or be included by others.
    pub fn with_overrides(overrides: BTreeMap<String, String>) -> Result<Self, RenderError> {
        let mut templates = Self::built_in()?;
        if overrides.is_empty() {
            return Ok(templates);
        }
        templates.overridden = true;
        templates.env.set_fuel(Some(FUEL));
        on_large_stack("overrides", move || {
            for (name, source) in overrides {
                if source.len() > MAX_SOURCE_BYTES {
                    return Err(RenderError::SourceTooLong(name));
                }
                if name.starts_with(PREFIX) {
                    return Err(RenderError::Reserved(name));
                }
                templates.digests.insert(name.clone(), sha256(&source));
                add(&mut templates.env, name, &source)?;
            }
            Ok(templates)
        })
    }

    /// The same from the files of a directory, each of which must be of use: one that takes no other's place, and that no other
    /// names, is called by a wrong name.
    pub fn from_files(files: BTreeMap<String, String>) -> Result<Self, RenderError> {
        let is_built_in = |name: &str| BUILT_IN.iter().any(|(known, _)| *known == name);
        for name in files.keys().filter(|name| !is_built_in(name)) {
            let mut others = files.iter().filter(|(other, _)| *other != name);
            if !others.any(|(_, source)| source.contains(name.as_str())) {
                return Err(RenderError::Unused {
                    name: name.clone(),
                    nearest: nearly_built_in(name),
                });
            }
        }
        Self::with_overrides(files)
    }

    /// What a document states as the SHA-256 of its template: that of the file, or, where any template was overridden
    /// and so could have been included, that of the list `<sha256>  <name>\n` of all templates, by name.
    pub fn digest(&self, name: &str) -> Result<String, RenderError> {
        let own = self
            .digests
            .get(name)
            .ok_or_else(|| RenderError::Unknown(name.to_owned()))?;
        if !self.overridden {
            return Ok(own.clone());
        }
        let list: String = self
            .digests
            .iter()
            .map(|(name, digest)| format!("{digest}  {name}\n"))
            .collect();
        Ok(sha256(&list))
    }

    /// What documents rendered with these templates may state: see [`Templates::digest`].
    pub fn digests(&self) -> Vec<String> {
        let digests = self.digests.keys().filter_map(|name| self.digest(name).ok());
        digests.collect()
    }

    /// Renders a template with a context.
    pub fn render(&self, name: &str, context: &impl Serialize) -> Result<String, RenderError> {
        self.render_value(name, Value::from(Serde(context)))
    }

    pub(super) fn render_value(&self, name: &str, context: Value) -> Result<String, RenderError> {
        // The filters that all share write UTC; a copy is only for another zone.
        let env = match zone(&context)? {
            Tz::UTC => Cow::Borrowed(&self.env),
            zone => {
                let mut env = self.env.clone();
                filters::in_zone(&mut env, zone);
                Cow::Owned(env)
            }
        };
        if !self.overridden {
            return run(&env, name, context);
        }
        on_large_stack(name, || run(&env, name, context))
    }
}

/// The built-in template that a name is a misspelling of.
fn nearly_built_in(name: &str) -> Option<&'static str> {
    let distances = BUILT_IN.iter().map(|(known, _)| (distance(name, known), *known));
    distances
        .min()
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, known)| known)
}

/// How many characters must be put in, taken out or changed to make one text of another (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = row[j] + usize::from(x != *y);
            next.push(changed.min(row[j + 1] + 1).min(next[j] + 1));
        }
        row = next;
    }
    row[b.len()]
}

/// The zone that a document states, in which it shows all its dates; UTC for what states none.
fn zone(context: &Value) -> Result<Tz, RenderError> {
    let generated = context.get_attr("generated").unwrap_or_default();
    match generated.get_attr("time_zone").unwrap_or_default().as_str() {
        Some(name) => name.parse().map_err(|_| RenderError::TimeZone(name.to_owned())),
        None => Ok(Tz::UTC),
    }
}

fn environment() -> Result<Environment<'static>, RenderError> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(RECURSION);
    // Errors then name what is undefined.
    env.set_debug(true);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    env.set_syntax(syntax.map_err(|error| failed("syntax", &error))?);
    env.set_auto_escape_callback(|name| match name.rsplit('.').next() {
        Some("html") => AutoEscape::Html,
        Some("md") => AutoEscape::Custom(filters::MARKDOWN.into()),
        _ => AutoEscape::None,
    });
    env.set_formatter(filters::format);
    filters::install(&mut env);
    Ok(env)
}

fn add(env: &mut Environment<'static>, name: String, source: &str) -> Result<(), RenderError> {
    env.add_template_owned(name.clone(), source.to_owned())
        .map_err(|error| failed(&name, &error))
}

fn run(env: &Environment<'static>, name: &str, context: Value) -> Result<String, RenderError> {
    let template = env.get_template(name).map_err(|error| match error.kind() {
        minijinja::ErrorKind::TemplateNotFound => RenderError::Unknown(name.to_owned()),
        _ => failed(name, &error),
    })?;
    let mut output = Bounded {
        bytes: Vec::new(),
        overflown: false,
    };
    let result = template.render_captured_to(context, &mut output);
    if output.overflown {
        return Err(RenderError::OutputTooLong(name.to_owned()));
    }
    result.map_err(|error| failed(name, &error))?;
    let mut text = String::from_utf8(output.bytes).map_err(|error| RenderError::Failed {
        template: name.to_owned(),
        line: 0,
        message: error.to_string(),
    })?;
    text.truncate(text.trim_end().len());
    text.push('\n');
    Ok(if name.ends_with(".md") {
        without_gaps(&text)
    } else {
        text
    })
}

/// Leaves at most one blank line between paragraphs, which is hard to hold to in templates. Code blocks stay as they are.
fn without_gaps(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut fence: Option<&str> = None;
    let mut blank = true;
    for line in text.lines() {
        let ticks = &line[..line.len() - line.trim_start_matches('`').len()];
        match fence {
            Some(open) if line == open => fence = None,
            None if ticks.len() >= 3 => fence = Some(ticks),
            Some(_) | None => {}
        }
        let line = if fence.is_some() { line } else { line.trim_end() };
        if line.is_empty() && blank && fence.is_none() {
            continue;
        }
        blank = line.is_empty();
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// The innermost place that minijinja can name, with its words.
fn failed(name: &str, error: &minijinja::Error) -> RenderError {
    let mut place = (error.name().unwrap_or(name).to_owned(), error.line().unwrap_or(0));
    let mut message = error
        .detail()
        .map_or_else(|| error.kind().to_string(), |d| format!("{}: {d}", error.kind()));
    let mut inner = std::error::Error::source(error);
    while let Some(source) = inner {
        if let Some(source) = source.downcast_ref::<minijinja::Error>() {
            if let (Some(name), Some(line)) = (source.name(), source.line()) {
                place = (name.to_owned(), line);
            }
            message = source
                .detail()
                .map_or_else(|| source.kind().to_string(), |d| format!("{}: {d}", source.kind()));
        } else {
            message = format!("{message}: {source}");
        }
        inner = source.source();
    }
    if message.contains("not callable") {
        message.push_str(" (a member of the context hides a function of its name, as `range` of release notes does)");
    }
    RenderError::Failed {
        template: place.0,
        line: place.1,
        message,
    }
}

fn on_large_stack<T: Send>(name: &str, work: impl FnOnce() -> Result<T, RenderError> + Send) -> Result<T, RenderError> {
    let thread = |problem: String| RenderError::Thread(name.to_owned(), problem);
    std::thread::scope(|scope| {
        let handle = std::thread::Builder::new()
            .name("template".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, work)
            .map_err(|error| thread(error.to_string()))?;
        handle.join().map_err(|_| thread("it panicked".to_owned()))?
    })
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Collects output up to the limit.
struct Bounded {
    bytes: Vec<u8>,
    overflown: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_OUTPUT_BYTES {
            self.overflown = true;
            return Err(io::Error::other("the output is too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
