//! Embeds the window's page, its permissions and the bundle's configuration.

fn main() {
    println!("cargo:rerun-if-changed=src-tauri/capabilities");
    println!("cargo:rerun-if-changed=tauri.conf.json");
    // tauri-build's own message names the file and the cure.
    if let Err(error) =
        tauri_build::try_build(tauri_build::Attributes::new().capabilities_path_pattern("src-tauri/capabilities/**/*"))
    {
        println!("cargo::error={error:#}");
    }
}
