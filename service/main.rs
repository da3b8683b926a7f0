//! The `shipslog` binary.

fn main() {}
