import SeriesStore
import TestSupport
import Testing

@Suite struct SeriesStoreTests {
    private let start = StoreFixture.start
    private let hour = StoreFixture.hour
    private static let series: [Labels] = (0..<12).map { number in
        [
            "__name__": "calls_total", "service": "s\(number % 3)", "code": "\(200 + number % 4)",
            "id": "\(number)",
        ]
    }

    /// Samples over ten hours, most of them on the grid of ten seconds and in order.
    private func samples(_ count: Int, _ random: inout SeededRandom) -> [LabeledSample] {
        var generator = SampleGenerator(seed: random.next())
        return (0..<count).map { _ in
            let labels = SeriesStoreTests.series.randomElement(using: &random) ?? .empty
            let time = start + Int64.random(in: 0..<3_600, using: &random) * 10_000
            let value: SampleValue =
                random.chance(1, in: 8)
                ? .histogram(generator.histogram(after: nil))
                : .float(generator.samples(1).values[0])
            return LabeledSample(labels, time, value)
        }
    }

    @Test(arguments: 1...15)
    func `a store answers as a table of all samples does`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let fixture = StoreFixture(seed: seed)
        fixture.disk.shortenCalls()
        var store = try fixture.open()
        var model = SeriesModel()
        for _ in 0..<25 {
            switch Int.random(in: 0..<8, using: &random) {
            case 0:
                try store.close(
                    endingBy: start + Int64.random(in: 0...12, using: &random) * hour, now: start)
            case 1:
                try store.close(endingBy: .max, now: start)
                store = try fixture.open()
                #expect(store.findings.isEmpty)
            case 2:
                let block = start + Int64.random(in: 0..<5, using: &random) * 2 * hour
                var part = SeriesModel()
                part.write(
                    samples(60, &random).filter { $0.timestamp / hour / 2 == block / hour / 2 })
                #expect(try store.replaceBlock(at: block, with: part.select()).isEmpty)
                model.remove(from: block, to: block + 2 * hour - 1)
                for (labels, all) in part.samples {
                    model.samples[labels, default: [:]].merge(all) { $1 }
                }
            default:
                let written = samples(Int.random(in: 1..<80, using: &random), &random)
                #expect(try store.write(written).isEmpty)
                model.write(written)
            }
            try check(store, model, &random)
        }
    }

    private func check(
        _ store: SeriesStore, _ model: SeriesModel, _ random: inout SeededRandom
    ) throws {
        let matchers =
            try [
                [], [LabelMatcher("service", .equal, "s1")],
                [
                    LabelMatcher("code", .matches, "20[01]"),
                    LabelMatcher("service", .notEqual, "s0"),
                ],
            ].randomElement(using: &random) ?? []
        let from = start + Int64.random(in: -1..<10, using: &random) * hour
        let to = from + Int64.random(in: 0..<8, using: &random) * hour
        let view = store.view(.sum)
        let expected = model.select(matchers, from: from, to: to)
        #expect(try view.select(matchers, from: from, to: to) == expected)
        // Chunks tell of their ends only, so a series without a sample in the range may be among these.
        let labels = try view.series(matchers, from: from, to: to)
        #expect(Set(labels).isSuperset(of: expected.map(\.labels)))
        #expect(labels == labels.sorted())
        #expect(try store.all() == model.select())
    }

    @Test func `names and values of labels are those of the series found`() throws {
        let store = try StoreFixture().open()
        _ = try store.write([
            LabeledSample(["a": "1", "é": "x"], start, .float(1)),
            LabeledSample(["a": "2", "b": "3"], start, .float(1)),
        ])
        try store.close(endingBy: .max, now: start)
        _ = try store.write([LabeledSample(["c": "4", "a": "10"], start + 3 * hour, .float(1))])
        let view = store.view(.sum)
        #expect(try view.labelNames([], from: .min, to: .max) == ["a", "b", "c", "é"])
        #expect(try view.labelValues(of: "a", [], from: .min, to: .max) == ["1", "10", "2"])
        #expect(try view.labelValues(of: "a", [], from: start, to: start) == ["1", "2"])
        let matcher = try LabelMatcher("a", .equal, "2")
        #expect(try view.labelNames([matcher], from: .min, to: .max) == ["a", "b"])
        #expect(try view.labelValues(of: "none", [], from: .min, to: .max).isEmpty)
    }

    @Test func `what is beyond a bound is refused with its reason and the rest is kept`() throws {
        let fixture = StoreFixture()
        fixture.options.seriesMax = 2
        let store = try fixture.open()
        let long = String(repeating: "x", count: SeriesLimits.labelValueBytes + 1)
        let rejections = try store.write([
            LabeledSample(["a": "1"], start, .float(1)),
            LabeledSample(.empty, start, .float(1)),
            LabeledSample(["a": long], start, .float(1)),
            LabeledSample(["a": "1"], start + 1, .histogram(NativeHistogram(schema: 9))),
            LabeledSample(["a": "2"], start, .float(1)),
            LabeledSample(["a": "3"], start, .float(1)),
            LabeledSample(["a": "2"], start + 1, .float(1)),
        ])
        #expect(rejections.map(\.place) == [1, 2, 3, 5])
        #expect(rejections[3].reason == "a block has at most 2 series")
        #expect(try store.all().map(\.samples.count) == [1, 2])
    }

    @Test func `samples at the ends of time have their blocks`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        let times: [Int64] = [.min, .min + 1, -1, 0, .max - 1, .max]
        #expect(try store.write(times.map { LabeledSample(["a": "1"], $0, .float(1)) }).isEmpty)
        try store.close(endingBy: .max, now: start)
        #expect(try fixture.open().all().first?.samples.timestamps == times)
    }

    @Test func `more blocks than may be open are written as they come`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        let written = (0..<40).map {
            LabeledSample(["a": "1"], start + Int64($0) * 2 * hour, .float(Double($0)))
        }
        _ = try store.write(written)
        #expect(store.figures().openSeries <= 8)
        #expect(try store.all().first?.samples.count == 40)
    }
}
