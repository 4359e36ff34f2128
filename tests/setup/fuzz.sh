#!/usr/bin/env bash
# Runs every fuzz target of the codec for so many seconds: `fuzz.sh [seconds]`.
set -euo pipefail
cd "$(dirname "$0")/../../src-tauri/mqtt"
seconds=${1:-60}

if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "Fuzzing needs a nightly Rust: rustup toolchain install nightly" >&2
    exit 1
fi
if ! command -v cargo-fuzz >/dev/null; then
    echo "Fuzzing needs cargo-fuzz: cargo install cargo-fuzz" >&2
    exit 1
fi
for target in $(cargo +nightly fuzz list); do
    cargo +nightly fuzz run "$target" -- -max_total_time="$seconds"
done
