//! The desktop program: the only code that knows Tauri, and little of it does.
//!
//! ```text
//! window ── commands ── engine ── server (broker, journal)
//!               │          ├── sampler     rates, and the traffic of the last day
//!             views        ├── searches    of the history, plots of its numbers, exports
//!               │          └── publisher   the window as a client
//!             wire: every type that crosses to the page
//! ```
//!
//! Commands and `window` know Tauri; the rest is ordinary code, which its tests run without a display.

pub mod clipboard;
pub mod engine;
pub mod exports;
pub mod pasts;
pub mod plots;
pub mod preferences;
pub mod publisher;
pub mod sampler;
pub mod searches;
pub mod views;
pub mod wire;

mod arguments;
mod commands;
mod fault;
mod firewall;
mod window;

use std::process::ExitCode;

use arguments::{Arguments, Command};

/// The program: `nightjar` opens the window, `nightjar serve` runs the broker alone.
pub fn main() -> ExitCode {
    match Arguments::read() {
        Arguments { command: Some(Command::Serve { arguments }), .. } => {
            let program = std::iter::once("nightjar serve".into());
            nightjar_server::cli::main(program.chain(arguments))
        }
        arguments if !window::has_display() => {
            complain("there is no display to open a window on; `nightjar serve` runs the broker without one");
            drop(arguments);
            ExitCode::FAILURE
        }
        arguments => match window::run(arguments.launch()) {
            Ok(code) => code,
            Err(error) => {
                complain(&error);
                ExitCode::FAILURE
            }
        },
    }
}

#[expect(clippy::print_stderr, reason = "without a window, this is the only place to say it")]
fn complain(sentence: &str) {
    eprintln!("nightjar: {sentence}");
}
