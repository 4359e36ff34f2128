//! `nightjar`: opens the window.

fn main() {}
