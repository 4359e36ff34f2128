//! The desktop program: the only code that knows Tauri.

pub mod wire;
