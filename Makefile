.PHONY: run test build bench bench-load bench-growth fuzz format lint install

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

# Sends mutated requests to the real binary: make fuzz SECONDS=600 SEED=7
SECONDS ?= 60
SEED ?= 1
fuzz:
	.ci/install-packages test
	swift build --product widefield
	WIDEFIELD_BINARY=.build/debug/widefield python3 Tests/EndToEnd/fuzz.py $(SECONDS) $(SEED)

lint:
	swift format lint -r --strict Package.swift Sources Tests

format:
	swift format -i -r Package.swift Sources Tests

# The comparison with ClickHouse and DuckDB (in a virtual environment): make bench EVENTS=5000000. Writes
# docs/performance.md, as do the two below: many clients at once, and how questions grow with the events.
EVENTS ?= 1000000
bench: build
	.ci/benchmark compare $(BINARY) --events $(EVENTS) --seed $(SEED)

bench-load: build
	.ci/benchmark load $(BINARY)

bench-growth: build
	.ci/benchmark growth $(BINARY)

install: build
	install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/widefield
