# Everything that is run in this repository, by name. `make check` is what a pull request must pass; CI runs that
# target and nothing else. Needs rustup's cargo, a C compiler, Python 3.11 with pip and venv, and git.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Every target waits for cargo's lock anyway.
.NOTPARALLEL:

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
TOOLS := target/tools
# manifests/ needs a key; commands that send nothing take this one.
FAKE_KEY := WECOM_WEBHOOK_KEY=not-a-real-key
HEADING = @printf '\n== %s\n'

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-21s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Plan and apply the webhook on the embedded local cloud
	@scripts/demo.sh

.PHONY: test
test: ## Run every test
	$(HEADING) tests
	cargo test --locked --workspace

.PHONY: build
build: ## Build the release binary and the function's package
	cargo build --locked --release --package provision
	$(FAKE_KEY) $(TARGET)/release/provision package --file manifests/mps-webhook.yaml

.PHONY: bench
bench: ## Measure the command line and the handler (release)
	cargo build --locked --release --package provision
	python3 scripts/bench.py $(TARGET)/release/provision --rated 1000 --memory 10000
	$(HEADING) 'function package'
	$(FAKE_KEY) $(TARGET)/release/provision package --file manifests/mps-webhook.yaml --format json | python3 scripts/bench_handler.py -

.PHONY: conformance
conformance: ## Play scenarios against the conformance stand-in
	cargo build --locked --package provision
	python3 conformance/run.py --binary $(TARGET)/debug/provision --seeds 3

# Random kills, faults, races and inputs; a failure prints the seed that repeats it. SECONDS_EACH is for each suite.
.PHONY: soak
soak: ## Kill, race, break and fuzz for long (SECONDS_EACH=600)
	scripts/reliability.py --seconds $(or $(SECONDS_EACH),600) --seeds 20 --cases 2000

.PHONY: reliability
reliability: ## Run what proves docs/reliability.md; renew its counts
	scripts/reliability.py --write

.PHONY: check
check: format spelling dependencies workflows conformance-selftest lint test docs manifests schema package ## Everything a pull request must pass
	$(HEADING) 'all checks passed'

.PHONY: format
format: ## Check the formatting (`cargo fmt` repairs it)
	$(HEADING) formatting
	cargo fmt --all --check

.PHONY: lint
lint: ## Run clippy, warnings denied
	$(HEADING) clippy
	cargo clippy --locked --workspace --all-targets -- -D warnings

.PHONY: docs
docs: ## Build the crates' documentation, warnings denied
	$(HEADING) documentation
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --workspace

.PHONY: spelling
spelling: $(TOOLS)/installed ## Check the spelling (rules: _typos.toml)
	$(HEADING) spelling
	$(TOOLS)/bin/typos

.PHONY: dependencies
dependencies: $(TOOLS)/installed ## Check licences, sources and duplicates (rules: deny.toml)
	$(HEADING) dependencies
	$(TOOLS)/bin/cargo-deny --locked check bans licenses sources

# Offline: the lints judge files; the tests run the scripts against the local cloud and a stand-in for GitHub and GitLab.
.PHONY: workflows
workflows: $(TOOLS)/installed ## Check what runs in CI systems: the action, its scripts, the example workflows
	$(HEADING) 'CI workflows'
	scripts/ci/lint.sh $(TOOLS)/bin
	cargo build --locked --package provision
	python3 scripts/ci/test.py $(TARGET)/debug/provision

.PHONY: conformance-selftest
conformance-selftest: ## Test the conformance stand-in itself
	$(HEADING) 'conformance stand-in'
	python3 conformance/selftest.py

# The second command works in a folder of its own, so that it meets an empty cloud and leaves the user's alone.
.PHONY: manifests
manifests: ## Validate manifests/ and plan them on an empty local cloud
	$(HEADING) manifests
	cargo build --locked --package provision
	$(FAKE_KEY) $(TARGET)/debug/provision validate
	$(TARGET)/debug/provision fmt --check
	rm -rf target/check && mkdir -p target/check
	cd target/check && $(FAKE_KEY) $(TARGET)/debug/provision plan --local --quiet --file ../../manifests

.PHONY: schema
schema: $(TOOLS)/installed ## Compare the JSON Schema with `validate`, by a validator of others
	$(HEADING) 'schema and validate'
	cargo build --locked --package provision
	$(TOOLS)/bin/python scripts/check_schema.py $(TARGET)/debug/provision manifests

.PHONY: package
package: ## Build the function's package; check that the platform's machine can start it
	$(HEADING) 'function package'
	cargo build --locked --package provision
	$(FAKE_KEY) python3 scripts/check_package.py $(TARGET)/debug/provision manifests/mps-webhook.yaml

# Prebuilt tools in a virtual environment, installed again when the list changes.
$(TOOLS)/installed: scripts/tools.txt
	$(HEADING) 'installing tools'
	@python3 -m venv --clear $(TOOLS) || { echo 'error: python3 lacks venv; install it: apt-get install python3-venv' >&2; exit 1; }
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --no-deps --require-hashes -r $<
	@touch $@
