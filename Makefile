# `make` lists the targets. A fresh Debian or Ubuntu machine with Rust needs nothing else.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# The steps of a target run in their order, also with -j; cargo itself runs in parallel.
.NOTPARALLEL:

CARGO ?= cargo
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
DEMO_OUT ?= scrum-report

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: ## Install what is missing: redis-server, git, gcc, make, python3, faketime, bubblewrap, chromium, prometheus; rustfmt and clippy
	@if ! command -v $(CARGO) >/dev/null; then \
	    echo 'setup: there is no cargo; install Rust as https://rustup.rs says, then run this again' >&2; \
	    exit 1; \
	fi; \
	missing=(); \
	command -v redis-server >/dev/null || command -v valkey-server >/dev/null || missing+=(redis-server); \
	command -v git >/dev/null || missing+=(git); \
	command -v cc >/dev/null || missing+=(gcc libc6-dev); \
	command -v make >/dev/null || missing+=(make); \
	command -v python3 >/dev/null || missing+=(python3); \
	if command -v apt-get >/dev/null; then \
	    command -v faketime >/dev/null || missing+=(faketime); \
	    python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv); \
	    command -v bwrap >/dev/null || missing+=(bubblewrap); \
	    if [ -z "$(NO_BROWSER)" ] && ! command -v chromedriver >/dev/null \
	        && apt-cache show chromium-driver >/dev/null 2>&1; then missing+=(chromium chromium-driver); fi; \
	    if [ -z "$(NO_BROWSER)" ] && ! command -v promtool >/dev/null \
	        && apt-cache show prometheus >/dev/null 2>&1; then missing+=(prometheus); fi; \
	fi; \
	if [ $${#missing[@]} -gt 0 ]; then \
	    as_root=(); \
	    if [ "$$(id -u)" -ne 0 ]; then as_root=(sudo); fi; \
	    if ! command -v apt-get >/dev/null; then \
	        echo "setup: missing: $${missing[*]}; install what this system has in their place (no apt-get here)" >&2; \
	        exit 1; \
	    fi; \
	    if [ $${#as_root[@]} -gt 0 ] && ! command -v sudo >/dev/null; then \
	        echo "setup: missing, and neither root nor sudo to install it; as root: apt-get install $${missing[*]}" >&2; \
	        exit 1; \
	    fi; \
	    echo "setup: installing $${missing[*]}"; \
	    "$${as_root[@]}" apt-get update -q; \
	    "$${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
	        apt-get install -q -y --no-install-recommends "$${missing[@]}"; \
	fi; \
	for part in fmt clippy; do \
	    $(CARGO) $$part --version >/dev/null 2>&1 && continue; \
	    if ! command -v rustup >/dev/null; then \
	        echo "setup: cargo $$part is missing, and there is no rustup to install it with" >&2; \
	        exit 1; \
	    fi; \
	    rustup component add "$${part/#fmt/rustfmt}"; \
	done

.PHONY: build
build: ## Build everything (debug)
	$(CARGO) build --locked

# All programs in one build, because they share nearly all of their crates.
BIN_DIR ?= $(or $(CARGO_HOME),$(HOME)/.cargo)/bin
.PHONY: install
install: ## Build the programs for release and install them: make install BIN_DIR=DIR
	$(CARGO) build --release --locked -p scrum-producer -p scrum-fleet -p scrum-web
	install -D -t $(BIN_DIR) $(TARGET_DIR)/release/scrum $(TARGET_DIR)/release/scrum-worker $(TARGET_DIR)/release/scrum-web

.PHONY: test
test: setup fmt-check run-tests ## Set up, check format and lints, run all tests

# What runs once more on a Redis Cluster of three nodes with 16 partitions. Of the whole workspace, as all tests
# before: for one package alone cargo would build its dependencies again, with fewer features.
FLOWS := --workspace --test main_job --test ladder --test fleet --test facts --test budget --test apply
CRASHES := --workspace --test faults crash::

# Programs and tests are built by clippy's driver, which finds lints on the way: `cargo clippy` would go through all
# crates once more. It is not named in the environment, which the tests would hand on.
LINTED := --config 'build.rustc-workspace-wrapper="clippy-driver"'

# The tests start the programs. One command builds both: two would build most crates twice, because tests ask for more
# features of what they share. What does not build ends the run. The flow tests run on one server, then on a cluster.
# All of them run, so that one run shows all failures. They also wait for processes, leases and answers: one a core
# left a third of the cores idle.
.PHONY: run-tests
run-tests: export CLIPPY_ARGS := -Dwarnings
run-tests:
	$(CARGO) build $(LINTED) --workspace --locked --bins --tests
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	    threads=$$(($$(getconf _NPROCESSORS_ONLN) * 3 / 2)); \
	    run() { $(CARGO) nextest run $(LINTED) --locked --test-threads "$$threads" "$$@"; }; \
	else \
	    run() { $(CARGO) test $(LINTED) --no-fail-fast --locked "$$@"; }; \
	fi; \
	set -x; code=0; \
	run --workspace || code=$$?; \
	export SCRUM_TEST_REDIS=cluster; \
	run $(FLOWS) || code=$$?; \
	run $(CRASHES) || code=$$?; \
	exit $$code

# Row by row what is promised under each fault, and figures. What CI runs of it are the same tests.
.PHONY: faults
faults: setup ## Run every row of the fault table: make faults [LONG=1] [WRITE=1] [ROW=WORD]
	$(CARGO) build --workspace --locked --bins
	$(TARGET_DIR)/debug/run-faults $(if $(LONG),--long) $(if $(WRITE),--write) $(ROW)

.PHONY: day
day: ## A day of life in ten minutes: sweeps, pushes, changes, kills, an upgrade, a restore
	$(MAKE) faults LONG=1 ROW=day

.PHONY: lint
lint: fmt-check clippy deny ## Check format, lints and, where cargo-deny is installed, dependencies

# File by file: `cargo fmt` does not see modules that are declared inside macros.
.PHONY: fmt-check
fmt-check:
	git ls-files -z '*.rs' | xargs -0 rustfmt --check --edition 2024

.PHONY: clippy
clippy:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

.PHONY: deny
deny:
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
	    set -x; $(CARGO) deny --locked check; \
	else \
	    echo 'deny: skipped, cargo-deny is not installed'; \
	fi

.PHONY: fmt
fmt: ## Format the sources
	git ls-files -z '*.rs' | xargs -0 rustfmt --edition 2024

# Always on a private Redis. Exit code 1 of `scrum run` means that some files are unresolved, which
# is a result; anything above means that it could not run.
# Only tests need a browser and Prometheus.
.PHONY: demo
demo: NO_BROWSER := 1
demo: setup ## Review this repository without any model, and show the report
	$(CARGO) build --locked -p scrum-producer -p scrum-fleet -p scrum-web --bins
	@code=0; \
	env -u SCRUM_REDIS_URL -u SCRUM__REDIS__URL \
	    $(TARGET_DIR)/debug/scrum run . --ladder builtin --out $(DEMO_OUT) || code=$$?; \
	if [ $$code -gt 1 ]; then \
	    echo "demo: scrum run failed with exit code $$code" >&2; \
	    exit $$code; \
	fi; \
	echo; \
	echo "The report is $(DEMO_OUT)/scrum_report.md. It begins:"; \
	echo; \
	head -n 40 $(DEMO_OUT)/scrum_report.md

# Other systems are measured beside ours where PEERS names a folder with their programs and the
# harness; see benches/README.md.
.PHONY: bench
bench: ## Measure the queue engine beside its ceilings
	$(CARGO) build --release --locked -p scrum-benches --bins
	$(TARGET_DIR)/release/bench-queue

.PHONY: bench-sweep
bench-sweep: ## Measure whole sweeps, planning and retrieval
	$(CARGO) build --release --locked -p scrum-benches -p scrum-producer -p scrum-fleet -p scrum-web --bins
	$(TARGET_DIR)/release/bench-sweep
	$(TARGET_DIR)/release/bench-retrieval

.PHONY: bench-peers
bench-peers: ## Measure it beside other systems: make bench-peers PEERS=DIR
	@if [ -z "$(PEERS)" ]; then echo 'bench-peers: say PEERS=DIR; see benches/README.md' >&2; exit 1; fi
	$(CARGO) build --release --locked -p scrum-benches --bins
	BENCH_BIN=$(abspath $(TARGET_DIR))/release benches/peers/run.sh "$(PEERS)"

.PHONY: clean
clean: ## Remove what was built, and the report of the demo
	$(CARGO) clean
	rm -rf scrum-report
