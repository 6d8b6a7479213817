.PHONY: run test build bench bench-floor bench-otlp bench-metrics bench-load bench-growth fuzz sanitize format lint install

PREFIX ?= /usr/local
BINARY = .build/release/widefield

# Builds and starts a server on 127.0.0.1:8080 with its data under ./data and example events.
run: build
	.ci/serve-example $(BINARY)

build:
	.ci/install-packages build
	swift build -c release --static-swift-stdlib --product widefield

# Every test: format, Swift tests, and real clients against the real binary.
test:
	.ci/install-packages test
	$(MAKE) lint
	swift test --enable-swift-testing --disable-xctest
	swift build --product widefield
	.ci/end-to-end .build/debug/widefield

# Lets libFuzzer change the corpora of fixtures/hostile, each for so long, then sends mutated requests to the real
# binary: make fuzz SECONDS=600 SEED=7. FUZZERS="json http" are two of the corpora.
SECONDS ?= 60
SEED ?= 1
FUZZERS ?=
fuzz:
	.ci/install-packages test
	.ci/fuzz $(SECONDS) $(SEED) $(FUZZERS)
	swift build --product widefield
	WIDEFIELD_BINARY=.build/debug/widefield python3 Tests/EndToEnd/fuzz.py $(SECONDS) $(SEED)

# The Swift tests with the address sanitizer, or another: make sanitize SANITIZER=thread. Leaks are not looked for:
# pointers in the payloads of enums, as in globals made once, hide from the search.
SANITIZER ?= address
sanitize:
	.ci/install-packages build
	SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0 swift test --scratch-path .build/$(SANITIZER) --sanitize $(SANITIZER) \
		--enable-swift-testing --disable-xctest

lint:
	swift format lint -r --strict Package.swift Sources Tests

format:
	swift format -i -r Package.swift Sources Tests

# The comparison with ClickHouse and DuckDB (in a virtual environment): make bench EVENTS=5000000. Writes
# docs/performance.md, as do those below: spans by OTLP, many clients at once, how questions grow with the events.
EVENTS ?= 1000000
bench: build
	.ci/benchmark compare $(BINARY) --events $(EVENTS) --seed $(SEED)

# What taking events costs beside the least that its steps can cost, with simdjson for a yardstick.
bench-floor: build
	.ci/install-packages bench
	.ci/benchmark floor $(BINARY)

SPANS ?= 1000000
bench-otlp: build
	.ci/benchmark otlp $(BINARY) --spans $(SPANS) --seed $(SEED)

# What metrics cost at ingest and when they are asked, and what series take beside Prometheus.
bench-metrics: SPANS = 200000
bench-metrics: build
	.ci/benchmark metrics $(BINARY) --spans $(SPANS) --seed $(SEED)

bench-load: build
	.ci/benchmark load $(BINARY)

bench-growth: build
	.ci/benchmark growth $(BINARY)

install: build
	install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/widefield
