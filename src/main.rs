//! `poam`: parse, run, print the chain of errors, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    poam::cli::main()
}
