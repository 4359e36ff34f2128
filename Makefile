# Nightjar: the commands that a newcomer needs. `make` alone lists them.

# `make run PROFILE=release`: slower to build, faster to run.
PROFILE ?= dev
# Further arguments: `make serve ARGS="--listen 0.0.0.0:1883 --allow-anonymous"`.
ARGS ?=

ui_sources = $(shell find ui/src ui/static ui/public -type f 2>/dev/null) $(wildcard ui/*.html ui/*.ts ui/*.js ui/*.json)

.DEFAULT_GOAL := help
.PHONY: help run serve test bench package lint fuzz setup ui

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## install what is missing, build, open the window
	@tests/setup/display.sh
	@tests/setup/system.sh build
	@$(MAKE) --no-print-directory ui
	cargo run --profile $(PROFILE) --package nightjar -- $(ARGS)

serve: ## the broker without a window, on 127.0.0.1:1883
	cargo run --profile $(PROFILE) --package nightjar-server -- $(ARGS)

test: ## all of the tests, as CI runs them; the last line is the total
	@tests/setup/system.sh test
	@tests/all.sh

bench: ## Nightjar beside mosquitto, if it is installed: a quick set of loads; ARGS=--full takes an hour
	cargo build --release --package nightjar-server --package nightjar-tests --bins
	cargo build --release --package nightjar-store --example ingest
	target/release/nightjar-load bench --server target/release/nightjar-server \
		--journal target/release/examples/ingest $(ARGS)

package: ## the .deb and .rpm, in target/release/bundle
	@tests/setup/system.sh build
	@$(MAKE) --no-print-directory ui
	ui/node_modules/.bin/tauri build --bundles deb,rpm -- --package nightjar $(ARGS)

lint: ## formatting, clippy, the window's checks, licences
	@$(MAKE) --no-print-directory ui
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- --deny warnings
	cd ui && npm run lint
	if command -v cargo-deny >/dev/null; then cargo deny check; else echo "cargo-deny is not installed: licences not checked"; fi

fuzz: ## feed decoder, session and trees nonsense, ARGS seconds each (60); needs nightly Rust and cargo-fuzz
	@tests/setup/fuzz.sh $(ARGS)

setup: ## install what run and test need, and nothing else
	@tests/setup/system.sh test
	@tests/setup/clients.sh
	@$(MAKE) --no-print-directory ui/node_modules/.installed

ui: ui/dist/index.html # what the app embeds, so it comes before any cargo build of the app

ui/node_modules/.installed: ui/package-lock.json
	cd ui && npm ci --no-audit --no-fund
	@touch $@

ui/dist/index.html: ui/node_modules/.installed $(ui_sources)
	cd ui && npm run build
	@touch $@
