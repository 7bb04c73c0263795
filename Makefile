# Commands of this repository.
#
#   make run ARGS='--upstream 9.9.9.9'   build and start, on port 53 where that is allowed
#   make check                           what one runs while working: lint, build, unit tests; a minute when little changed
#   make test                            everything that CI runs
#   make fuzz FUZZ_SECONDS=600           each fuzz target for so long
#   make install PREFIX=/usr/local       program, manual, completions, units of systemd; make uninstall
#   make deb                             a Debian package, in .build/deb; Swift isn't needed where it goes
#   make bench                           beside other servers; ARGS=--quick for five minutes, ARGS=--record to keep it
#   make instructions                    instructions a query beside those on record; ARGS='--most 2' fails above 2 %
#   make soak SOAK_SECONDS=1200          churn, faults and restarts; memory and counters must add up
#   make golden                          record new names that others depend on (Tests/DNSCacheServerTests/Golden)
#   make micro-bench                     parts of the server alone, without network
#   make demo                            a tour with dig, without internet

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

# For the server: make run ARGS='--upstream 192.168.1.254'
ARGS ?=
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 1200
# How long `make test` fuzzes each reader.
TEST_FUZZ_SECONDS ?= $(if $(CI),20,10)

# lld comes with Swift; the other linkers warn of a function in Swift's own library that we don't call.
RELEASE := swift build -c release --static-swift-stdlib -Xswiftc -use-ld=lld --product dns-cache-server
# The end-to-end tests, the demonstration and the check of the hot path use what is shipped.
export DNS_CACHE_SERVER ?= $(CURDIR)/.build/release/dns-cache-server

.PHONY: build run test golden install uninstall deb demo bench instructions micro-bench fuzz soak clean setup-build setup-test lint debug hot-path short-fuzz \
  check release unit-tests end-to-end-tests

build: setup-build
	$(RELEASE)

run: build
	@exec scripts/run $(ARGS)

# As root, after `make build` as oneself: nothing is built here, so that nothing of the build is root's.
PREFIX ?= /usr/local
install:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install

uninstall:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/uninstall

deb:
	@scripts/setup package
	$(RELEASE)
	@scripts/deb

# One part after the other, cheapest first, with their times at the end and a line that sums the tests up.
test:
	@scripts/test setup-test lint debug unit-tests release hot-path short-fuzz demo end-to-end-tests

check:
	@FEW_SEEDS=1 scripts/test lint debug unit-tests

release:
	$(RELEASE)

demo: setup-test
	$(RELEASE)
	scripts/demo

# Into .build/bench/results; with ARGS=--record the tables also into docs/performance.md, the plots into benchmarks/results.
bench:
	@scripts/setup bench
	$(RELEASE)
	benchmarks/run $(ARGS)

instructions:
	@scripts/setup count
	$(RELEASE)
	benchmarks/instructions $(ARGS)

micro-bench: setup-build
	benchmarks/run --micro

fuzz: setup-build
	scripts/fuzz $(FUZZ_SECONDS)

soak: setup-test debug
	$(RELEASE)
	SOAK_SECONDS=$(SOAK_SECONDS) swift test --skip-build --disable-xctest --filter SoakTests

clean:
	rm -rf .build .build-fuzz

# The parts of `make test`, to run one alone.

setup-build:
	@scripts/setup build

setup-test:
	@scripts/setup test

lint:
	swift format lint --strict --parallel --recursive Sources Tests Package.swift

# Warnings are errors in each of our modules, by the manifest, and so is an import that it doesn't name.
debug:
	swift build --build-tests --explicit-target-dependency-import-check error

# The rules of the house among them (Tests/HouseTests).
unit-tests: debug
	swift test --skip-build --disable-xctest --quiet --skip EndToEndTests

# Names that are new, into the file that a test compares with; the settings in the manual, and docs/figures.md.
golden: debug
	RECORD_GOLDEN=1 swift test --skip-build --disable-xctest --filter 'GoldenTests|FiguresTests|ManualTests'

hot-path:
	scripts/check-hot-path --self-test
	scripts/check-hot-path --binary "$$DNS_CACHE_SERVER"

short-fuzz:
	scripts/fuzz $(TEST_FUZZ_SECONDS)

# A million names where time matters less.
end-to-end-tests:
	$(if $(CI),LOAD_NAMES=1000000) scripts/end-to-end
