//! `nightjar-server`: the broker without a window.

use std::process::ExitCode;

fn main() -> ExitCode {
    nightjar_server::cli::main(std::env::args_os())
}
