//! The one binary. Everything is in the library; the doors are in `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    kafka_node::cli::main(std::env::args_os()).into()
}
