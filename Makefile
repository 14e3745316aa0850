# rolekeeper: `make demo` and `make test` need nothing but Debian 12 and a Swift toolchain.
.PHONY: help deps build demo test format lint install clean

PREFIX ?= /usr
DESTDIR ?=
SWIFT ?= swift
DEMO_SECONDS ?=
PROGRAMS = rolekeeperd rolekeeper sts-emulator
BIN = .build/release
BUILD = $(SWIFT) build -c release --static-swift-stdlib --explicit-target-dependency-import-check error

help:
	@echo 'make deps     install the Debian packages that the build, the demo and the tests need'
	@echo 'make build    build $(PROGRAMS) in $(BIN)'
	@echo 'make demo     watch two roles being kept fresh against a local STS; DEMO_SECONDS=30 runs unattended'
	@echo 'make test     run all suites; REQUIRE_ALL=1 makes a skipped test a failure'
	@echo 'make format   format the sources; make lint checks them'
	@echo 'make install  install programs, units and settings below DESTDIR, PREFIX=$(PREFIX)'

deps:
	@.ci/deps

# Product by product: a build of everything would take in what only the tests are made of.
build: deps
	$(foreach program,$(PROGRAMS),$(BUILD) --product $(program) &&) true

demo: build
	@docs/demo/run $(DEMO_SECONDS)

test: build
	@.ci/test

format:
	$(SWIFT) format --in-place --recursive Sources Tests Fuzzing Package.swift

lint:
	$(SWIFT) format lint --strict --recursive Sources Tests Fuzzing Package.swift

# Units name their programs by absolute path, so the prefix is written into them.
install:
	install -D -m 0755 $(BIN)/rolekeeperd $(DESTDIR)$(PREFIX)/sbin/rolekeeperd
	install -D -m 0755 $(BIN)/rolekeeper $(DESTDIR)$(PREFIX)/bin/rolekeeper
	install -d -m 0755 $(DESTDIR)/etc/rolekeeper $(DESTDIR)/etc/rolekeeper/roles.d
	@[ -e $(DESTDIR)/etc/rolekeeper/rolekeeper.toml ] && echo 'keeping $(DESTDIR)/etc/rolekeeper/rolekeeper.toml' \
		|| install -m 0644 etc/rolekeeper/rolekeeper.toml $(DESTDIR)/etc/rolekeeper/rolekeeper.toml
	install -d -m 0755 $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|/usr/sbin/|$(PREFIX)/sbin/|; s|/usr/bin/|$(PREFIX)/bin/|; s|/usr/share/|$(PREFIX)/share/|' systemd/rolekeeper.service \
		> $(DESTDIR)$(PREFIX)/lib/systemd/system/rolekeeper.service
	chmod 0644 $(DESTDIR)$(PREFIX)/lib/systemd/system/rolekeeper.service
	install -D -m 0644 systemd/rolekeeper.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/rolekeeper.conf
	install -D -m 0644 README.md $(DESTDIR)$(PREFIX)/share/doc/rolekeeper/README.md

clean:
	rm -rf .build
