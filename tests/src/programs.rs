//! Where the programs under test are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The path of one of the workspace's programs, such as `nightjar-server`.
///
/// `make test` builds them all beforehand and says where (`NIGHTJAR_TEST_PROGRAMS`). Otherwise the server is built
/// now, into the target directory that this test lies in, so that no test meets a stale one.
///
/// # Panics
/// Where the program can't be built.
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER
        .get_or_init(|| match env::var_os("NIGHTJAR_TEST_PROGRAMS") {
            Some(folder) => PathBuf::from(folder),
            None => build_server(),
        })
        .join(name)
}

fn build_server() -> PathBuf {
    let test = env::current_exe().expect("a running program has a path");
    // …/target/<profile>/deps/<test>, or …/target/<profile>/<program>
    let mut folder = test.parent().expect("a program lies in a folder");
    if folder.ends_with("deps") {
        folder = folder.parent().expect("deps lies in a profile's folder");
    }
    let target = folder.parent().expect("a profile's folder lies in target");
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build
        .args(["build", "--quiet", "--package", "nightjar-server", "--bin", "nightjar-server", "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if folder.ends_with("release") {
        build.arg("--release");
    }
    let status = build.status().expect("cargo starts");
    assert!(status.success(), "nightjar-server does not build");
    folder.to_path_buf()
}

/// Whether a program is on the PATH (or, as mosquitto, where Debian puts daemons).
pub fn is_installed(name: &str) -> bool {
    find(name).is_some()
}

pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")])
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// The folder `tests/` of the checkout.
pub(crate) fn tests_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
