import SeriesStore
import TestSupport
import Testing

@Suite struct RollupTests {
    private let start = StoreFixture.start
    private let hour = StoreFixture.hour
    private let minute: Int64 = 60_000
    private let labels: Labels = ["__name__": "m"]

    /// Two series over thirty hours with gaps.
    private func samples(_ seed: UInt64) -> [LabeledSample] {
        var random = SeededRandom(seed: seed)
        return (0..<30 * 360).flatMap { cell -> [LabeledSample] in
            if random.chance(1, in: 3) { return [] }
            let time = start + Int64(cell) * 10_000
            let value = Double(Int.random(in: -500..<500, using: &random)) / 4
            return [labels, ["__name__": "n"]].filter { _ in random.chance(2, in: 3) }
                .map { LabeledSample($0, time, .float(value)) }
        }
    }

    /// Cells worked out from all samples one by one; sums of quarters are exact.
    private func cells(
        _ written: [LabeledSample], _ step: Int64, _ reading: CellReading
    ) -> [SeriesData] {
        var groups: [Labels: [Int64: [Double]]] = [:]
        for sample in written {
            guard case .float(let value) = sample.value else { continue }
            let cell = sample.timestamp / step * step
            groups[sample.labels, default: [:]][cell, default: []].append(value)
        }
        var model = SeriesModel()
        for (labels, cells) in groups {
            for (time, values) in cells {
                let sum = values.reduce(0, +)
                let value =
                    switch reading {
                    case .min: values.min() ?? 0
                    case .max: values.max() ?? 0
                    case .sum: sum
                    case .count: Double(values.count)
                    case .average: sum / Double(values.count)
                    }
                model.write([LabeledSample(labels, time, .float(value))])
            }
        }
        return model.select()
    }

    private func check(_ store: SeriesStore, _ written: [LabeledSample]) throws {
        for reading in [CellReading.min, .max, .sum, .count, .average] {
            #expect(try store.all(.minute, reading) == cells(written, minute, reading))
            #expect(try store.all(.hour, reading) == cells(written, hour, reading))
        }
    }

    @Test(arguments: 1...3)
    func `cells of minutes and hours are those of the samples, late ones too`(seed: UInt64) throws {
        let fixture = StoreFixture()
        var store = try fixture.open()
        var model = SeriesModel()
        let written = samples(seed)
        var random = SeededRandom(seed: seed)
        // In pieces that come in any order: most blocks are opened again when they are on disk.
        for piece in stride(from: 0, to: written.count, by: 900).shuffled(using: &random) {
            let part = Array(written[piece..<min(piece + 900, written.count)])
            _ = try store.write(part)
            model.write(part)
            try store.close(endingBy: start + 40 * hour, now: start + 40 * hour)
            if random.chance(1, in: 3) { store = try fixture.open() }
        }
        try store.close(endingBy: start + 800 * hour, now: start + 800 * hour)
        try check(store, written)

        // A late event changes its cell.
        let late = LabeledSample(labels, start + 3 * hour + 1_230_000, .float(1_000.25))
        _ = try store.write([late])
        try store.close(endingBy: start + 800 * hour, now: start + 800 * hour)
        model.write([late])
        let all = model.samples.flatMap { labels, samples in
            samples.map { LabeledSample(labels, $0.key, $0.value) }
        }
        try check(store, all)

        // A block that has nothing any more takes its cells along.
        #expect(try store.replaceBlock(at: start + 4 * hour, with: []).isEmpty)
        try store.close(endingBy: start + 800 * hour, now: start + 800 * hour)
        try check(store, all.filter { !(start + 4 * hour..<start + 6 * hour ~= $0.timestamp) })
    }

    @Test func `coarser cells outlive what they are made of and are read in its place`() throws {
        let fixture = StoreFixture()
        fixture.options.retention = [.written: 20 * hour, .minute: 40 * hour]
        let store = try fixture.open()
        let written = samples(9)
        _ = try store.write(written)
        try store.close(endingBy: start + 30 * hour, now: start + 30 * hour)
        try store.retain(now: start + 30 * hour)
        // Blocks of two hours that ended by hour ten are gone, as minutes tell of them.
        #expect(try store.all().first?.samples.timestamps.first ?? 0 >= start + 10 * hour)
        let view = store.view(.sum)
        let found = try view.select([], from: .min, to: .max)
        let minutes = cells(written, minute, .sum)
        for (series, expected) in zip(found, minutes) {
            let old = series.samples.clamped(from: .min, to: start + 10 * hour - 1)
            #expect(old == expected.samples.clamped(from: .min, to: start + 10 * hour - 1))
        }
        #expect(found.count == minutes.count)
        // Hours are made of minutes when their block is over, and these go only then.
        try store.close(endingBy: start + 36 * hour, now: start + 55 * hour)
        try store.retain(now: start + 55 * hour)
        let later = try view.select([], from: .min, to: start + 12 * hour - 1)
        let hours = cells(written, hour, .sum).map {
            $0.samples.clamped(from: .min, to: start + 12 * hour - 1)
        }
        #expect(later.map(\.samples) == hours)
        #expect(
            try fixture.open().view(.sum).select([], from: .min, to: start + 12 * hour - 1) == later
        )
    }

    @Test func `nothing goes before coarser cells were made of it`() throws {
        let fixture = StoreFixture()
        fixture.options.retention = [.written: hour, .minute: hour]
        let store = try fixture.open()
        _ = try store.write([LabeledSample(labels, start, .float(1))])
        try store.close(endingBy: start + 2 * hour, now: start + 2 * hour)
        try store.retain(now: start + 100 * hour)
        // The hour has no cell yet: the minute stays.
        #expect(try store.all().isEmpty)
        #expect(try store.all(.minute).count == 1)
        try store.close(endingBy: start + 12 * hour, now: start + 12 * hour)
        try store.retain(now: start + 100 * hour)
        #expect(try store.all(.minute).isEmpty)
        #expect(try store.all(.hour).count == 1)
    }

    @Test func `a late sample of what is gone does not take the place of its cells`() throws {
        let fixture = StoreFixture()
        fixture.options.retention = [.written: hour, .minute: 2 * hour]
        let store = try fixture.open()
        let written = samples(4).filter { $0.timestamp < start + 12 * hour }
        _ = try store.write(written)
        try store.close(endingBy: start + 12 * hour, now: start + 12 * hour)
        let late = LabeledSample(labels, start + 5, .float(7))
        for age in [hour, 40 * hour] {
            try store.retain(now: start + 12 * hour + age)
            #expect(try store.write([late]).map(\.place) == [0])
            try store.close(endingBy: .max, now: start + 12 * hour + age)
            #expect(try store.all(.hour) == cells(written, hour, .sum))
        }
        #expect(try store.all(.minute).isEmpty)
    }

    @Test func `a sample of long ago does not hide the cells after it`() throws {
        let fixture = StoreFixture()
        fixture.options.retention = [.written: hour]
        let store = try fixture.open()
        let written = samples(5).filter { $0.timestamp < start + 4 * hour }
        _ = try store.write(written)
        try store.close(endingBy: start + 4 * hour, now: start + 4 * hour)
        try store.retain(now: start + 5 * hour)
        let old = LabeledSample(labels, start - 100 * hour, .float(1))
        #expect(try store.write([old]).isEmpty)
        var expected = SeriesModel()
        expected.write([old])
        for series in cells(written, minute, .sum) {
            for (time, value) in zip(series.samples.timestamps, series.samples.values) {
                expected.write([LabeledSample(series.labels, time, .float(value))])
            }
        }
        #expect(try store.view(.sum).select([], from: .min, to: .max) == expected.select())
    }

    @Test func `histograms are kept, gauges summed and others as they were last`() throws {
        let store = try StoreFixture().open()
        func histogram(_ count: Double, _ reset: NativeHistogram.CounterReset) -> SampleValue {
            .histogram(NativeHistogram(counterReset: reset, count: count, sum: count))
        }
        _ = try store.write(
            [1.0, 2, 4].enumerated().flatMap { place, count in
                [
                    LabeledSample(
                        ["k": "gauge"], start + Int64(place) * 10_000, histogram(count, .gauge)),
                    LabeledSample(
                        ["k": "counter"], start + Int64(place) * 10_000, histogram(count, .notReset)
                    ),
                ]
            } + [LabeledSample(["k": "gauge"], start + 30_000, .histogram(.stale))])
        try store.close(endingBy: .max, now: start)
        for tier in [Tier.minute, .hour] {
            let found = try store.all(tier).map { $0.samples.histograms[0]?.count }
            #expect(found == [4, 7])
        }
    }

    @Test func `what is no number counts in the sum alone and what is stale not at all`() throws {
        let store = try StoreFixture().open()
        _ = try store.write(
            [.nan, 2, StaleMarker.value, 1].enumerated().map {
                LabeledSample(labels, start + Int64($0.offset) * 10_000, .float($0.element))
            })
        try store.close(endingBy: .max, now: start)
        #expect(try store.all(.hour, .min).first?.samples.values == [1])
        #expect(try store.all(.hour, .max).first?.samples.values == [2])
        #expect(try store.all(.hour, .count).first?.samples.values == [3])
        #expect(try store.all(.hour, .sum).first?.samples.values.first?.isNaN == true)
    }
}
