//! The `shipslog` binary.

use std::process::ExitCode;

// A record is many small allocations on one thread that are freed on another; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    shipslog::cli::main()
}
