# rolekeeper: `make demo` and `make test` need nothing but Debian 12 and a Swift toolchain.
.PHONY: help deps build demo test simulate fuzz sanitize leaks soak bench format lint install uninstall clean

PREFIX ?= /usr
DESTDIR ?=
# Strips what is installed; STRIP=true installs programs with their symbols.
STRIP ?= strip
SWIFT ?= swift
DEMO_SECONDS ?=
SIMULATE_SEEDS ?= 200
SIMULATE_TABLE ?= .build/simulation.md
SIMULATE_SHORT ?=
FUZZ_SECONDS ?= 60
SANITIZERS ?= address thread
LEAK_ROTATIONS ?= 100000
SOAK_MINUTES ?= 30
SOAK_SECONDS ?= $(shell echo $$(($(SOAK_MINUTES) * 60)))
SOAK_SEED ?=
BENCH_SHORT ?=
BENCH_SECONDS ?=
BENCH_ONLY ?=
BENCH_DOCS ?=
export FUZZ_SECONDS SWIFT
PROGRAMS = rolekeeperd rolekeeper sts-emulator
BIN = .build/release
CHECKED = Sources Tests Benchmarks Package.swift
BUILD = $(SWIFT) build -c release --static-swift-stdlib --explicit-target-dependency-import-check error

help:
	@echo 'make deps      install the Debian packages that the build, the demo and the tests need'
	@echo 'make build     build $(PROGRAMS) in $(BIN)'
	@echo 'make demo      watch two roles being kept fresh against a local STS; DEMO_SECONDS=30 runs unattended'
	@echo 'make test      run all suites; REQUIRE_ALL=1 makes a skipped test a failure'
	@echo 'make simulate  simulated years: each property with SIMULATE_SEEDS=200 seeds, and the figures in SIMULATE_TABLE, empty for none;'
	@echo '               SIMULATE_SHORT=1 computes figures of less in a tenth of the time'
	@echo 'make fuzz      fuzz what reads from outside, each target for FUZZ_SECONDS=60'
	@echo 'make sanitize  the unit suites with AddressSanitizer and ThreadSanitizer, or SANITIZERS=address alone; with SANITIZE_PROGRAMS=1'
	@echo '               the integration suites, too'
	@echo 'make leaks     rotate LEAK_ROTATIONS=100000 times and see that memory and descriptors stay flat'
	@echo 'make soak      faults, reloads and restarts for SOAK_MINUTES=30 or SOAK_SECONDS=60, while twenty readers use what they get'
	@echo 'make bench     measure beside the yardsticks; BENCH_SHORT=1 within two minutes, BENCH_DOCS=1 writes the figures in docs/ anew'
	@echo 'make format    format the sources; make lint checks them'
	@echo 'make install   install programs, units and settings below DESTDIR, PREFIX=$(PREFIX)'
	@echo 'make uninstall remove them, but for /etc/rolekeeper'

deps:
	@.ci/deps

# Product by product: a build of everything would take in what only the tests are made of.
build: deps
	$(foreach program,$(PROGRAMS),$(BUILD) --product $(program) &&) true

demo:
	@[ -x $(BIN)/rolekeeperd ] || echo 'make demo: building the programs first; about 3 minutes on two idle cores, the next time seconds'
	@$(MAKE) --no-print-directory build
	@docs/demo/run $(DEMO_SECONDS)

test: build
	@.ci/test

simulate: deps
	$(BUILD) --product simulate
	@$(if $(SIMULATE_TABLE),$(BIN)/simulate --seed 1 $(if $(SIMULATE_SHORT),--short )--table $(SIMULATE_TABLE),true)
	@$(BIN)/simulate --seeds $(SIMULATE_SEEDS)

fuzz: deps
	@Tests/Fuzzing/run

sanitize: deps
	@.ci/sanitize $(SANITIZERS)

leaks: build
	@$(BUILD) --product leak-check
	@ROLEKEEPER_PROGRAMS=$(CURDIR)/$(BIN) $(BIN)/leak-check $(LEAK_ROTATIONS)

soak: build
	@$(BUILD) --product soak
	@ROLEKEEPER_PROGRAMS=$(CURDIR)/$(BIN) $(BIN)/soak --seconds $(SOAK_SECONDS) $(if $(SOAK_SEED),--seed $(SOAK_SEED))

# The table is in .build/bench.md, the figures in .build/bench.json. BENCH_SECONDS is the length of each measurement, BENCH_ONLY one part.
bench: build
	$(foreach program,bench-load bare-server bench,$(BUILD) --product $(program) &&) true
	@ROLEKEEPER_PROGRAMS=$(CURDIR)/$(BIN) $(BIN)/bench $(if $(BENCH_SHORT),--short) $(if $(BENCH_SECONDS),--seconds $(BENCH_SECONDS)) \
		$(if $(BENCH_ONLY),--only $(BENCH_ONLY)) $(if $(BENCH_DOCS),--docs docs)

format:
	$(SWIFT) format --in-place --recursive $(CHECKED)

lint:
	$(SWIFT) format lint --strict --recursive $(CHECKED)

# Units name their programs by absolute path, so the prefix is written into them. DESTDIR may have blanks.
TO = $(DESTDIR)$(PREFIX)
UNIT = $(TO)/lib/systemd/system/rolekeeper.service
SETTINGS = $(DESTDIR)/etc/rolekeeper

install:
	install -D -m 0755 -s --strip-program='$(STRIP)' $(BIN)/rolekeeperd '$(TO)/sbin/rolekeeperd'
	install -D -m 0755 -s --strip-program='$(STRIP)' $(BIN)/rolekeeper '$(TO)/bin/rolekeeper'
	install -d -m 0755 '$(SETTINGS)' '$(SETTINGS)/roles.d'
	@if [ -e '$(SETTINGS)/rolekeeper.toml' ]; then echo 'keeping $(SETTINGS)/rolekeeper.toml'; \
		else install -m 0644 etc/rolekeeper/rolekeeper.toml '$(SETTINGS)/rolekeeper.toml'; fi
	install -D -m 0644 systemd/rolekeeper.service '$(UNIT)'
	sed -i 's|/usr/sbin/|$(PREFIX)/sbin/|; s|/usr/bin/|$(PREFIX)/bin/|; s|/usr/share/|$(PREFIX)/share/|' '$(UNIT)'
	install -D -m 0644 systemd/rolekeeper.sysusers '$(TO)/lib/sysusers.d/rolekeeper.conf'
	install -D -m 0644 README.md '$(TO)/share/doc/rolekeeper/README.md'
	install -D -m 0644 docs/threat-model.md '$(TO)/share/doc/rolekeeper/docs/threat-model.md'
	install -D -m 0644 etc/prometheus/rolekeeper.rules.yml '$(TO)/share/doc/rolekeeper/rolekeeper.rules.yml'

# The settings and the AccessKey stay, and so do the users, whose numbers must not go to somebody else.
uninstall:
	@if [ -z '$(DESTDIR)' ] && { systemctl --quiet is-enabled rolekeeper \
		|| systemctl is-active rolekeeper | grep -qx 'active\|activating\|reloading\|deactivating'; } 2>/dev/null; then \
		echo 'rolekeeper is enabled or running; stop it first: systemctl disable --now rolekeeper'; exit 1; fi
	rm -f '$(TO)/sbin/rolekeeperd' '$(TO)/bin/rolekeeper' '$(UNIT)' '$(TO)/lib/sysusers.d/rolekeeper.conf'
	rm -rf '$(TO)/share/doc/rolekeeper'
	@echo 'kept: $(SETTINGS) with all that is in it; the user rolekeeper and the group rolekeeper-clients'
	@if [ -z '$(DESTDIR)' ]; then echo 'now run: systemctl daemon-reload'; fi

clean:
	rm -rf .build .build-fuzz .build-address .build-thread
