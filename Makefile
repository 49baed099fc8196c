# cti-bridge: everything that is typed while working on it. `make help` lists the targets.
# Assumes a Swift toolchain; missing Debian packages are installed (with sudo when not root).

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PREFIX ?= /usr
SYSCONFDIR ?= /etc
DESTDIR ?=
KILLS ?= 200

# What the build links; what the demo runs; what the tests run besides.
BUILD_PACKAGES := libhiredis-dev libsqlite3-dev libssl-dev libc6-dev zlib1g-dev git ca-certificates
DEMO_PACKAGES := $(BUILD_PACKAGES) redis-server
TEST_PACKAGES := $(DEMO_PACKAGES) systemd openssl python3 python3-venv python3-websockets erlang-base curl chromium
BENCH_BERT_PACKAGES := $(BUILD_PACKAGES) python3 erlang-base erlang-dev
BENCH_PACKAGES := $(DEMO_PACKAGES) nodejs node-redis node-ws openssl python3 python3-redis python3-hiredis

RELEASE := .build/release/cti-bridge
# Tests that start daemons and servers: they need the machine for themselves. The others run one after the other as well:
# hundreds at once would starve each other past their deadlines, and a process that one of them starts would for a moment
# hold the locks of all.
PROCESS_TESTS := ^(FaultTests|IntegrationTests)\.
SAY = @say() { printf '\n== %s\n' "$$*" >&2; };

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

# $(call need,PACKAGES): installs those that dpkg does not know as installed. Without apt-get it only says what is needed.
define need
@missing=()
for package in $(1); do
	dpkg-query -W -f '$${Status}' "$$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$$package")
done
if [ $${#missing[@]} -gt 0 ]; then
	if ! command -v apt-get >/dev/null; then
		echo "== no apt-get here; going on without: $${missing[*]} (names of Debian)" >&2
		exit 0
	fi
	root=()
	if [ "$$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null || { echo "== please install as root: apt-get install $${missing[*]}" >&2; exit 1; }
		root=(sudo)
	fi
	apt=("$${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
	echo "== installing $${missing[*]}" >&2
	"$${apt[@]}" update >&2
	"$${apt[@]}" install --no-install-recommends "$${missing[@]}" >&2
fi
endef

.PHONY: packages demo-packages test-packages bench-packages bench-bert-packages
packages:
	$(call need,$(BUILD_PACKAGES))
demo-packages:
	$(call need,$(DEMO_PACKAGES))
test-packages:
	$(call need,$(TEST_PACKAGES))
bench-packages:
	$(call need,$(BENCH_PACKAGES))
bench-bert-packages:
	$(call need,$(BENCH_BERT_PACKAGES))

.PHONY: toolchain
toolchain:
	@command -v swift >/dev/null || { echo "== a Swift toolchain (6.2 or newer) must be on PATH: https://swift.org/install" >&2; exit 1; }

.PHONY: build
build: toolchain packages ## the daemon, optimised: .build/release/cti-bridge
	$(SAY) say "building the daemon, optimised (some minutes the first time)"
	swift build -c release --product cti-bridge

.PHONY: demo
demo: toolchain demo-packages ## builds and runs the demo: simulated PBXs, events on stdout. DEMO='--for 20s' for its options
	$(SAY) say "building the daemon, optimised (some minutes the first time)"
	swift build -c release --product cti-bridge >&2
	say "events follow on stdout; ^C ends the demo"
	exec $(RELEASE) demo $(DEMO)

.PHONY: lint
lint: toolchain ## the formatting rules, strictly
	$(SAY) say "lint: swift format"
	swift format lint --strict --recursive --parallel Sources Tests Package.swift

.PHONY: format
format: toolchain ## rewrites the sources as swift format wants them
	swift format format --in-place --recursive --parallel Sources Tests Package.swift

# Independent peers that Debian does not package, one virtual environment for each Tests/Python/NAME.txt: .build/python/NAME.
# Tests that need one say so and are skipped where it could not be made.
.PHONY: test-python
test-python: test-packages
	$(SAY) for list in Tests/Python/*.txt; do
		place=.build/python/$$(basename "$$list" .txt)
		cmp -s "$$list" "$$place/installed.txt" && continue
		say "installing the Python peers of $$list"
		rm -rf "$$place"
		mkdir -p .build/python
		/usr/bin/python3 -m venv "$$place"
		"$$place/bin/pip" install --quiet --disable-pip-version-check --requirement "$$list"
		cp "$$list" "$$place/installed.txt"
	done

# Warnings count as errors in our own files only: a dependency may be compiled with a newer compiler than it knows.
.PHONY: build-tests
build-tests: toolchain test-packages test-python
	$(SAY) say "building daemon and tests (some minutes the first time)"
	mkdir -p .build
	swift build --build-tests 2>&1 | tee .build/build-tests.log
	if grep -E "^$(CURDIR)/(Sources|Tests)/.*: (warning|error): |^$(CURDIR)/Package.swift.*: warning: " .build/build-tests.log | sort -u >&2; then
		say "the warnings above count as errors"
		exit 1
	fi

.PHONY: test
test: lint build-tests ## lint, build without warnings, all tests. TEST='--filter NAME' for some, CTI_BRIDGE_LONG=1 for the long ones
	$(SAY) started=$$SECONDS
	if [ -n "$(TEST)" ]; then
		say "running tests: $(TEST)"
		swift test --skip-build $(TEST)
	else
		say "running the tests inside one process (some minutes)"
		swift test --skip-build --no-parallel --skip '$(PROCESS_TESTS)'
		say "running the tests with real processes, one after the other (a few minutes)"
		swift test --skip-build --no-parallel --filter '$(PROCESS_TESTS)'
	fi
	say "all tests passed in $$((SECONDS - started)) s"

.PHONY: kills
kills: build-tests ## kill -9 of the daemon 200 times while it delivers. KILLS=1000 for more
	$(SAY) say "killing the daemon while it delivers (some minutes)"
	CTI_BRIDGE_KILLS=$(KILLS) swift test --skip-build --no-parallel --filter DeliveryKillTests

.PHONY: bench
bench: bench-packages build ## daemon and peers side by side. BENCH='--quick' for its options
	$(SAY) say "comparing with the peers"
	Tests/Benchmarks/compare.sh --daemon $(RELEASE) $(BENCH)

.PHONY: bench-websocket
bench-websocket: toolchain bench-packages ## receiving over a WebSocket, plain and TLS, beside node's ws. BENCH='--runs 3' for its options
	$(SAY) say "building the reader, optimised (some minutes the first time)"
	swift build -c release --product websocket-reader
	say "comparing with node's ws"
	/usr/bin/python3 -B Tests/Benchmarks/websocket.py --reader .build/release/websocket-reader $(BENCH)

.PHONY: bench-webhook
bench-webhook: bench-packages build ## from RPUSH to the request at a webhook's receiver. BENCH='--events 200' for its options
	$(SAY) say "events in streams, and alone after silence (two minutes)"
	/usr/bin/python3 -B Tests/Benchmarks/delivery.py webhook --daemon $(RELEASE) $(BENCH)

.PHONY: bench-isolation
bench-isolation: bench-packages build ## healthy sinks beside sick ones, 20 minutes. BENCH='--seconds 60' for two
	$(SAY) say "healthy sinks alone, beside sick ones, and alone again"
	/usr/bin/python3 -B Tests/Benchmarks/delivery.py isolation --daemon $(RELEASE) $(BENCH)

.PHONY: bench-signalr
bench-signalr: toolchain bench-packages test-python ## SignalR records, RTE events beside pysignalr, and 12,000 subscriptions. BENCH='--runs 3' for its options
	$(SAY) say "building the benchmarks, optimised (some minutes the first time)"
	swift build -c release --product SignalRBenchmark
	swift build -c release --product enreach-reader
	say "cutting, parsing and reading records on one core, without a socket"
	.build/release/SignalRBenchmark
	say "12,000 pairs of entity and event, subscribed at our simulated hub on loopback"
	.build/release/enreach-reader pairs 500 2>/dev/null
	say "comparing with pysignalr"
	/usr/bin/python3 -B Tests/Benchmarks/signalr.py --reader .build/release/enreach-reader $(BENCH)

.PHONY: bench-socketio
bench-socketio: toolchain bench-packages test-python ## a Shuttle's events over Socket.IO, received and mapped, beside python-socketio. BENCH='--runs 3' for its options
	$(SAY) say "building the reader, optimised (some minutes the first time)"
	swift build -c release --product xcally-reader
	say "comparing with python-socketio"
	/usr/bin/python3 -B Tests/Benchmarks/shuttle.py --reader .build/release/xcally-reader $(BENCH)

.PHONY: bench-bert
bench-bert: toolchain bench-bert-packages ## the BERT decoder beside Erlang and its C library, and ten million broken messages
	$(SAY) say "building the benchmark, optimised"
	swift build -c release --product BERTBenchmark
	say "comparing with libei and Erlang"
	Tests/Benchmarks/compare_bert.sh --benchmark .build/release/BERTBenchmark $(BENCH)
	say "ten million broken messages"
	.build/release/BERTBenchmark broken Tests/WireProtocolsTests/BERT/Fixtures 10000000

# Another build directory: tests of internal parts need other compiler flags, and `make build` need not start again then.
.PHONY: bench-stages
bench-stages: toolchain packages ## payload -> line and line -> store alone (builds all tests, optimised)
	$(SAY) say "building the tests, optimised (several minutes the first time)"
	swift build -c release --build-tests --scratch-path .build/stages -Xswiftc -enable-testing
	CTI_BRIDGE_BENCH=1 swift test -c release --skip-build --scratch-path .build/stages -Xswiftc -enable-testing --filter StageBenchmarks

.PHONY: install
install: ## copies the built daemon, units and examples below DESTDIR and PREFIX (run `make build` before)
	$(SAY) [ -x $(RELEASE) ] || { say "nothing is built yet: run make build first"; exit 1; }
	install -D -m 0755 $(RELEASE) "$(DESTDIR)$(PREFIX)/bin/cti-bridge"
	units="$(DESTDIR)$(PREFIX)/lib/systemd/system"
	install -d "$$units" "$(DESTDIR)$(PREFIX)/lib/sysusers.d" "$(DESTDIR)$(SYSCONFDIR)/cti-bridge"
	sed 's|/usr/bin/cti-bridge|$(PREFIX)/bin/cti-bridge|; s|/etc/cti-bridge|$(SYSCONFDIR)/cti-bridge|' systemd/cti-bridge@.service >"$$units/cti-bridge@.service"
	chmod 0644 "$$units/cti-bridge@.service"
	install -m 0644 systemd/cti-bridge.target "$$units/cti-bridge.target"
	install -m 0644 systemd/cti-bridge.sysusers.conf "$(DESTDIR)$(PREFIX)/lib/sysusers.d/cti-bridge.conf"
	examples="$(DESTDIR)$(PREFIX)/share/doc/cti-bridge/examples"
	install -d "$$examples"
	install -m 0644 Config/*.yaml "$$examples/"
	[ -n "$(DESTDIR)" ] || say "next: systemd-sysusers; systemctl daemon-reload; write $(SYSCONFDIR)/cti-bridge/TENANT.yaml (examples: $$examples); systemctl enable --now cti-bridge@TENANT"

.PHONY: clean
clean: ## removes what was built
	rm -rf .build
