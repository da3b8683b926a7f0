//! `verify report`: a document rendered again from a bundle, offline, and compared byte for byte.
//!
//! The service is not asked and not believed: the ledger is built again from entries that verify, the question is the
//! one that the document states, and the program does what the service did. What cannot be decided for want of
//! something, such as the same template, is told apart from a document that is not what the ledger says.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::Failure;
use super::super::bundle::{self, Kept, Passed, Verdict};
use super::super::document::question;
use super::super::output::{Format, clean, print, print_json};
use super::super::progress::Progress;
use super::super::serve::{catalogue, templates};
use super::super::trust::{HistoryArguments, Trust};
use super::Coverage;
use crate::app::{DocumentQuery, Format as Form, Rebuilt, Replay, Replayed};
use crate::catalogue::Catalogue;
use crate::document::compliance::oscal::Model;
use crate::domain::words::count;
use crate::render::Templates;
use crate::store::{Connect, Database, DatabaseUrl, StoreError};

/// Longest document that is read.
const MAX_BYTES: u64 = 64 << 20;

/// What stands for the checkpoint in what is made again where a document holds none: a document that should hold one then differs.
const NO_CHECKPOINT: &str = "(a checkpoint that the log signed)";

/// Arguments of `verify report`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The document: Markdown, HTML or JSON, as it was printed
    file: PathBuf,
    /// A bundle of the ledger at least as long as the document speaks of
    #[arg(long, value_name = "DIR")]
    bundle: PathBuf,
    /// The command that the document states, where it cannot be read from it
    #[arg(long, value_name = "COMMAND")]
    query: Option<String>,
    /// Templates that the document was rendered with, if not the built-in ones
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
    /// Catalogue that the document was made with, if not the built-in one
    #[arg(long, value_name = "DIR")]
    catalogue: Option<PathBuf>,
    #[command(flatten)]
    trust: HistoryArguments,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The document as it was handed over.
pub(super) struct Given {
    text: String,
    form: Form,
    /// The question that it states, as a command.
    pub(super) words: String,
    /// The same, read.
    pub(super) query: DocumentQuery,
    /// Only entries below this index entered it.
    pub(super) tree_size: u64,
}

/// The document as this program makes it.
pub(super) struct Made {
    /// Its text.
    pub(super) text: String,
    /// SHA-256 of it, in hex.
    digest: String,
    /// The first line that is another in what was handed over: its number, and what each has there.
    pub(super) difference: Option<Difference>,
}

type Difference = (usize, String, String);

impl Arguments {
    /// Verifies it.
    pub fn run(self) -> Result<(), Failure> {
        let given = Given::read(&self.file, self.query.as_deref())?;
        let (trust, roll) = self.trust.read()?;
        let templates = templates(self.templates.as_deref())?;
        let catalogue = catalogue(self.catalogue.as_deref())?;
        // The folder of the database goes when this ends.
        let folder = tempfile::tempdir().map_err(|error| unbuilt(&error))?;
        let (rebuilt, mut coverage) = rebuild(folder.path(), &self.bundle, &trust, roll, &given)?;
        coverage.checks("the document: every byte is what this program makes of the entries below its tree size");
        let Made {
            text,
            digest,
            difference,
        } = remake(&given, &rebuilt, &templates, &catalogue)?;
        match self.format {
            Format::Json => {
                let mut shown = json!({
                    "verified": difference.is_none(),
                    "query": given.words,
                    "tree_size": given.tree_size,
                    "sha256": digest,
                    "difference": difference.as_ref().map(|(line, given, made)| json!({ "line": line, "given": given, "made": made })),
                });
                coverage.add_to(&mut shown);
                print_json(&shown)?;
            }
            Format::Table if difference.is_none() => {
                let first = format!(
                    "Verified: {} is what the ledger says at tree size {}, byte for byte.",
                    self.file.display(),
                    given.tree_size
                );
                print(&[vec![first], coverage.lines()].concat().join("\n"))?;
            }
            Format::Table => {}
        }
        match difference {
            None => Ok(()),
            Some(difference) => Err(explain(&given, &rebuilt, &templates, &catalogue, &text, &difference)),
        }
    }
}

/// Makes a document again, from a ledger that was built again.
pub(super) fn remake(
    given: &Given,
    rebuilt: &Rebuilt,
    templates: &Templates,
    catalogue: &Catalogue,
) -> Result<Made, Failure> {
    let document = rebuilt
        .document(templates, catalogue, &given.query, given.tree_size, given.form)
        .map_err(|error| Failure::refused(format!("NOT VERIFIED: the ledger makes no such document: {error}")))?;
    Ok(Made {
        difference: first_difference(&given.text, &document.text),
        text: document.text,
        digest: document.digest,
    })
}

impl Given {
    /// The same question, answered in another form.
    pub(super) fn in_form(&self, text: String, form: Form) -> Self {
        Self {
            text,
            form,
            words: self.words.clone(),
            query: self.query.clone(),
            tree_size: self.tree_size,
        }
    }

    /// Reads a document, and the question that it states where that is not given.
    pub(super) fn read(file: &Path, query: Option<&str>) -> Result<Self, Failure> {
        let unclear = |error: &dyn std::fmt::Display| Failure::unclear(format!("{}: {error}", file.display()));
        let size = std::fs::metadata(file).map_err(|error| unclear(&error))?.len();
        if size > MAX_BYTES {
            return Err(unclear(&"is longer than any document"));
        }
        let text = std::fs::read_to_string(file).map_err(|error| unclear(&error))?;
        let form = form(&text);
        let words = query.map(str::to_owned).or_else(|| stated(&text, form));
        let words = words.ok_or_else(|| unclear(&"it states no query that can be read; give it with --query"))?;
        let (query, tree_size) = question(&words).map_err(|error| unclear(&format!("its query, {words}: {error}")))?;
        Ok(Self {
            text,
            form,
            words,
            query,
            tree_size,
        })
    }
}

/// The form that a text is in, by how it begins.
fn form(text: &str) -> Form {
    let models = [
        Model::AssessmentResults,
        Model::AssessmentPlan,
        Model::ComponentDefinition,
    ];
    let model = || {
        models
            .into_iter()
            .find(|model| text.starts_with(&format!("{{\n  \"{}\"", model.name())))
    };
    match text.chars().next() {
        Some('{') => model().map_or(Form::Json, Form::Oscal),
        Some('<') => Form::Html,
        _ if text.starts_with("index,entries,") => Form::Csv,
        Some(_) | None => Form::Markdown,
    }
}

/// The query that a document states. Text from outside stands before the foot, where the last one is the program's own.
fn stated(text: &str, form: Form) -> Option<String> {
    let between = |open: &str, close: &str| {
        let from = text.rfind(open)? + open.len();
        Some(text[from..].split(close).next()?.to_owned())
    };
    match form {
        Form::Markdown => between("Query: `", "`"),
        Form::Html => {
            let escaped = between("Query: <code>", "</code>")?;
            let plain = escaped
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"");
            Some(plain.replace("&amp;", "&"))
        }
        Form::Json => {
            let context: Value = serde_json::from_str(text).ok()?;
            context["generated"]["query"].as_str().map(str::to_owned)
        }
        Form::Oscal(model) => {
            let document: Value = serde_json::from_str(text).ok()?;
            let props = document[model.name()]["metadata"]["props"].as_array()?.iter();
            let query = props
                .filter(|prop| prop["name"] == "query")
                .find_map(|prop| prop["value"].as_str());
            query.map(str::to_owned)
        }
        Form::Csv | Form::Records => None,
    }
}

fn unbuilt(error: &dyn std::fmt::Display) -> Failure {
    Failure::unclear(format!("the ledger cannot be built again: {error}"))
}

/// Builds the ledger again, from entries that verify. It may be longer than the document speaks of, as the service's may.
pub(super) fn rebuild(
    place: &Path,
    folder: &Path,
    trust: &Trust,
    roll: Option<crate::audit::Roll>,
    given: &Given,
) -> Result<(Rebuilt, Coverage), Failure> {
    let url = DatabaseUrl::Sqlite(place.join("rebuilt.db"));
    let database = Connect::new(url, None)
        .and_then(Database::open)
        .map_err(|error| unbuilt(&error))?;
    let (origin, size) = heading(folder)?;
    let mut replay = Replay::begin(database, &origin).map_err(|error| unbuilt(&error))?;
    let mut problem: Option<StoreError> = None;
    let (progress, mut done) = (Progress::of_entries(), 0);
    let verdict = bundle::verify_with(folder, trust, roll, |passed| {
        done += 1;
        progress.step(done, size);
        if problem.is_none() {
            problem = replay.add(replayed(passed)).err();
        }
    });
    drop(progress);
    let Verdict { opened, report } = verdict.map_err(|error| Failure::unclear(error.to_string()))?;
    if let Some(problem) = problem {
        return Err(unbuilt(&problem));
    }
    let opened = opened.filter(|_| report.findings.is_empty()).ok_or_else(|| {
        let what = report
            .findings
            .first()
            .map_or_else(String::new, |finding| format!(": {}", finding.message));
        Failure::refused(format!(
            "NOT VERIFIED: the bundle is not the history that the log signed{}",
            clean(&what)
        ))
    })?;
    if let Some(shortfall) = &opened.shortfall {
        return Err(Failure::unclear(format!("CANNOT TELL: {shortfall}")));
    }
    if opened.checkpoint.size < given.tree_size {
        return Err(Failure::unclear(format!(
            "CANNOT TELL: the document speaks of {} entries, and the bundle has {}; export a newer one",
            given.tree_size, opened.checkpoint.size
        )));
    }
    let mut coverage = Coverage::of(&opened, trust);
    coverage
        .checks("every entry of the bundle: its signatures, commitment, time, and the right of its key at its place");
    if let Some(omission) = report.withheld.omission() {
        coverage.omits(omission);
    }
    coverage.continuation(&opened, trust);
    let checkpoint = checkpoint(trust, given, &opened.checkpoint.origin)?;
    let checkpoint = Some((given.tree_size, checkpoint.as_deref().unwrap_or(NO_CHECKPOINT)));
    let withheld = report.withheld.entries;
    let rebuilt = replay.finish(checkpoint, withheld).map_err(|error| unbuilt(&error))?;
    Ok((rebuilt, coverage))
}

/// The name of the log and its size, which begin its checkpoint; whether that is signed is looked at later.
fn heading(folder: &Path) -> Result<(String, u64), Failure> {
    let path = folder.join(bundle::CHECKPOINT);
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Failure::unclear(format!("cannot read {}: {error}", path.display())))?;
    let mut lines = text.lines();
    let origin = lines.next().unwrap_or_default().to_owned();
    Ok((origin, lines.next().and_then(|size| size.parse().ok()).unwrap_or(0)))
}

/// The checkpoint that a document holds beside what it says: signed, and of the tree that it speaks of. The bundle cannot tell which
/// signatures it had, so every line must be of a key that is known: another would pass for one that was verified.
fn checkpoint(trust: &Trust, given: &Given, origin: &str) -> Result<Option<String>, Failure> {
    let refused = |what: String| Failure::refused(format!("NOT VERIFIED: the checkpoint in the document: {what}"));
    let note = match given.form {
        Form::Json => {
            let context: Value = serde_json::from_str(&given.text).map_err(|error| refused(error.to_string()))?;
            let note = &context["generated"]["ledger"]["checkpoint"];
            note.as_str().filter(|note| !note.is_empty()).map(str::to_owned)
        }
        Form::Markdown | Form::Html => printed_note(&given.text, origin, given.tree_size),
        Form::Csv | Form::Oscal(_) | Form::Records => None,
    };
    let Some(note) = note else { return Ok(None) };
    let opened = trust.open(&note).map_err(refused)?;
    if opened.checkpoint.size != given.tree_size {
        return Err(refused(format!("is of {} entries", opened.checkpoint.size)));
    }
    if opened.unknown > 0 {
        return Err(Failure::unclear(format!(
            "CANNOT TELL: the keys of {} on the checkpoint in the document are missing; give those of witnesses with --policy FILE, another \
             key of the log with --log-key FILE",
            count(opened.unknown, "signature")
        )));
    }
    Ok(Some(note))
}

/// The signed note of that log and size that is printed in a text, if there is one.
/// Source: <https://c2sp.org/signed-note>.
fn printed_note(text: &str, origin: &str, size: u64) -> Option<String> {
    let start = text.find(&format!("{origin}\n{size}\n"))?;
    let mut lines = text[start..].split_inclusive('\n');
    // Origin, size, root and an empty line; then the signatures.
    let mut note: String = lines.by_ref().take(4).collect();
    note.extend(lines.take_while(|line| line.starts_with("— ")));
    Some(note)
}

fn replayed(passed: Passed) -> Replayed {
    let content = match (passed.recorded, passed.line.kept) {
        (Some(recorded), Kept::Sealed(salt, envelope)) => {
            Some((salt.to_vec(), envelope.into_bytes(), Box::new(recorded)))
        }
        (Some(_) | None, _) => None,
    };
    Replayed {
        leaf: passed.leaf,
        content,
    }
}

/// The first line in which two texts differ: its number, and what each has there.
fn first_difference(given: &str, made: &str) -> Option<Difference> {
    if given == made {
        return None;
    }
    let (mut given, mut made) = (given.split('\n'), made.split('\n'));
    let end = "(the end)";
    for number in 1.. {
        match (given.next(), made.next()) {
            (None, None) => break,
            (left, right) if left != right => {
                return Some((number, left.unwrap_or(end).to_owned(), right.unwrap_or(end).to_owned()));
            }
            (Some(_), Some(_)) | (Some(_), None) | (None, Some(_)) => {}
        }
    }
    None
}

/// Whether a difference means that the document is wrong, or only that something is missing here.
pub(super) fn explain(
    given: &Given,
    rebuilt: &Rebuilt,
    templates: &Templates,
    catalogue: &Catalogue,
    made: &str,
    (line, theirs, ours): &Difference,
) -> Failure {
    let version = concat!("shipslog ", env!("CARGO_PKG_VERSION"));
    let versioned = match given.form {
        Form::Json => format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION")),
        Form::Markdown | Form::Html | Form::Oscal(_) => version.to_owned(),
        Form::Csv | Form::Records => String::new(),
    };
    if !given.text.contains(&versioned) {
        return Failure::unclear(format!(
            "CANNOT TELL: the document was made by another version than {version}; verify it with that one"
        ));
    }
    if made.contains(catalogue.sha256()) && !given.text.contains(catalogue.sha256()) {
        return Failure::unclear(
            "CANNOT TELL: the document was made with another catalogue; give it with --catalogue".to_owned(),
        );
    }
    let digests = templates.digests();
    let rendered = matches!(given.form, Form::Markdown | Form::Html | Form::Json);
    if rendered
        && !digests
            .iter()
            .any(|digest| given.text.contains(digest.as_str()) && made.contains(digest.as_str()))
    {
        return Failure::unclear(
            "CANNOT TELL: the document was rendered with other templates; give them with --templates".to_owned(),
        );
    }
    if ours.contains(NO_CHECKPOINT) {
        return Failure::unclear(format!(
            "CANNOT TELL: line {line} has {theirs:?} where the signed checkpoint of {size} entries belongs; the log may have signed none \
             of that size: make the document again without --tree-size, or with that of a checkpoint, and verify that",
            size = given.tree_size
        ));
    }
    let erased = rebuilt.erased_since(given.tree_size);
    if !erased.is_empty() {
        let gone: Vec<String> = erased.iter().take(5).map(ToString::to_string).collect();
        return Failure::unclear(format!(
            "CANNOT TELL: the content of entries was erased since ({}); line {line} has {theirs:?}, and without them it is {ours:?}",
            gone.join(", ")
        ));
    }
    if rebuilt.withheld() > 0 {
        return Failure::unclear(format!(
            "CANNOT TELL: line {line} has {theirs:?}, and the records that are shown say {ours:?}: it was changed, or made from some of \
             the {} records that are withheld",
            rebuilt.withheld()
        ));
    }
    Failure::refused(format!(
        "NOT VERIFIED: line {line} has {theirs:?}; the ledger says {ours:?}"
    ))
}
