# Kohe: `make run` shows it, `make test` proves it.

SHELL   := /bin/bash
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
LINT    := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
SUM     := gotest.tools/gotestsum@v1.13.0
# A count, not a time: at its deadline the fuzzer of Go can report "context deadline exceeded" for a clean run.
FUZZ    ?= 20000x

# Of the simulated cluster; the same seed gives much the same faults.
FAULTS  ?= 1000
SEED    ?= 1
CELLS   ?= 1

# Of the cluster in network namespaces.
KILLS   ?= 50

# Of each death and each drain, with browsers in network namespaces.
REPEATS ?= 5

# Of an edge that dies, in network namespaces.
CLIENTS ?= 10000

.PHONY: run test check bench build clean browsers fuzz e2e simulate netns netns-browsers netns-regions netns-storm

run: build ## build, then run the demo: shop, console, agents
	./bin/kohe demo --data ./data

build: bin/kohe ## bin/kohe, browser code inside

bin/kohe: widget/dist/manifest.json $(shell find . -name '*.go' -not -path './widget/node_modules/*') $(shell find widget/shop widget/console/index.html) bench/page.js go.mod
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $@ ./cmd/kohe

widget/node_modules/.package-lock.json: widget/package.json widget/package-lock.json
	cd widget && npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

widget/dist/manifest.json: widget/node_modules/.package-lock.json widget/build.mjs $(shell find widget -path widget/node_modules -prune -o \( -name '*.ts' -o -name '*.tsx' -o -name '*.css' \) -print)
	cd widget && node build.mjs

test: build browsers ## everything: lint, unit, race, simulation, fuzz (short), browsers
	$(MAKE) check
	cd widget && npm test --silent
	go run $(SUM) --format pkgname-and-test-fails -- -race -p 2 ./...
	$(MAKE) simulate
	$(MAKE) fuzz FUZZ=$(FUZZ)
	$(MAKE) e2e

e2e: build browsers ## the story in real browsers
	cd widget && npm run --silent roundtrip && node --test --test-concurrency=1 e2e/*.test.mjs

check: widget/dist/manifest.json ## vet and lint, Go and TypeScript
	go vet ./...
	go run $(LINT) run ./...
	cd widget && npm run --silent check

fuzz: ## each fuzz target, FUZZ runs or seconds (30s before a release)
	@set -e; for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "fuzz $$pkg $$target $(FUZZ)"; CGO_ENABLED=0 go test -run '^$$$$' -fuzz "^$$target$$" -fuzztime $(FUZZ) -parallel 2 $$pkg >/tmp/kohe-fuzz.log 2>&1 || { cat /tmp/kohe-fuzz.log; exit 1; }; \
	  done; done

simulate: widget/dist/manifest.json ## FAULTS on a cluster in memory: what is stored stays, once; and the tests of that test
	@set -o pipefail; go test -count=1 -timeout 4h -run '^Test(AClusterUnderFaults|TheSimulation)' -v ./cmd/kohe -faults $(FAULTS) -seed $(SEED) -cells $(CELLS) 2>&1 \
	  | awk '/^simulated:/ { counts = $$0; next } { print } END { print counts }'

netns: widget/dist/manifest.json ## KILLS, and a third as many partitions, of a cluster of processes in network namespaces (Linux, root)
	@set -o pipefail; go test -count=1 -timeout 2h -run '^TestAClusterInNamespaces' -v ./bench -kills $(KILLS) 2>&1 \
	  | awk '/^netns: faults/ { counts = $$0; next } { print } END { print counts }'

netns-browsers: build browsers ## REPEATS deaths and drains of the edges of a visitor and an agent in Chromium, in network namespaces (Linux, root)
	@set -o pipefail; go test -count=1 -timeout 2h -run '^TestBrowsersInNamespaces' -v ./bench -browser-rounds $(REPEATS) 2>&1 \
	  | awk '/^netns-browsers: faults/ { counts = $$0; next } { print; fflush() } END { print counts }'

netns-regions: build browsers ## the same with three regions, 5, 40 and 150 ms away: the nearest edge, its death, drain and lack of UDP (Linux, root)
	@set -o pipefail; go test -count=1 -timeout 2h -run '^TestBrowsersInThreeRegions' -v ./bench -browser-rounds $(REPEATS) 2>&1 \
	  | awk '/^netns-regions: faults/ { counts = $$0; next } { print; fflush() } END { print counts }'

netns-storm: widget/dist/manifest.json ## CLIENTS pages come back to other edges when theirs dies, in three regions (Linux, root)
	go test -count=1 -timeout 1h -run '^TestAStorm' -v ./bench -storm $(CLIENTS)

bench: build ## the published benchmarks on this machine
	./bin/kohe bench chat --json bench-chat.json
	./bin/kohe bench failover --json bench-failover.json
	./bin/kohe bench raft --json bench-raft.json

browsers: # what the browser tests drive, installed if missing
	@./widget/e2e/browsers.sh

clean: ## remove what was built; data stays
	rm -rf bin widget/node_modules
	find widget/dist -mindepth 1 -not -name .keep -delete
