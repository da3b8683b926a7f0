//! The commit that a record is about.

use std::path::Path;

use crate::cli::ci::Claims;
use crate::cli::git::Checkout;
use crate::cli::{Context, Failure, output};
use crate::domain::artifact::{is_commit, is_whole_commit};

/// The commit that the flag names, or else the CI system. Names and shortened ids are looked up in the checkout; what the CI
/// system says and is no commit, such as the `HEAD` of a build that nobody chose a commit for, is told and left out.
pub fn commit(
    flag: Option<&str>,
    claims: &Claims,
    folder: &Path,
    context: &Context,
) -> Result<Option<String>, Failure> {
    let Some(name) = flag.or(claims.commit.as_deref()) else {
        return Ok(None);
    };
    if is_whole_commit(name) {
        return Ok(Some(name.to_owned()));
    }
    let found = Checkout::find(folder, &context.environment).and_then(|checkout| match checkout {
        Some(checkout) => checkout.resolve(name),
        None => Ok(None),
    });
    let why = match found {
        Ok(Some(id)) => return Ok(Some(id)),
        Ok(None) => "no checkout here knows it".to_owned(),
        Err(error) => error.to_string(),
    };
    if is_commit(name) {
        return Ok(Some(name.to_owned()));
    }
    if flag.is_some() {
        return Err(Failure::unclear(format!(
            "--commit: \"{name}\" is not the id of a commit, 7 to 64 hexadecimal digits, and {why}"
        )));
    }
    output::note(&format!(
        "The commit is not recorded: {} calls it \"{}\", which is not the id of one, and {why}.",
        claims.system,
        output::clean(name)
    ));
    Ok(None)
}
