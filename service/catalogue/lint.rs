//! Makes a catalogue of files, and finds what is wrong in what they say: all of it, not the first.

use std::collections::BTreeSet;
use std::str::FromStr;

use toml::Spanned;

use super::file::{Parsed, RequirementTable, ScopeTable};
use super::framework::{Framework, Requirement, Support, Tolerance};
use super::scope::Scope;
use super::{Catalogue, Mistake};
use crate::check::{self, Check, Parameters};
use crate::domain::id::NameError;
use crate::domain::{Instant, Zone};

/// Makes the catalogue, without what is wrong.
pub(super) fn check(files: Vec<Parsed<'_>>, mistakes: &mut Vec<Mistake>) -> Catalogue {
    let mut catalogue = Catalogue {
        frameworks: Vec::new(),
        scopes: Vec::new(),
        parameters: Parameters::default(),
        sha256: String::new(),
    };
    let mut own = BTreeSet::new();
    for file in &files {
        parameters(file, &mut catalogue.parameters, mistakes);
        let Some(framework) = framework(file, mistakes) else {
            continue;
        };
        if file.is_own
            && !own.insert(framework.id.clone())
            && let Some(table) = &file.content.framework
        {
            mistakes.push(file.mistake(
                &table.id,
                format!("framework `{}` is in another file too", framework.id),
            ));
        }
        match catalogue.frameworks.iter_mut().find(|known| known.id == framework.id) {
            Some(known) => *known = framework,
            None => catalogue.frameworks.push(framework),
        }
    }
    scopes(&files, &mut catalogue, mistakes);
    catalogue
}

fn parameters(file: &Parsed<'_>, parameters: &mut Parameters, mistakes: &mut Vec<Mistake>) {
    for (name, value) in &file.content.parameters {
        if let Err(error) = parameters.set(name.get_ref(), value) {
            mistakes.push(file.mistake(name, error.to_string()));
        }
    }
}

fn framework(file: &Parsed<'_>, mistakes: &mut Vec<Mistake>) -> Option<Framework> {
    let Some(table) = &file.content.framework else {
        if let Some(first) = file.content.requirement.first() {
            mistakes.push(file.mistake(&first.id, "a requirement needs a [framework] in its file"));
        }
        return None;
    };
    if !is_token(table.id.get_ref()) {
        mistakes.push(file.mistake(&table.id, TOKEN));
    }
    if file.content.requirement.is_empty() {
        mistakes.push(file.mistake(
            &table.id,
            format!("framework `{}` has no requirement", table.id.get_ref()),
        ));
    }
    let mut ids = BTreeSet::new();
    let mut manual = BTreeSet::new();
    for requirement in &file.content.requirement {
        if !ids.insert(requirement.id.get_ref()) {
            let message = format!("requirement `{}` is there twice", requirement.id.get_ref());
            mistakes.push(file.mistake(&requirement.id, message));
        }
        for attestation in &requirement.manual {
            let id = &attestation.get_ref().id;
            if !manual.insert(id) {
                mistakes.push(file.mistake(attestation, format!("attestation `{id}` is there twice")));
            }
        }
    }
    Some(Framework {
        id: table.id.get_ref().clone(),
        version: table.version.clone(),
        title: table.title.clone(),
        publisher: table.publisher.clone(),
        control_source: table.control_source.clone(),
        requirements: file
            .content
            .requirement
            .iter()
            .map(|table| requirement(file, table, mistakes))
            .collect(),
    })
}

fn requirement(file: &Parsed<'_>, table: &RequirementTable, mistakes: &mut Vec<Mistake>) -> Requirement {
    let id = table.id.get_ref();
    let supported_by = support(file, table, mistakes);
    if supported_by.is_none() && table.manual.is_empty() {
        let message =
            format!("requirement `{id}` needs checks (all, any or n_of) or something that people attest (manual)");
        mistakes.push(file.mistake(&table.id, message));
    }
    if let Some(tolerance) = &table.tolerance {
        let Tolerance {
            max_fail_rate,
            min_evaluable,
        } = tolerance.get_ref();
        for (name, share) in [("max_fail_rate", max_fail_rate), ("min_evaluable", min_evaluable)] {
            if !(0.0..=1.0).contains(share) {
                mistakes.push(file.mistake(tolerance, format!("{name} must be from 0 to 1, not {share}")));
            }
        }
    }
    for attestation in &table.manual {
        if !is_token(&attestation.get_ref().id) {
            mistakes.push(file.mistake(attestation, TOKEN));
        }
        if !(1..=3660).contains(&attestation.get_ref().valid_days) {
            mistakes.push(file.mistake(attestation, "valid_days must be from 1 to 3660"));
        }
    }
    let control = match &table.control {
        Some(control) => {
            if !is_token(control.get_ref()) {
                mistakes.push(file.mistake(control, TOKEN));
            }
            control.get_ref().clone()
        }
        None => token(id),
    };
    Requirement {
        id: id.clone(),
        title: table.title.clone(),
        control,
        supported_by,
        coverage: table.coverage,
        tolerance: table
            .tolerance
            .as_ref()
            .map(|tolerance| *tolerance.get_ref())
            .unwrap_or_default(),
        manual: table.manual.iter().map(|manual| manual.get_ref().clone()).collect(),
        note: table.note.clone(),
    }
}

fn support(file: &Parsed<'_>, table: &RequirementTable, mistakes: &mut Vec<Mistake>) -> Option<Support> {
    let n_of = table.n_of.as_ref();
    let given = [table.all.is_some(), table.any.is_some(), n_of.is_some()];
    if given.iter().filter(|given| **given).count() > 1 {
        mistakes.push(file.mistake(&table.id, "only one of all, any and n_of may be given"));
    }
    if let Some(given) = &table.all {
        return Some(Support::All(checks(file, table, given, mistakes)));
    }
    if let Some(given) = &table.any {
        let checks = checks(file, table, given, mistakes);
        of_one_unit(file, table, &checks, mistakes);
        return Some(Support::Any(checks));
    }
    let n_of = n_of?;
    let (n, given) = (n_of.get_ref().n, &n_of.get_ref().of);
    if !(1..=given.len()).contains(&n) {
        mistakes.push(file.mistake(n_of, format!("n must be from 1 to {}, not {n}", given.len())));
    }
    let of = checks(file, table, given, mistakes);
    of_one_unit(file, table, &of, mistakes);
    Some(Support::NOf { n, of })
}

fn checks(
    file: &Parsed<'_>,
    table: &RequirementTable,
    given: &[Spanned<String>],
    mistakes: &mut Vec<Mistake>,
) -> Vec<&'static str> {
    if given.is_empty() {
        mistakes.push(file.mistake(&table.id, "a list of checks must not be empty"));
    }
    let mut found: Vec<&'static str> = Vec::new();
    for id in given {
        match check::known(id.get_ref()) {
            None => mistakes.push(file.mistake(id, format!("there is no check `{}`", id.get_ref()))),
            Some(check) if found.contains(&check.id) => {
                mistakes.push(file.mistake(id, format!("check `{}` is there twice", check.id)));
            }
            Some(check) => found.push(check.id),
        }
    }
    found
}

/// A deployment cannot pass one of two checks of which the other is about the whole period.
fn of_one_unit(file: &Parsed<'_>, table: &RequirementTable, ids: &[&str], mistakes: &mut Vec<Mistake>) {
    let mut units = ids.iter().filter_map(|id| check::known(id)).map(Check::unit);
    let first = units.next();
    if units.any(|unit| Some(unit) != first) {
        let message = "checks of deployments and checks of something else cannot stand in for each other";
        mistakes.push(file.mistake(&table.id, message));
    }
}

fn scopes(files: &[Parsed<'_>], catalogue: &mut Catalogue, mistakes: &mut Vec<Mistake>) {
    for file in files {
        for table in &file.content.scope {
            let id = table.framework.get_ref();
            if catalogue.framework(id).is_none() {
                mistakes.push(file.mistake(&table.framework, format!("there is no framework `{id}`")));
            }
            let scope = scope(file, table, mistakes);
            if catalogue.scopes.iter().any(|known| known.overlaps(&scope)) {
                let message = format!("this scope of `{id}` overlaps another one");
                mistakes.push(file.mistake(&table.framework, message));
            }
            catalogue.scopes.push(scope);
        }
    }
}

fn scope(file: &Parsed<'_>, table: &ScopeTable, mistakes: &mut Vec<Mistake>) -> Scope {
    let services = names(file, &table.services, mistakes);
    let environments = names(file, &table.environments, mistakes);
    let from = instant(file, table.from.as_ref(), mistakes);
    let to = instant(file, table.to.as_ref(), mistakes);
    if let (Some(first), Some(end), Some(at)) = (from, to, &table.to)
        && first >= end
    {
        mistakes.push(file.mistake(at, "to must be later than from"));
    }
    Scope {
        framework: table.framework.get_ref().clone(),
        services,
        environments,
        from,
        to,
    }
}

fn names<T: FromStr<Err = NameError>>(
    file: &Parsed<'_>,
    given: &[Spanned<String>],
    mistakes: &mut Vec<Mistake>,
) -> Vec<T> {
    let mut names = Vec::new();
    for text in given {
        match T::from_str(text.get_ref()) {
            Ok(name) => names.push(name),
            Err(error) => mistakes.push(file.mistake(text, error.to_string())),
        }
    }
    names
}

fn instant(file: &Parsed<'_>, given: Option<&Spanned<String>>, mistakes: &mut Vec<Mistake>) -> Option<Instant> {
    let given = given?;
    let read = Zone::UTC.read(given.get_ref());
    if read.is_none() {
        mistakes.push(file.mistake(
            given,
            "must be a date such as 2026-01-31, or a date and time with a zone",
        ));
    }
    read
}

const TOKEN: &str = "must begin with a letter or _ and hold nothing but letters, digits, `.`, `_` and `-`";

/// Whether OSCAL takes it as a token.
fn is_token(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(first)
        && text
            .chars()
            .all(|c| first(c) || c.is_ascii_digit() || matches!(c, '.' | '-'))
}

/// The number of a requirement as a token.
fn token(id: &str) -> String {
    let text: String = id
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .collect();
    let text = text.trim_matches('_').to_owned();
    if is_token(&text) { text } else { format!("r{text}") }
}
