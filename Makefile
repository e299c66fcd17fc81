# Everything a developer types. `make test` is what CI runs.
GO ?= go
export CGO_ENABLED = 0

.PHONY: build test unit lab-tools interop lint fuzz bench mutants truth reports judged cross quick-cross release vulnerabilities clean

build:
	$(GO) build -trimpath -ldflags '-s -w' -o sipdoctor ./cmd/sipdoctor

# Installs what the lab's tests need where apt-get is at hand, then runs
# everything, first what fails soonest. Elsewhere the tests say what they leave
# out. The lab has the machine to itself: its tests run side by side, but some
# measure time. Lint has vetted the packages, so tests need not do it again.
test: lab-tools
	$(call step,1,tests of every package)
	$(GO) test -count=1 -vet=off -timeout 15m $$($(GO) list ./... | grep -v /labtest)
	$(call step,2,gofmt$(,) vet and staticcheck)
	@$(MAKE) --no-print-directory lint
	$(call step,3,the program in the offices of the lab: some minutes)
	$(GO) test -count=1 -vet=off -timeout 30m ./cmd/sipdoctor/labtest
	$(call step,4,builds for other systems)
	@$(MAKE) --no-print-directory quick-cross
	$(call step,5,a release for this processor: built twice$(,) installed$(,) run)
	$(GO) -C tools test -count=1 -vet=off -timeout 30m ./release
	@echo "make test: all passed"

, := ,
step = @echo "make test, $(1) of 5, $$(date +%H:%M:%S): $(2)"

# Rings 1 to 3: nothing but Go and loopback.
unit:
	$(GO) test ./...

lab-tools:
	@sh testdata/lab-tools.sh
	@sh testdata/asterisk-roots.sh
	@sh testdata/wine-root.sh

# Of the lab, only the stories with real Asterisks, SIPp and Kamailio, in which
# tshark and sngrep count as well: some two minutes, and two more the first time.
interop: lab-tools
	SIPDOCTOR_LAB=require $(GO) test -count=1 -vet=off -timeout 15m -run '^TestInterop' ./cmd/sipdoctor/labtest

lint:
	@out=$$(gofmt -l cmd checks netinfo fixes platform tools); test -z "$$out" || { echo "gofmt -w these: $$out"; exit 1; }
	$(GO) vet ./...
	$(GO) tool -modfile=tools/go.mod staticcheck ./...
	$(GO) -C tools vet ./...
	$(GO) -C tools tool staticcheck ./...

# Every system and processor a technician may hold in hand. The tests build
# one processor of each system, and both small ones; "make cross" builds all.
QUICK = windows/amd64 darwin/arm64 freebsd/amd64 linux/arm linux/mipsle
TARGETS = $(QUICK) windows/arm64 darwin/amd64 freebsd/arm64 linux/amd64 linux/arm64 linux/mips
cross:
	@for t in $(TARGETS); do \
		GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) build -o /dev/null ./cmd/sipdoctor || { echo "does not build for $$t"; exit 1; }; \
	done; echo "builds for $(TARGETS)"

quick-cross:
	@$(MAKE) --no-print-directory cross TARGETS='$(QUICK)'

# Everything that is published of this commit, in dist: some ten minutes. The same
# commit and the same Go give the same bytes. ONLY=linux_amd64,darwin_universal for
# some systems; `git tag v1.2.3` first names the version.
ONLY ?=
release:
	$(GO) -C tools run ./release -root .. -out $(CURDIR)/dist -only '$(ONLY)'

# What is known against the modules and the Go in use, and whether the program
# reaches it (SECURITY.md). Where the database is not reachable, VULNDB names the folder
# data/osv of the module golang.org/x/vulndb, as file:///FOLDER.
VULNDB ?=
vulnerabilities:
	$(GO) tool -modfile=tools/go.mod govulncheck $(if $(VULNDB),-db $(VULNDB)) ./cmd/sipdoctor

# One minute of every fuzz target, one after the other; FUZZTIME=10s for a quick
# look, FUZZ='Bundle|Pickle' for some of them, FUZZPROCS=1 beside other work. An
# input that reaches new code is made smaller for 20 executions: as the engine
# has it by itself, for up to a minute each, nothing else would be done.
FUZZTIME ?= 1m
FUZZ ?= .
FUZZPROCS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
fuzz:
	@for p in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep -E '^Fuzz.*($(FUZZ))'); do \
			echo "$$p $$f"; \
			$(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x -parallel $(FUZZPROCS) $$p || exit 1; \
		done; \
	done

# Figures for docs/performance.md, one package after the other and nothing
# beside it; BENCH=OfficeCheck for some of them, COUNT=5 to see how they scatter.
BENCH ?= .
COUNT ?= 1
bench:
	$(GO) test -p 1 -vet=off -timeout 30m -run '^$$' -bench '$(BENCH)' -count $(COUNT) -benchmem ./...

# Records anew what tests without a kernel judge: a report of every office of the
# lab; of what each check observed there, on PBXs and in its own tests, one or two
# for every outcome; and what the kernel agreed with the evaluator about. Then
# what judges say of it ("make judged"). Needed when a check observes something
# else than before; it needs namespaces and takes some ten minutes.
RECORD = EveryOffice|OfficeSDNS|NobodyAnswersNames|WhatStopsTheProvider|NoNetworkAtAll|RealRegistrar|RoutersMemory|FragmentsAreTold|CallSounds|OnlyHTTPS|BundleOfALive|UFW|Firewalld|CrowdSec|EveryBan|BlocksThat|KernelsFilters|ForwardingThatLeads|LearnsWhatReaches
reports:
	rm -rf testdata/reports/lab testdata/reports/observed netinfo/packetfilter/testdata/kernel
	SIPDOCTOR_RECORD=$(CURDIR)/testdata/reports $(GO) test -count=1 -timeout 30m -parallel 1 -run '$(RECORD)' ./cmd/sipdoctor/labtest
	SIPDOCTOR_RECORD=1 $(GO) test -count=1 -run 'TheKernelAgrees' ./netinfo/packetfilter
	$(GO) -C tools run ./stories -root ..
	$(MAKE) --no-print-directory judged

# Accepts what judges say now of everything that was recorded: look at the
# difference before it is committed.
judged:
	$(GO) test -count=1 -run 'ObservationsChangeKnowingly' ./checks/all -update
	SIPDOCTOR_UPDATE=1 $(GO) test -count=1 -run 'WhatTheJudgeSays|WhatTheKernelAgreedWith|EverythingInIt|RecordedOffices' ./checks/... ./netinfo/packetfilter ./cmd/sipdoctor

# Whether the tests notice a wrong judgement: a change at a time in the judges,
# the runner and the evaluator of packet filters (docs/mutants.md).
# MUTANTS='-all' tries every one, MUTANTS='-seed 2' others; MUTATE='checks/dns'
# one package.
MUTANTS ?= -sample 60
MUTATE ?=
mutants:
	$(GO) -C tools run ./mutants -root .. -least 90 $(MUTANTS) $(MUTATE)

# Is what check says of a SIP ALG true? Fifteen offices, three rates of loss, with
# a responder and with Kamailio only, ten runs each: about 15 minutes. Makes the
# tables of docs/truth.md.
RUNS ?= 10
truth: lab-tools
	SIPDOCTOR_LAB=require $(GO) test -count=1 -timeout 60m -parallel 5 -run '^TestVerdictsAreTrue$$' ./cmd/sipdoctor/labtest \
		-truth-table $(CURDIR)/docs/truth.md -truth-runs $(RUNS) -truth-loss 0,5,20

clean:
	rm -f sipdoctor
