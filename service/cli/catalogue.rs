//! `catalogue`: frameworks, scopes and parameters, looked at and checked without a service.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::Failure;
use super::output::{Format, print, print_json, table};
use super::serve::{catalogue, files};
use crate::catalogue::{Catalogue, Mistakes};

/// What can be done with a catalogue.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Name every mistake in files of your own, with file and line
    Lint(Lint),
    /// List the frameworks, with their requirements and the checks that support each
    List(List),
}

/// Arguments of `catalogue lint`.
#[derive(Debug, clap::Args)]
pub struct Lint {
    /// Directory of the files, as given to the service
    directory: PathBuf,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Arguments of `catalogue list`.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only this framework, with its requirements
    framework: Option<String>,
    /// Directory of files of your own
    #[arg(long, value_name = "DIR")]
    catalogue: Option<PathBuf>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Command {
    /// Does it.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Self::Lint(lint) => lint.run(),
            Self::List(list) => list.run(),
        }
    }
}

impl Lint {
    fn run(self) -> Result<(), Failure> {
        let mistakes = match read(&self.directory)? {
            Ok(_) => Vec::new(),
            Err(Mistakes(mistakes)) => mistakes,
        };
        match self.format {
            Format::Json => {
                let rows = mistakes
                    .iter()
                    .map(|mistake| json!({ "file": mistake.file, "line": mistake.line, "message": mistake.message }));
                print_json(&rows.collect())?;
            }
            Format::Table if mistakes.is_empty() => print("No mistakes.")?,
            Format::Table => print(&Mistakes(mistakes.clone()).to_string())?,
        }
        match mistakes.len() {
            0 => Ok(()),
            1 => Err(Failure::refused("1 mistake")),
            n => Err(Failure::refused(format!("{n} mistakes"))),
        }
    }
}

fn read(directory: &Path) -> Result<Result<Catalogue, Mistakes>, Failure> {
    Ok(Catalogue::with(&files(directory, "catalogue")?))
}

impl List {
    fn run(self) -> Result<(), Failure> {
        let catalogue = catalogue(self.catalogue.as_deref())?;
        let Some(id) = &self.framework else {
            return self.frameworks(&catalogue);
        };
        let framework = catalogue
            .framework(id)
            .ok_or_else(|| Failure::refused(format!("the catalogue has no framework `{id}`")))?;
        match self.format {
            Format::Json => print_json(&json!(framework)),
            Format::Table => {
                let mut rows = table(["requirement", "asks for", "checks", "coverage", "people attest"]);
                for row in &framework.requirements {
                    let checks = row
                        .supported_by
                        .as_ref()
                        .map_or_else(|| "none".to_owned(), |by| by.words());
                    let items: Vec<&str> = row.manual.iter().map(|item| item.id.as_str()).collect();
                    rows.add_row([&row.id, &row.title, &checks, row.coverage.as_str(), &items.join(", ")]);
                }
                print(&rows.to_string())
            }
        }
    }

    fn frameworks(&self, catalogue: &Catalogue) -> Result<(), Failure> {
        match self.format {
            Format::Json => print_json(&json!({ "sha256": catalogue.sha256(), "frameworks": catalogue.frameworks })),
            Format::Table => {
                let mut rows = table(["framework", "version", "title", "requirements"]);
                for framework in &catalogue.frameworks {
                    let count = framework.requirements.len().to_string();
                    rows.add_row([&framework.id, &framework.version, &framework.title, &count]);
                }
                print(&rows.to_string())
            }
        }
    }
}
