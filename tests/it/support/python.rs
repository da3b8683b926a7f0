//! The verifier that every bundle carries, run as an auditor would: with Python and nothing else.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// Where the project keeps it.
pub fn verifier() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("service/cli/bundle/verify.py")
}

/// Runs it; its exit code, or nothing where there is no Python.
pub fn verify(arguments: &[&str]) -> Option<i32> {
    static THERE: LazyLock<bool> = LazyLock::new(|| {
        let version = Command::new("python3").arg("--version").output();
        let there = version.is_ok_and(|output| output.status.success());
        if !there {
            println!("skipped: python3 is missing, so nothing is verified with verify.py");
        }
        there
    });
    if !*THERE {
        return None;
    }
    let output = command().arg(verifier()).args(arguments).output().unwrap();
    let code = output.status.code().unwrap();
    // A verdict always says what it is; a stack trace is none.
    let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
    let verdict = ["Verified: ", "NOT VERIFIED: ", "CANNOT TELL: "][usize::try_from(code).unwrap()];
    assert!(said.starts_with(verdict), "{code}: {said}");
    Some(code)
}

/// Python, isolated from its surroundings.
pub fn command() -> Command {
    let mut command = Command::new("python3");
    command.args(["-I", "-B"]).stdin(Stdio::null());
    command
}
