//! `nightjar-server`: the broker without a window.

use std::process::ExitCode;

use mimalloc::MiMalloc;

// Messages and subscriptions are allocated on one thread and freed on another. glibc keeps an arena a thread, and after a
// burst gives little of it back; this allocator does.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    keep_pages_small();
    nightjar_server::cli::main(std::env::args_os())
}

/// Has memory come and go in pages of the usual size. Of a huge one, two megabytes that the allocator has in use somewhere
/// stay for good: ten thousand idle connections took half as much again, and each burst cleared more than it used.
/// Very large sets of filters pay for it ("Where Nightjar is behind mosquitto" in BENCHMARKS.md).
#[cfg(target_os = "linux")]
fn keep_pages_small() {
    // A system that can't be asked goes on as it is.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
