//! `template`: an organisation's own templates, tried without a service: rendered from a context that was saved, and
//! checked with hostile text.

mod assessed;
mod filled;
mod sample;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::{DocumentFormat, Format, print, print_json, table};
use super::serve::templates;
use super::{Failure, document};
use crate::render::{self, Templates};

/// What can be done with templates.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Render every document with sample data full of hostile text, and name each member that becomes markup
    Check(Check),
    /// Render a context that was saved, with templates of your own
    Render(Render),
    /// Print the sample context of a document, to try templates with
    Sample(Sample),
}

/// Arguments of `template check`.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// Directory of the templates, as given to the service
    directory: PathBuf,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Arguments of `template render`.
#[derive(Debug, clap::Args)]
pub struct Render {
    /// The context, as `--context` of a document or `template sample` printed it
    #[arg(long, value_name = "FILE")]
    from_context: PathBuf,
    /// Directory of templates in the place of the built-in ones
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
    /// Form of the document
    #[arg(long, value_enum, default_value_t)]
    format: DocumentFormat,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Arguments of `template sample`.
#[derive(Debug, clap::Args)]
pub struct Sample {
    /// Name of the template, such as release-notes.md
    template: String,
}

impl Command {
    /// Does it.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Self::Check(check) => check.run(),
            Self::Render(render) => render.run(),
            Self::Sample(sample) => {
                let samples = sample::contexts()?;
                let context = samples.iter().find(|(name, _)| *name == sample.template);
                let (_, context) = context.ok_or_else(|| {
                    let names: BTreeSet<&str> = samples.iter().map(|(name, _)| *name).collect();
                    let names: Vec<&str> = names.into_iter().collect();
                    Failure::unclear(format!("there is a sample for {}", names.join(", ")))
                })?;
                print_json(context)
            }
        }
    }
}

impl Check {
    fn run(self) -> Result<(), Failure> {
        let templates = templates(Some(&self.directory))?;
        let mut rows = table(["template", "member", "becomes"]);
        let mut leaks = BTreeSet::new();
        for (name, context) in sample::contexts()? {
            // Samples are of the built-in templates' data, and render with whatever takes their place.
            let found =
                render::leaks(&templates, name, &context).map_err(|error| Failure::refused(error.to_string()))?;
            leaks.extend(found.into_iter().map(|leak| (name, leak)));
        }
        let mut found = Vec::with_capacity(leaks.len());
        for (name, leak) in leaks {
            rows.add_row([name, &leak.pointer, leak.became]);
            found.push(json!({ "template": name, "member": leak.pointer, "becomes": leak.became }));
        }
        match self.format {
            Format::Json => print_json(&Value::Array(found.clone()))?,
            Format::Table if found.is_empty() => print("Every text stays text, in every document.")?,
            Format::Table => print(&rows.to_string())?,
        }
        match found.len() {
            0 => Ok(()),
            n => Err(Failure::refused(format!("{n} members become markup"))),
        }
    }
}

impl Render {
    fn run(self) -> Result<(), Failure> {
        let text = render_saved(&self.from_context, self.templates.as_deref(), self.format)?;
        document::deliver(self.out.as_deref(), &text)
    }
}

/// Renders a context that was saved, with the templates of a directory or the built-in ones.
fn render_saved(file: &Path, directory: Option<&Path>, format: DocumentFormat) -> Result<String, Failure> {
    let unclear = |error: &dyn std::fmt::Display| Failure::unclear(format!("{}: {error}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| unclear(&error))?;
    let mut context = ledger::json::parse(&bytes).map_err(|error| unclear(&error))?;
    let template = context["generated"]["template"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let template = template.as_str();
    if !template.ends_with(".md") {
        return Err(unclear(
            &"/generated/template/name must be that of a document's template, such as release-notes.md",
        ));
    }
    let version = u64::from(crate::document::CONTEXT_VERSION);
    if context["context_version"].as_u64() != Some(version) {
        return Err(unclear(&format!("/context_version must be {version}")));
    }
    let templates = templates(directory)?;
    state_template(&mut context, template, &templates)?;
    let refused = |error: render::RenderError| Failure::refused(error.to_string());
    match format {
        DocumentFormat::Json => serde_json::to_string_pretty(&context)
            .map(|text| text + "\n")
            .map_err(|error| unclear(&error)),
        DocumentFormat::Md => templates.render(template, &context).map_err(refused),
        DocumentFormat::Html => {
            let title = context["title"].as_str().unwrap_or_default();
            let body = render::document(&templates, template, &context).map_err(refused)?;
            render::page(&templates, title, &body).map_err(refused)
        }
    }
}

/// A document states the template that it was rendered with, not the one that the context was made for.
fn state_template(context: &mut Value, template: &str, templates: &Templates) -> Result<(), Failure> {
    let digest = templates
        .digest(template)
        .map_err(|error| Failure::refused(error.to_string()))?;
    let stated: BTreeMap<&str, String> = BTreeMap::from([("name", template.to_owned()), ("sha256", digest)]);
    match context.get_mut("generated").and_then(Value::as_object_mut) {
        Some(generated) => generated.insert("template".to_owned(), json!(stated)),
        None => return Err(Failure::unclear("/generated is missing from the context".to_owned())),
    };
    Ok(())
}
