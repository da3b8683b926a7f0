//! The `shipslog` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    shipslog::cli::main()
}
