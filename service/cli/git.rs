//! The commits that a deployment brings in, read with the `git` binary of the machine.
//!
//! Fixed arguments, NUL-separated output, and an environment of its own, so that neither a variable nor the user's
//! configuration nor a hostile commit message changes what is read. It never writes and never asks for a password.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::config::Environment;
use crate::domain::Instant;
use crate::domain::extension::Commit;

/// The most commits that are put into one event; a longer change set is cut and the cut is told.
pub const MAX_COMMITS: usize = 500;
/// The longest message kept of one commit, in bytes.
const MAX_MESSAGE: usize = 1_200;
/// The most that commits may take as JSON, in bytes: an event has to hold their titles a second time, as pull requests, and becomes a
/// third longer in an envelope of at most 1 MiB.
const MAX_WRITTEN: usize = 350 << 10;

/// Why git did not answer.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no git, or it cannot be started.
    #[error("cannot run git: {0}")]
    NoGit(#[from] std::io::Error),
    /// Git refused.
    #[error("git {command}: {message}")]
    Refused {
        /// The subcommand.
        command: String,
        /// What git said.
        message: String,
    },
    /// Git said something else than its manual promises.
    #[error("git {0}: the output is not understood")]
    Output(&'static str),
}

/// A checkout.
pub struct Checkout {
    folder: PathBuf,
    variables: Vec<(&'static str, String)>,
}

/// What lies between the commit that runs and the one that is deployed.
#[derive(Debug, Clone, PartialEq)]
pub enum Range {
    /// Both are the same.
    Same,
    /// The new commit is an ancestor of the old: this many commits go out, none come in.
    Back(usize),
    /// These come in, newest first; the number says how many more there are than were kept.
    Forward(Vec<Commit>, usize),
    /// The checkout does not hold this commit, so nothing can be said.
    Unknown(String),
}

impl Checkout {
    /// The checkout that holds `folder`, if there is one; an error where there is one that git does not read, as it refuses to
    /// where the folder belongs to somebody else.
    pub fn find(folder: &Path, environment: &Environment) -> Result<Option<Self>, GitError> {
        let variables = ["PATH", "HOME", "XDG_CONFIG_HOME"]
            .into_iter()
            .filter_map(|name| Some((name, environment.get(name)?.to_owned())))
            .chain([
                ("LC_ALL", "C".to_owned()),
                ("GIT_TERMINAL_PROMPT", "0".to_owned()),
                ("GIT_OPTIONAL_LOCKS", "0".to_owned()),
                ("GIT_NO_LAZY_FETCH", "1".to_owned()),
            ])
            .collect();
        let checkout = Self {
            folder: folder.to_owned(),
            variables,
        };
        match checkout.run("rev-parse", &["--git-dir"]) {
            Ok(_) => Ok(Some(checkout)),
            Err(error) if holds_git(folder) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// The commit that is checked out.
    pub fn head(&self) -> Result<String, GitError> {
        self.resolve("HEAD")?.ok_or_else(|| GitError::Refused {
            command: "rev-parse".to_owned(),
            message: "nothing is committed here yet".to_owned(),
        })
    }

    /// The URL of `origin`, if there is one.
    pub fn origin(&self) -> Option<String> {
        let output = self.run("config", &["-z", "--get", "remote.origin.url"]).ok()?;
        Some(output.trim_end_matches('\0').to_owned()).filter(|url| !url.is_empty())
    }

    /// What a deployment of `new` changes where `old` runs.
    pub fn range(&self, old: &str, new: &str) -> Result<Range, GitError> {
        let Some(new) = self.resolve(new)? else {
            return Ok(Range::Unknown(new.to_owned()));
        };
        let Some(old) = self.resolve(old)? else {
            return Ok(Range::Unknown(old.to_owned()));
        };
        if old == new {
            return Ok(Range::Same);
        }
        let incoming = self.count(&old, &new)?;
        if incoming == 0 {
            return Ok(Range::Back(self.count(&new, &old)?));
        }
        let commits = self.log(&old, &new)?;
        let left_out = incoming.saturating_sub(commits.len());
        Ok(Range::Forward(commits, left_out))
    }

    /// The full id of a commit that the checkout holds.
    pub fn resolve(&self, name: &str) -> Result<Option<String>, GitError> {
        let commit = format!("{name}^{{commit}}");
        match self.run("rev-parse", &["--verify", "--quiet", "--end-of-options", &commit]) {
            Ok(output) => Ok(Some(output.trim().to_owned())),
            Err(GitError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn count(&self, old: &str, new: &str) -> Result<usize, GitError> {
        let range = format!("{old}..{new}");
        let output = self.run("rev-list", &["--count", "--end-of-options", &range, "--"])?;
        output.trim().parse().map_err(|_| GitError::Output("rev-list"))
    }

    fn log(&self, old: &str, new: &str) -> Result<Vec<Commit>, GitError> {
        let range = format!("{old}..{new}");
        let limit = format!("--max-count={MAX_COMMITS}");
        let format = "--format=tformat:%H%x00%P%x00%aE%x00%cI%x00%B";
        let output = self.run(
            "log",
            &[
                "-z",
                "--no-color",
                "--no-show-signature",
                "--no-notes",
                "--encoding=UTF-8",
                &limit,
                format,
                "--end-of-options",
                &range,
                "--",
            ],
        )?;
        parse_log(&output)
    }

    fn run(&self, command: &str, arguments: &[&str]) -> Result<String, GitError> {
        let output = Command::new("git")
            .args([
                "-c",
                "core.fsmonitor=false",
                "-c",
                "core.quotePath=false",
                "--no-pager",
                "-C",
            ])
            .arg(OsStr::new(&self.folder))
            .arg(command)
            .args(arguments)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output()?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(GitError::Refused {
                command: command.to_owned(),
                message: String::from_utf8_lossy(&output.stderr)
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" "),
            })
        }
    }
}

/// Whether a checkout begins in the folder or above it.
fn holds_git(folder: &Path) -> bool {
    let whole = folder.canonicalize();
    whole.is_ok_and(|whole| whole.ancestors().any(|above| above.join(".git").exists()))
}

/// Five fields a commit, each ended by NUL.
fn parse_log(output: &str) -> Result<Vec<Commit>, GitError> {
    let fields = output
        .strip_suffix('\0')
        .map_or_else(Vec::new, |text| text.split('\0').collect());
    let (commits, []) = fields.as_chunks::<5>() else {
        return Err(GitError::Output("log"));
    };
    let commits = commits.iter().map(|[id, parents, author, time, message]| Commit {
        id: (*id).to_owned(),
        message: cut(message.trim_end(), MAX_MESSAGE),
        author: Some((*author).to_owned()).filter(|author| !author.is_empty()),
        // Git takes any time and zone that a clock shows; what is no time of ours is not known.
        committed_at: Instant::parse(time).ok(),
        merge: Some(parents.split(' ').count() > 1),
    });
    Ok(fitting(commits.collect()))
}

/// The commits with their messages cut shorter and shorter until an event holds them.
fn fitting(mut commits: Vec<Commit>) -> Vec<Commit> {
    let mut longest = MAX_MESSAGE;
    while longest > 1 && serde_json::to_vec(&commits).is_ok_and(|written| written.len() > MAX_WRITTEN) {
        longest /= 2;
        for commit in &mut commits {
            commit.message = cut(&commit.message, longest);
        }
    }
    commits
}

/// At most so many bytes of a text, with an ellipsis where something is missing.
pub fn cut(message: &str, longest: usize) -> String {
    match message
        .char_indices()
        .map(|(at, _)| at)
        .take_while(|at| *at <= longest)
        .last()
    {
        Some(end) if message.len() > longest => format!("{}…", &message[..end]),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Repository {
        folder: tempfile::TempDir,
        commits: Vec<String>,
    }

    /// Three commits on a line: `a` (plain), `b` (a message made to break a parser), `c` (two paragraphs).
    fn repository() -> Repository {
        let folder = tempfile::tempdir().unwrap();
        let git = |arguments: &[&str]| {
            let output = Command::new("git")
                .args([
                    "-c",
                    "user.name=T",
                    "-c",
                    "user.email=t@example.org",
                    "-c",
                    "commit.gpgSign=false",
                    "-C",
                ])
                .arg(folder.path())
                .args(arguments)
                .env_remove("GIT_DIR")
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        git(&["init", "-q", "-b", "main"]);
        git(&["remote", "add", "origin", "https://u:p@git.example/acme/shop"]);
        let commits = ["a", "b\u{1f}--format=x %H\u{1e}\"]", "c\n\nsecond paragraph\n"]
            .iter()
            .map(|message| {
                git(&["commit", "-q", "--allow-empty", "-m", message]);
                git(&["rev-parse", "HEAD"])
            })
            .collect();
        Repository { folder, commits }
    }

    fn checkout(repository: &Repository) -> Checkout {
        let found = Checkout::find(repository.folder.path(), &Environment::of_process());
        found.expect("git is installed").expect("it is a checkout")
    }

    #[test]
    fn commits_come_newest_first_with_whole_messages() {
        let repository = repository();
        let git = checkout(&repository);
        let [a, b, c] = &repository.commits[..] else { panic!() };
        assert_eq!(&git.head().unwrap(), c);
        assert_eq!(git.origin().unwrap(), "https://u:p@git.example/acme/shop");
        let Range::Forward(commits, 0) = git.range(a, c).unwrap() else {
            panic!()
        };
        assert_eq!(commits.iter().map(|commit| &commit.id).collect::<Vec<_>>(), [c, b]);
        assert_eq!(commits[0].message, "c\n\nsecond paragraph");
        assert_eq!(commits[1].message, "b\u{1f}--format=x %H\u{1e}\"]");
        assert_eq!(commits[0].author.as_deref(), Some("t@example.org"));
        assert_eq!(commits[0].merge, Some(false));
    }

    #[test]
    fn a_rollback_brings_nothing_in() {
        let repository = repository();
        let git = checkout(&repository);
        let [a, _, c] = &repository.commits[..] else { panic!() };
        assert_eq!(git.range(c, a).unwrap(), Range::Back(2));
        assert_eq!(git.range(c, c).unwrap(), Range::Same);
    }

    #[test]
    fn an_unknown_or_hostile_commit_is_said_to_be_unknown() {
        let repository = repository();
        let git = checkout(&repository);
        let c = &repository.commits[2];
        for name in ["0000000000000000000000000000000000000001", "--output=/tmp/x", "-n1", ""] {
            assert_eq!(git.range(name, c).unwrap(), Range::Unknown(name.to_owned()));
        }
    }

    #[test]
    fn outside_a_checkout_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            Checkout::find(folder.path(), &Environment::of_process())
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn a_checkout_that_git_does_not_read_is_told_apart_from_none() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".git"), "gitdir: /nonexistent").unwrap();
        let below = folder.path().join("below");
        std::fs::create_dir(&below).unwrap();
        let refused = Checkout::find(&below, &Environment::of_process()).err();
        assert!(refused.unwrap().to_string().starts_with("git rev-parse: fatal: "));
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let long = "é".repeat(MAX_MESSAGE);
        assert!(cut(&long, 99).len() <= 99 + 3 && cut(&long, 99).ends_with("é…"));
        assert_eq!(cut("short", 5), "short");
    }

    #[test]
    fn long_messages_are_shortened_until_an_event_holds_all_commits() {
        let commit = |message: &str| Commit {
            id: "a".repeat(40),
            message: message.to_owned(),
            author: None,
            committed_at: None,
            merge: None,
        };
        let short = vec![commit("feat: pay by card"); MAX_COMMITS];
        assert_eq!(fitting(short.clone()), short);
        let long = fitting(vec![commit(&"feat: \u{1}\"\n".repeat(200)); MAX_COMMITS]);
        assert!(serde_json::to_vec(&long).unwrap().len() <= MAX_WRITTEN);
        assert!(long.len() == MAX_COMMITS && long[0].message.starts_with("feat: ") && long[0].message.ends_with('…'));
    }

    #[test]
    fn a_commit_of_an_impossible_time_is_kept_without_it() {
        let fields = ["a", "", "t@example.org", "2026-10-13T04:13:20+518:00", "m", ""];
        let read = parse_log(&fields.join("\0")).unwrap();
        assert_eq!((read[0].message.as_str(), read[0].committed_at), ("m", None));
    }

    #[test]
    fn output_of_another_form_is_refused() {
        assert!(parse_log("a\0b\0").is_err());
        assert_eq!(parse_log("").unwrap(), []);
    }
}
