//! The certificate that devices are told to trust.

use std::fs;
use std::path::Path;

use nightjar_server::{AuthorityView, CertificateError};

use super::{Host, blocking, export, look};
use crate::views::millis;
use crate::wire::{Authority, Fault};

/// What the file is called unless the user calls it otherwise.
const NAME: &str = "nightjar-ca.pem";

#[tauri::command]
pub(crate) async fn authority(engine: Host<'_>) -> Result<Authority, Fault> {
    let AuthorityView { pem, name, fingerprint, ends } = read(&engine).await?;
    Ok(Authority { name, fingerprint, ends: millis(ends), pem })
}

/// Asks for a file in the desktop's own way, which also asks before one is written over, and writes the certificate there;
/// `None` where the user wants none.
#[tauri::command]
pub(crate) async fn save_authority(window: tauri::WebviewWindow, engine: Host<'_>) -> Result<Option<String>, Fault> {
    let pem = read(&engine).await?.pem;
    let wish = export::Wish { title: "Save the certificate", name: NAME, kind: "Certificate", ending: "pem" };
    let Some(file) = export::choose(&window, wish).await? else { return Ok(None) };
    blocking(move || {
        save(Path::new(&file), &pem)?;
        Ok(Some(file))
    })
    .await
}

async fn read(engine: &Host<'_>) -> Result<AuthorityView, Fault> {
    look(engine, |running| running.server.authority().map_err(|error| unreadable(&error))).await
}

fn unreadable(error: &CertificateError) -> Fault {
    let sentence = error.to_string();
    let (why, action) = sentence.rsplit_once(": ").unwrap_or((&sentence, "Look at the files in certs/"));
    Fault::new("The certificate was not read", why, action)
}

fn save(file: &Path, pem: &str) -> Result<(), Fault> {
    fs::write(file, pem).map_err(|error| {
        let why = format!("{} can't be written ({error})", file.display());
        Fault::new("The certificate was not saved", why, "Choose another file, or copy the text")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_takes_nothing_is_named_with_the_way_out() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(NAME);
        save(&file, "text").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "text");
        let fault = save(directory.path(), "text").unwrap_err();
        assert!(fault.why.contains(&directory.path().display().to_string()), "{fault:?}");
        assert!(fault.action.contains("copy the text"), "{fault:?}");
    }
}
