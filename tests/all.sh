#!/usr/bin/env bash
# All of the tests, one step after the other; `make test` and CI run this.
#
# A step that fails doesn't stop the others, so that one run shows everything. The last line is the plain total over
# cargo test, vitest and the UI tests: `N passed, N failed`. A step that fails without a failed test of its own
# (formatting, a build) counts as one failure.
set -uo pipefail
cd "$(dirname "$0")/.."

export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never} NO_COLOR=1 FORCE_COLOR=0

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
passed=0
failed=0
failed_steps=()

# Sums the totals in a log, in the words of cargo test ("test result: ok. 3 passed; 0 failed"), vitest
# ("Tests  1 failed | 3 passed (4)"), node:test ("# pass 3") and playwright ("3 passed (4s)"): "passed failed".
totals() {
    sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '
        /^test result:/ || /^ *Tests  / || /^ *[0-9]+ (passed|failed)/ {
            for (i = 2; i <= NF; i++) {
                if ($i ~ /^passed/) passed += $(i - 1)
                if ($i ~ /^failed/) failed += $(i - 1)
            }
        }
        /^(#|ℹ) pass [0-9]+$/ { passed += $3 }
        /^(#|ℹ) fail [0-9]+$/ { failed += $3 }
        END { print passed + 0, failed + 0 }'
}

fail() {
    failed=$((failed + $2))
    failed_steps+=("$1")
}

# `step counts|plain NAME COMMAND…`: runs it in sight, and with `counts` adds up its tests.
step() {
    local kind=$1 name=$2 log="$logs/${#failed_steps[@]}-$RANDOM" started=$SECONDS result
    shift 2
    printf '\n=== %s\n' "$name"
    "$@" 2>&1 | tee "$log"
    result=${PIPESTATUS[0]}
    local step_passed=0 step_failed=0
    [ "$kind" = plain ] || read -r step_passed step_failed < <(totals "$log")
    passed=$((passed + step_passed))
    if [ "$step_failed" -gt 0 ]; then
        fail "$name" "$step_failed"
    elif [ "$result" -ne 0 ]; then
        fail "$name (exit code $result)" 1
    elif [ "$kind" = counts ] && [ "$step_passed" -eq 0 ]; then
        fail "$name (no test was counted)" 1
    fi
    printf -- '--- %s: %s s\n' "$name" $((SECONDS - started))
    return "$result"
}

in_ui() { (cd ui && "$@"); }

# What cargo test writes from the Rust types (.cargo/config.toml says where), and what is committed.
generated_types() {
    find ui/src/host/types -name '*.ts' -type f -print0 | sort -z | xargs -0 --no-run-if-empty sha256sum
}

types_are_current() {
    if [ -z "$types_before" ]; then
        echo "There are no generated types in ui/src/host/types."
        return 1
    fi
    diff <(echo "$types_before") <(generated_types) && return 0
    echo "The generated TypeScript was not current; cargo test has written it anew. Commit the files above."
    return 1
}

# A display and a session bus of their own, for the tests that open the real window.
on_a_display() {
    WEBKIT_DISABLE_DMABUF_RENDERER=1 dbus-run-session -- xvfb-run -a -s '-screen 0 1280x800x24' "$@"
}

step plain "real clients" tests/setup/clients.sh
step plain "ui: install" make --no-print-directory ui/node_modules/.installed
step plain "ui: build" in_ui npm run build
step plain "ui: check" in_ui npm run check
step counts "ui: unit tests" in_ui npm test
step counts "ui: in Chromium" in_ui npm run test:ui

step plain "rust: formatting" cargo fmt --all --check
step plain "rust: clippy" cargo clippy --workspace --all-targets --all-features -- --deny warnings
types_before=$(generated_types)
# The tests of the processes run these; built once, here, so that no test builds anything.
# All targets, because the tests bring features of their own: without them everything would be built a second time.
step plain "rust: build" cargo build --workspace --all-features --all-targets
NIGHTJAR_TEST_PROGRAMS=$(realpath "${CARGO_TARGET_DIR:-target}/debug")
export NIGHTJAR_TEST_PROGRAMS
step counts "rust: tests" on_a_display cargo test --workspace --all-features --no-fail-fast
step plain "generated types" types_are_current

if [ ${#failed_steps[@]} -gt 0 ]; then
    printf '\nFailed:\n'
    printf '  %s\n' "${failed_steps[@]}"
fi
printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
