# Two commands do everything on a fresh Debian 12 with Go and root:
#   make demo    examples of the tool, in a lab
#   make test    every check
# Both install the packages that they need (scripts/setup.sh).

SHELL := /bin/bash
GO ?= go
export CT_TRACE_CACHE ?= $(CURDIR)/.cache
FUZZTIME ?= 10s
STEPS ?= 50000
USERSTEPS ?= 5000
# CASE=name runs one case of the oracle (a regular expression).
CASE ?=
# DEBIAN=trixie (or another release) runs the lab on OVN and kernel of that release, which are unpacked but not installed.
DEBIAN ?=
# DATAPATH=userspace runs the lab on Open vSwitch's userspace datapath, in namespaces of this machine, without a guest.
DATAPATH ?=
ifneq ($(DATAPATH),)
export CT_TRACE_DATAPATH := $(DATAPATH)
endif
ON = $(if $(DEBIAN),scripts/debian.sh $(DEBIAN))
# RANDOM_CASES=N runs N random cases, drawn by SEED, instead of the listed ones.
RANDOM_CASES ?= 0
SEED ?= 1
# difftest-long compares SEEDS seeds, JOBS of them at a time.
SEEDS ?= 200
JOBS ?= 2
LABCTL := bin/labctl

.PHONY: docs all build labctl unit test live difftest difftest-long oracle campaign offline-cuts whatif-campaign coverage lint fuzz bench scale demo lab lab-up lab-down capture setup clean

all: build

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ovn-ct-trace ./cmd/ovn-ct-trace

labctl:
	@CGO_ENABLED=0 $(GO) build -o $(LABCTL) ./internal/lab/labctl

setup:
	@scripts/setup.sh

# Without root, network and OVS: tests that need them are skipped.
unit:
	CT_TRACE_LIVE= $(GO) test ./...

# Everything. CT_TRACE_LIVE=1 (as CI sets) turns skips into failures.
test:
	@scripts/test.sh

lint:
	@out=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); if [ -n "$$out" ]; then echo "gofmt: $$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

# The conntrack models against the kernel and against Open vSwitch's userspace datapath: random steps, compared.
difftest: setup
	$(GO) run ./internal/difftest -steps $(STEPS)
	$(GO) run ./internal/difftest -datapath userspace -steps $(USERSTEPS)

# The comparison with the userspace datapath for many seeds, from SEED on, JOBS at a time; prints a line for each.
difftest-long: setup
	@$(GO) build -o bin/difftest ./internal/difftest
	@seq $(SEED) $$(($(SEED) + $(SEEDS) - 1)) | xargs -P $(JOBS) -n 1 bin/difftest -datapath userspace -steps $(USERSTEPS) -seed

# The lab's cases: predicted, sent, compared.
oracle: setup build labctl
	@$(ON) $(LABCTL) oracle -case '$(CASE)' -random $(RANDOM_CASES) -seed $(SEED)

# Faults are injected in the lab, and the tool must name them; FAULTS=N faults (default: each kind once), drawn by SEED; KIND=name draws
# from some kinds (a regular expression).
# ARCHIVES=. also asks archives of each fault, collected while it is there (sosreport, bundle: a regular expression); ARCHIVED=RE of some kinds only.
FAULTS ?= 0
KIND ?=
ARCHIVES ?=
ARCHIVED ?=
campaign: setup build labctl
	@$(ON) $(LABCTL) campaign -faults $(FAULTS) -seed $(SEED) -kinds '$(KIND)' -archives '$(ARCHIVES)' -archived '$(ARCHIVED)'

# The files of archives of the lab (userspace datapath), each cut at CUTS places drawn by SEED, and dropped: no answer may differ from the live
# one. ARCHIVES=RE chooses kinds (sosreport, bundle, must-gather), FILES=RE files, FOLDERS=RE those of hosts. CT_TRACE_CUTS does the same with the archives of one chassis
# that the tests of internal/offline make.
CUTS ?= 200
FILES ?=
FOLDERS ?=
offline-cuts: build labctl
	CT_TRACE_LIVE=1 CT_TRACE_CUTS=$(CUTS) CT_TRACE_CUTS_SEED=$(SEED) $(GO) test ./internal/offline -run 'Test(Cut|MustGather)$$' -timeout 3h
	@$(USERSPACE) $(LABCTL) cuts -places $(CUTS) -seed $(SEED) -archives '$(ARCHIVES)' -files '$(FILES)' -folders '$(FOLDERS)'

# N changes (default: each kind once), drawn by SEED, are predicted by what-if and then made in the lab under live connections, which must die or
# go on as predicted; KIND=name draws from some kinds.
N ?= 0
whatif-campaign: setup build labctl
	@$(ON) $(LABCTL) whatif -changes $(N) -seed $(SEED) -kinds '$(KIND)'

# docs/coverage.md, from complete runs of the oracle on each datapath and release.
RUNS = $(CT_TRACE_CACHE)/oracle
SYSTEM = CT_TRACE_DATAPATH=system
USERSPACE = CT_TRACE_DATAPATH=userspace
coverage: setup build labctl
	@$(SYSTEM) $(LABCTL) oracle -results $(RUNS).json
	@$(USERSPACE) $(LABCTL) oracle -results $(RUNS)-userspace.json
	@for r in trixie sid; do \
		$(SYSTEM) scripts/debian.sh $$r $(LABCTL) oracle -results $(RUNS)-$$r.json && \
		$(USERSPACE) scripts/debian.sh $$r $(LABCTL) oracle -results $(RUNS)-$$r-userspace.json || exit; \
	done
	@$(LABCTL) coverage -o docs/coverage.md $(RUNS){,-userspace,-trixie,-trixie-userspace,-sid,-sid-userspace}.json

# The JSON Schema and docs/json.md, generated from the types of package report; the notes of docs/codes.md.
docs:
	$(GO) generate ./internal/schemagen

fuzz:
	@scripts/fuzz.sh $(FUZZTIME)

# Measurements whose ratios have limits, each measured side by side in one run;
# BENCHARGS='-only trace' (parsers, model, lookup, userspace, trace, explain, offline, what-if, scale, ovsdb) runs one part.
bench: setup build
	@$(GO) build -o bin/bench ./internal/bench && bin/bench $(BENCHARGS)

# The commands in deployments of up to a thousand chassis, most of them simulated (docs/scale.md).
scale:
	@$(GO) build -o bin/bench ./internal/bench && bin/bench -only scale

demo: setup build labctl
	@$(ON) $(LABCTL) demo

# A shell in a running lab.
lab: setup build labctl
	@$(ON) $(LABCTL) shell

# Keep a lab up between runs; make oracle and scripts/lab-exec use it.
lab-up: setup build labctl
	@$(ON) $(LABCTL) up

lab-down: labctl
	@$(ON) $(LABCTL) down

# Captures the parsers' corpus in testdata/ again, from a kept lab.
capture: lab-up
	@scripts/capture.sh

clean:
	rm -rf bin
