//! `nightjar-server`: the broker without a window.

use std::process::ExitCode;

use mimalloc::MiMalloc;

// Messages and subscriptions are allocated on one thread and freed on another. glibc keeps an arena a thread, and after a
// burst gives little of it back; this allocator does.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    nightjar_server::cli::main(std::env::args_os())
}
