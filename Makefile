# Everything a person or a CI does here has a name below; `make help` lists them.
SHELL       := /bin/bash
export PATH := $(PATH):$(HOME)/.cargo/bin

PREFIX  ?= /usr
DESTDIR ?=
BIN     ?= target/release

CARGO_DEB  = 3.8.0
CARGO_DENY = 0.20.2

SHELL_SCRIPTS = scripts/setup scripts/provision scripts/cluster scripts/demo scripts/guestbook-images scripts/docker-run.sh \
                scripts/lib/*.sh scripts/machine/entrypoint src/fleetctl/ssh/keep.sh .ci/run vagrant/provision.sh \
                dist/debian/postinst dist/debian/prerm dist/debian/postrm

# What `make fuzz` drives, and for how long each.
FUZZ_TARGETS = $(notdir $(wildcard fuzz/seeds/*))
SECONDS ?= 60

.PHONY: help setup build package demo demo-down test test-live test-demo simulate chaos test-chaos check fuzz \
        bench bench-cluster bench-scale bench-schedule install

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: ## install what is missing on Debian 12; start Docker where it does not run
	@scripts/setup

build: ## fleetd and fleetctl, as released
	cargo build --release --locked

package: setup build ## a Debian package, in target/debian
	command -v cargo-deb >/dev/null || cargo install --quiet --locked cargo-deb@$(CARGO_DEB)
	rm -rf target/package target/debian
	$(MAKE) --no-print-directory install DESTDIR=target/package PREFIX=/usr >/dev/null
	cargo deb --locked --no-build --no-strip --quiet

demo: setup build ## three machines, an app and its database on one of them
	@scripts/demo

demo-down: ## remove what `make demo` made
	@scripts/cluster down

test: setup ## every test, on real systemd, etcd and Docker too
	cargo test --locked
	$(MAKE) --no-print-directory test-live test-demo test-chaos

test-live: package ## only those that need machines; they are made and removed
	FLEET_CLUSTER=fleet-test scripts/cluster with --agent-ttl 3s -- \
	    cargo test --locked --test live -- --ignored --test-threads=1

test-demo: setup build ## that `make demo` still works
	FLEET_CLUSTER=fleet-demo scripts/demo; status=$$?; FLEET_CLUSTER=fleet-demo scripts/cluster down; exit $$status

SEEDS ?= 1..1000

simulate: ## SEEDS=1..1000 lives of a simulated cluster, or one; each law is looked at after every step
	SEEDS=$(SEEDS) cargo test --locked --test simulate no_life -- --nocapture

MINUTES ?= 10
SEED    ?=

chaos: build ## MINUTES=10 of faults on real machines under load, checked; SEED=… deals the same ones again
	FLEET_CLUSTER=fleet-chaos scripts/cluster with --machines 5 --etcd 3 --etcd-quota 16777216 --agent-ttl 10s -- \
	    env CHAOS_MINUTES=$(MINUTES) CHAOS_SEED=$(SEED) cargo test --locked --test chaos -- --ignored --nocapture

test-chaos: setup ## the same for three minutes, with faults that do not change
	$(MAKE) --no-print-directory chaos MINUTES=3 SEED=641

check: ## what CI holds against a change besides the tests
	cargo fmt --check
	cargo clippy --locked --all-targets -- --deny warnings
	RUSTDOCFLAGS='--deny warnings' cargo doc --locked --no-deps --document-private-items
	CARGO_TARGET_DIR=target cargo check --locked --manifest-path fuzz/Cargo.toml
	shellcheck -x $(SHELL_SCRIPTS)
	command -v cargo-deny >/dev/null || cargo install --quiet --locked cargo-deny@$(CARGO_DENY)
	cargo deny --locked check bans licenses sources

fuzz: ## random input to every way in, for SECONDS (60) each; needs nightly Rust and cargo-fuzz
	for target in $(FUZZ_TARGETS); do mkdir -p fuzz/corpus/$$target && \
	    cargo +nightly fuzz run --sanitizer none --target-dir target/fuzz $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
	        -max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 || exit; done

bench: bench-cluster bench-scale bench-schedule ## what docs/performance.md says, measured here; RECORD=1 writes it there

PART ?=

bench-cluster: setup build ## fleet on real machines beside its peers; PART=latency asks only that
	cargo bench --locked --bench cluster --no-run
	FLEET_CLUSTER=fleet-bench scripts/cluster with -- env PART=$(PART) cargo bench --locked --bench cluster

bench-scale: ## how it grows: up to 5,000 simulated machines over a real etcd
	cargo bench --locked --bench scale

bench-schedule: ## one look of the engine, in memory
	cargo bench --locked --bench schedule

SHARE = $(DESTDIR)$(PREFIX)/share

install: ## programs, units, manual pages, completions and sample configuration, below DESTDIR
	install -D -t $(DESTDIR)$(PREFIX)/bin $(BIN)/fleetd $(BIN)/fleetctl
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system dist/systemd/fleet.service dist/systemd/fleet.socket
	install -D -m 644 dist/sysusers.d/fleet.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/fleet.conf
	install -D -m 644 dist/tmpfiles.d/fleet.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/fleet.conf
	# An administrator's own stays as it is. Not for everyone to read: it may have etcd's password.
	test -e $(DESTDIR)/etc/fleet/fleet.conf || install -D -m 640 dist/fleet.conf $(DESTDIR)/etc/fleet/fleet.conf
	install -D scripts/docker-run.sh $(DESTDIR)/opt/bin/docker-run.sh
	install -d $(SHARE)/man/man1 $(SHARE)/man/man8 $(SHARE)/bash-completion/completions \
	    $(SHARE)/zsh/vendor-completions $(SHARE)/fish/vendor_completions.d
	$(BIN)/fleetctl man $(SHARE)/man/man1
	$(BIN)/fleetd --man >$(SHARE)/man/man8/fleetd.8
	$(BIN)/fleetctl completions bash >$(SHARE)/bash-completion/completions/fleetctl
	$(BIN)/fleetctl completions zsh >$(SHARE)/zsh/vendor-completions/_fleetctl
	$(BIN)/fleetctl completions fish >$(SHARE)/fish/vendor_completions.d/fleetctl.fish
