#!/usr/bin/env bash
# Runs every fuzz target for so many seconds each: `fuzz.sh [seconds]`.
#
# What libFuzzer finds goes on from `seeds/`, which is in the repository, and gathers in `corpus/`, which is not. What
# breaks a target lands in `artifacts/`: mend it, and copy the input to `seeds/`, where `cargo test` repeats it.
set -euo pipefail
cd "$(dirname "$0")/../../src-tauri"
seconds=${1:-60}

if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "Fuzzing needs a nightly Rust: rustup toolchain install nightly" >&2
    exit 1
fi
if ! command -v cargo-fuzz >/dev/null; then
    echo "Fuzzing needs cargo-fuzz: cargo install cargo-fuzz" >&2
    exit 1
fi
for crate in mqtt broker; do
    for target in $(cd $crate && cargo +nightly fuzz list); do
        echo "=== $target"
        (
            cd $crate
            mkdir -p "fuzz/corpus/$target"
            cargo +nightly fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- -max_total_time="$seconds"
        )
    done
done
