# rolekeeper: `make demo` and `make test` need nothing but Debian 12 and a Swift toolchain.
.PHONY: help deps build programs check manual deb demo test simulate fuzz sanitize leaks soak bench format lint install uninstall clean

PREFIX ?= /usr
DESTDIR ?=
# Where systemd looks for units, and for users and directories to make. Below another PREFIX than /usr and /usr/local it doesn't look: set all
# then.
UNIT_DIR ?= $(PREFIX)/lib/systemd/system
SYSUSERS_DIR ?= $(PREFIX)/lib/sysusers.d
TMPFILES_DIR ?= $(PREFIX)/lib/tmpfiles.d
# Rules of polkit; the one that is installed permits nothing.
POLKIT_DIR ?= $(PREFIX)/share/polkit-1/rules.d
# Debian's zsh looks in share/zsh/vendor-completions, too.
ZSH_DIR ?= $(PREFIX)/share/zsh/site-functions
# Strips what is installed; STRIP=true installs programs with their symbols.
STRIP ?= strip
SWIFT ?= swift
# Where swift build works, and more options for it.
SCRATCH ?= .build
FLAGS ?=
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
PROGRAMS = rolekeeperd rolekeeper vod-upload sts-emulator
BIN = $(SCRATCH)/release
CHECKED = Sources Tests Benchmarks Package.swift
# The command line is linked as a program that needs no library (Package.swift), which goes with --disable-local-rpath.
BUILD = ROLEKEEPER_STANDALONE=1 $(SWIFT) build -c release --static-swift-stdlib --disable-local-rpath \
	--explicit-target-dependency-import-check error --scratch-path $(SCRATCH) $(FLAGS)

help:
	@echo 'make deps      install the Debian packages that the build, the demo and the tests need'
	@echo 'make build     build $(PROGRAMS) in $(BIN)'
	@echo 'make demo      watch two roles being kept fresh against a local STS; DEMO_SECONDS=30 runs unattended'
	@echo 'make manual    make the man pages and completions from the programs and the settings file'
	@echo 'make deb       build the Debian packages in .build/deb'
	@echo 'make test      run all suites; REQUIRE_ALL=1 makes a skipped test a failure'
	@echo 'make simulate  simulate years: check each property with SIMULATE_SEEDS=200 seeds, and write the figures to SIMULATE_TABLE (empty: none);'
	@echo '               SIMULATE_SHORT=1 computes figures of shorter runs in a tenth of the time'
	@echo 'make fuzz      fuzz everything that parses outside input, each target for FUZZ_SECONDS=60'
	@echo 'make sanitize  run the unit suites with AddressSanitizer and ThreadSanitizer, or only SANITIZERS=address; SANITIZE_PROGRAMS=1'
	@echo '               adds the integration suites'
	@echo 'make leaks     rotate LEAK_ROTATIONS=100000 times, and fail if memory or descriptors grow'
	@echo 'make soak      inject faults, reloads and restarts for SOAK_MINUTES=30 (or SOAK_SECONDS) while twenty readers use their credentials'
	@echo 'make bench     measure speed and size against reference programs; BENCH_SHORT=1 takes five minutes, BENCH_DOCS=1 adds to docs/'
	@echo 'make format    format the sources; make lint checks them'
	@echo 'make install   install programs, unit, users and settings; PREFIX=$(PREFIX), UNIT_DIR, SYSUSERS_DIR, TMPFILES_DIR, POLKIT_DIR and DESTDIR say where'
	@echo 'make uninstall remove them, but not /etc/rolekeeper nor the users; takes the same variables'

deps:
	@.ci/deps

build: deps
	@$(MAKE) --no-print-directory programs

# Product by product: a build of everything would take in what only the tests are made of.
programs:
	$(foreach program,$(PROGRAMS),$(BUILD) --product $(program) &&) true

demo:
	@[ -x $(BIN)/rolekeeperd ] || echo 'make demo: building the programs first; about 3 minutes on two idle cores, the next time seconds'
	@$(MAKE) --no-print-directory build
	@docs/demo/run $(DEMO_SECONDS)

test: build
	@.ci/test

# The unit suites alone, as the build of a package runs them: they need neither root nor the built programs.
check:
	$(SWIFT) build --build-tests --scratch-path $(SCRATCH)
	$(SWIFT) test --skip-build --scratch-path $(SCRATCH) --skip '^(IntegrationTests|SystemTests)\.'

# After a change of a program's --help or of the settings file.
manual: build
	@Tests/Tools/manual/manual $(BIN)

# DEB_VERSION, DEB_PROGRAMS and DEB_OUT are explained in .ci/deb.
deb:
	@.ci/deb

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
	$(foreach program,bench-load bare-server bare-refresher bench,$(BUILD) --product $(program) &&) true
	@ROLEKEEPER_PROGRAMS=$(CURDIR)/$(BIN) $(BIN)/bench $(if $(BENCH_SHORT),--short) $(if $(BENCH_SECONDS),--seconds $(BENCH_SECONDS)) \
		$(if $(BENCH_ONLY),--only $(BENCH_ONLY)) $(if $(BENCH_DOCS),--docs docs)

format:
	$(SWIFT) format --in-place --recursive $(CHECKED)

lint:
	$(SWIFT) format lint --strict --recursive $(CHECKED)

# Units name their programs by absolute path, so the prefix is written into them. DESTDIR may have blanks.
TO = $(DESTDIR)$(PREFIX)
UNIT = $(DESTDIR)$(UNIT_DIR)/rolekeeper.service
# systemd.generator(7): beside each directory of units there is one of generators.
GENERATOR = $(DESTDIR)$(UNIT_DIR)-generators/rolekeeper-generator
SOCKET_UNITS = $(foreach unit,rolekeeper.socket rolekeeper-credentials.socket,'$(DESTDIR)$(UNIT_DIR)/$(unit)')
SYSUSERS = $(DESTDIR)$(SYSUSERS_DIR)/rolekeeper.conf
TMPFILES = $(DESTDIR)$(TMPFILES_DIR)/rolekeeper.conf
# Explanations for journalctl -x, which looks below /usr and /usr/local only.
CATALOG = $(TO)/lib/systemd/catalog/rolekeeper.catalog
MANUAL = rolekeeper.1 vod-upload.1 rolekeeper.toml.5 rolekeeperd.8
BASH_COMPLETIONS = $(TO)/share/bash-completion/completions
FISH_COMPLETIONS = $(TO)/share/fish/vendor_completions.d
ZSH_COMPLETIONS = $(DESTDIR)$(ZSH_DIR)
POLKIT_RULE = $(DESTDIR)$(POLKIT_DIR)/rolekeeper.rules
# The administrator's.
POLKIT_OWN = $(DESTDIR)/etc/polkit-1/rules.d/50-rolekeeper.rules
COMPLETED = rolekeeper rolekeeperd vod-upload
# Where systemd.unit(5), sysusers.d(5) and tmpfiles.d(5) look, as systemd-path(1) prints it.
UNITS_FOUND = /etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system /lib/systemd/system
SYSUSERS_FOUND = /etc/sysusers.d /run/sysusers.d /usr/local/lib/sysusers.d /usr/lib/sysusers.d
TMPFILES_FOUND = /etc/tmpfiles.d /run/tmpfiles.d /usr/local/lib/tmpfiles.d /usr/lib/tmpfiles.d
MISPLACED = $(filter-out $(UNITS_FOUND),$(UNIT_DIR)) $(filter-out $(SYSUSERS_FOUND),$(SYSUSERS_DIR)) \
	$(filter-out $(TMPFILES_FOUND),$(TMPFILES_DIR))
SETTINGS = $(DESTDIR)/etc/rolekeeper
DROPINS = $(DESTDIR)/etc/systemd/system/rolekeeper.service.d
# What this make was given, to be given again.
PLACES = PREFIX=$(PREFIX) UNIT_DIR=$(UNIT_DIR) SYSUSERS_DIR=$(SYSUSERS_DIR) TMPFILES_DIR=$(TMPFILES_DIR) POLKIT_DIR=$(POLKIT_DIR)

install:
	install -D -m 0755 -s --strip-program='$(STRIP)' $(BIN)/rolekeeperd '$(TO)/sbin/rolekeeperd'
	install -D -m 0755 -s --strip-program='$(STRIP)' $(BIN)/rolekeeper '$(TO)/bin/rolekeeper'
	install -D -m 0755 -s --strip-program='$(STRIP)' $(BIN)/vod-upload '$(TO)/bin/vod-upload'
	install -d -m 0755 '$(SETTINGS)' '$(SETTINGS)/roles.d'
	@if [ -e '$(SETTINGS)/rolekeeper.toml' ]; then echo 'keeping $(SETTINGS)/rolekeeper.toml'; \
		else install -m 0644 etc/rolekeeper/rolekeeper.toml '$(SETTINGS)/rolekeeper.toml'; fi
	@for policy in vod-upload.policy.json vod-upload-optional.policy.json; do \
		if [ -e "$(SETTINGS)/$$policy" ]; then echo "keeping $(SETTINGS)/$$policy"; \
		else install -m 0644 "etc/rolekeeper/$$policy" "$(SETTINGS)/$$policy"; fi; done
	install -D -m 0644 systemd/rolekeeper.service '$(UNIT)'
	sed -i 's|/usr/sbin/|$(PREFIX)/sbin/|; s|/usr/bin/|$(PREFIX)/bin/|; s|/usr/share/|$(PREFIX)/share/|' '$(UNIT)'
	install -m 0644 systemd/rolekeeper.socket systemd/rolekeeper-credentials.socket '$(DESTDIR)$(UNIT_DIR)'
	sed -i 's|/usr/share/|$(PREFIX)/share/|' $(SOCKET_UNITS)
	install -D -m 0755 systemd/rolekeeper-generator '$(GENERATOR)'
	install -D -m 0644 systemd/rolekeeper.sysusers '$(SYSUSERS)'
	install -D -m 0644 systemd/rolekeeper.tmpfiles '$(TMPFILES)'
	install -D -m 0644 systemd/rolekeeper.rules '$(POLKIT_RULE)'
	$(foreach page,$(MANUAL),install -D -m 0644 docs/man/$(page) '$(TO)/share/man/man$(subst .,,$(suffix $(page)))/$(page)' &&) true
	$(foreach program,$(COMPLETED), \
		install -D -m 0644 docs/completions/bash/$(program) '$(BASH_COMPLETIONS)/$(program)' && \
		install -D -m 0644 docs/completions/fish/$(program).fish '$(FISH_COMPLETIONS)/$(program).fish' && \
		install -D -m 0644 docs/completions/zsh/_$(program) '$(ZSH_COMPLETIONS)/_$(program)' &&) true
	install -D -m 0644 systemd/rolekeeper.catalog '$(CATALOG)'
	sed -i 's|/usr/share/|$(PREFIX)/share/|' '$(CATALOG)'
	install -D -m 0644 README.md '$(TO)/share/doc/rolekeeper/README.md'
	install -d -m 0755 '$(TO)/share/doc/rolekeeper/docs'
	install -m 0644 LICENSE CHANGELOG.md '$(TO)/share/doc/rolekeeper'
	install -m 0644 docs/*.md docs/*.svg '$(TO)/share/doc/rolekeeper/docs'
	install -d -m 0755 '$(TO)/share/doc/rolekeeper/drop-ins'
	install -m 0644 systemd/drop-ins/* '$(TO)/share/doc/rolekeeper/drop-ins'
	sed -i 's|/usr/share/|$(PREFIX)/share/|' '$(TO)/share/doc/rolekeeper/drop-ins/'*
	install -d -m 0755 '$(TO)/share/doc/rolekeeper/nginx'
	install -m 0644 etc/nginx/* '$(TO)/share/doc/rolekeeper/nginx'
	install -D -m 0644 etc/prometheus/rolekeeper.rules.yml '$(TO)/share/doc/rolekeeper/rolekeeper.rules.yml'
	@if [ -n '$(strip $(MISPLACED))' ]; then \
		echo 'warning: systemd does not look in $(strip $(MISPLACED)): it will not find rolekeeper.service, or will not make its users or its directory.'; \
		echo 'Run these instead:'; \
		echo '  make uninstall $(PLACES)'; \
		echo '  make install PREFIX=$(PREFIX) UNIT_DIR=/etc/systemd/system SYSUSERS_DIR=/etc/sysusers.d TMPFILES_DIR=/etc/tmpfiles.d'; \
	elif [ -z '$(DESTDIR)' ]; then \
		systemd-sysusers rolekeeper.conf && systemd-tmpfiles --create rolekeeper.conf && journalctl --update-catalog \
			&& echo 'now run: systemctl daemon-reload'; fi

# The settings and the AccessKey stay, and so do the users, whose numbers must not go to somebody else.
uninstall:
	@if [ -z '$(DESTDIR)' ] && { systemctl --quiet is-enabled rolekeeper rolekeeper.socket rolekeeper-credentials.socket \
		|| systemctl is-active rolekeeper rolekeeper.socket rolekeeper-credentials.socket | grep -qx 'active\|activating\|reloading\|deactivating'; } 2>/dev/null; then \
		echo 'rolekeeper is enabled or running; stop it first: systemctl disable --now rolekeeper.socket rolekeeper-credentials.socket rolekeeper'; exit 1; fi
	rm -f '$(TO)/sbin/rolekeeperd' '$(TO)/bin/rolekeeper' '$(TO)/bin/vod-upload' '$(UNIT)' $(SOCKET_UNITS) '$(GENERATOR)' \
		'$(SYSUSERS)' '$(TMPFILES)' '$(CATALOG)' '$(POLKIT_RULE)'
	$(foreach page,$(MANUAL),rm -f '$(TO)/share/man/man$(subst .,,$(suffix $(page)))/$(page)' &&) true
	$(foreach program,$(COMPLETED),rm -f '$(BASH_COMPLETIONS)/$(program)' '$(FISH_COMPLETIONS)/$(program).fish' \
		'$(ZSH_COMPLETIONS)/_$(program)' &&) true
	rm -rf '$(TO)/share/doc/rolekeeper'
	@echo 'kept: $(SETTINGS); if an AccessKey is in it that no other host uses, delete that in the RAM console'
	@if [ -d '$(DROPINS)' ]; then echo 'kept: $(DROPINS)'; fi
	@if [ -e '$(POLKIT_OWN)' ]; then \
		echo 'kept: $(POLKIT_OWN), which lets the user rolekeeper reload or restart services; delete it'; fi
	@if [ -d '$(DESTDIR)/run/rolekeeper' ]; then echo 'kept until the next boot: $(DESTDIR)/run/rolekeeper'; fi
	@echo 'kept: the user rolekeeper and the group rolekeeper-clients'
	@if [ -z '$(DESTDIR)' ]; then journalctl --update-catalog && echo 'now run: systemctl daemon-reload'; fi

clean:
	rm -rf .build .build-fuzz .build-address .build-thread
