use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::engine::Launch;

/// An MQTT broker that you can see inside.
#[derive(Debug, Parser)]
#[command(name = "nightjar", version, about)]
pub(crate) struct Arguments {
    /// The directory with nightjar.toml and nightjar.db; made if it is missing
    #[arg(long, value_name = "DIR", env = "NIGHTJAR_DATA_DIR")]
    data_dir: Option<PathBuf>,

    /// The port to listen on, in the place of the one in nightjar.toml; 0 takes a free one
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the broker without a window; `nightjar serve --help` says more
    #[command(disable_help_flag = true)]
    Serve {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        arguments: Vec<OsString>,
    },
}

impl Arguments {
    /// Reads the command line; ends the process where it is wrong, or asks for help.
    pub(crate) fn read() -> Self {
        Self::parse()
    }

    pub(crate) fn launch(self) -> Launch {
        Launch {
            data_directory: self.data_dir.unwrap_or_else(nightjar_server::default_data_directory),
            port: self.port,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_serve_is_for_the_server() {
        let arguments = Arguments::parse_from(["nightjar", "serve", "--listen", "127.0.0.1:0", "--help", "-x"]);
        let Some(Command::Serve { arguments }) = arguments.command else { panic!("{arguments:?}") };
        assert_eq!(arguments, ["--listen", "127.0.0.1:0", "--help", "-x"]);
    }

    #[test]
    fn the_window_takes_a_directory_and_a_port() {
        let launch = Arguments::parse_from(["nightjar", "--data-dir", "/d", "--port", "0"]).launch();
        assert_eq!((launch.data_directory, launch.port), (PathBuf::from("/d"), Some(0)));
    }
}
