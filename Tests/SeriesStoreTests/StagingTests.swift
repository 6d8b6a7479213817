import Host
import SeriesStore
import TestSupport
import Testing

/// Increments that are added to blocks, all together or not at all.
@Suite struct StagingTests {
    private static let start = StoreFixture.start
    private static let hour = StoreFixture.hour
    private static let block = Tier.written.blockLength

    /// Increments of a few series in one block of two hours.
    private struct Addition {
        let start: Int64
        var series: [SeriesData]

        init(_ random: inout SeededRandom, blocks: Int) {
            start = StagingTests.start + Int64.random(in: 0..<Int64(blocks), using: &random) * block
            series = []
            for name in ["a", "b", "c"] where random.chance(2, in: 3) {
                var samples = Samples()
                for cell in 0..<720 where random.chance(1, in: 90) {
                    let value = Double(Int.random(in: 1..<9, using: &random))
                    samples.append(start + Int64(cell) * 10_000, value)
                }
                series.append(SeriesData(labels: ["name": name], samples: samples))
            }
        }
    }

    private static func sum(_ left: SampleValue, _ right: SampleValue) -> SampleValue {
        guard case .float(let x) = left, case .float(let y) = right else { return right }
        return .float(x + y)
    }

    private static func stage(_ addition: Addition, _ store: SeriesStore, now: Int64) throws {
        try store.stage(addition.series, at: addition.start, now: now) { sum($1, $2) }
    }

    /// The sum of each series, by name.
    private static func totals(
        _ view: SeriesView, from: Int64 = .min, to: Int64 = .max
    ) throws -> [String: Double] {
        try view.select([], from: from, to: to).reduce(into: [:]) { totals, data in
            totals[data.labels["name"]] = data.samples.values.reduce(0, +)
        }.filter { $0.value > 0 }
    }

    private static func totals(_ additions: [Addition]) -> [String: Double] {
        additions.flatMap(\.series).reduce(into: [:]) { totals, data in
            totals[data.labels["name"], default: 0] += data.samples.values.reduce(0, +)
        }.filter { $0.value > 0 }
    }

    @Test(arguments: [UInt64](0..<8))
    func `what is added in any order sums up in every tier, whatever is kept`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let fixture = StoreFixture(seed: seed)
        fixture.options.keepsTotals = true
        if seed > 0 {
            fixture.options.retention = [
                .written: 12 * Self.hour, .minute: 48 * Self.hour, .hour: 1_000 * Self.hour,
            ]
        }
        var store = try fixture.open()
        var additions: [Addition] = []
        var now = Self.start
        for _ in 0..<12 {
            let batch = (0..<3).map { _ in Addition(&random, blocks: 40) }
            for addition in batch { try Self.stage(addition, store, now: now) }
            if random.chance(1, in: 4) {
                try store.discardStaged()
            } else {
                try store.commitStaged(now: now)
                additions += batch
            }
            now += Int64.random(in: 0..<300 * Self.hour, using: &random)
            try store.retain(now: now)
            let expected = Self.totals(additions)
            #expect(try Self.totals(store.view(.sum)) == expected)
            #expect(try Self.totals(store.view(of: .hour, .sum)) == expected)
            if random.chance(1, in: 3) { store = try fixture.open() }
            #expect(try Self.totals(store.view(of: .hour, .sum)) == expected)
        }
        // Where the finest cells are kept every one of them is right.
        guard seed == 0 else { return }
        for block in 0..<40 {
            let start = Self.start + Int64(block) * Self.block
            let expected = Self.totals(additions.filter { $0.start == start })
            let end = start + Self.block - 1
            #expect(try Self.totals(store.view(.sum), from: start, to: end) == expected)
        }
    }

    @Test(arguments: [false, true])
    func `whatever call goes wrong, all of it counts or nothing`(isKilled: Bool) throws {
        var random = SeededRandom(seed: 5)
        let first = (0..<3).map { _ in Addition(&random, blocks: 20) }
        let second = (0..<3).map { _ in Addition(&random, blocks: 20) }
        /// Adds the two; how many are to count, and whether the last of them was being put in place.
        func live(_ fixture: StoreFixture) -> (count: Int, isCommitting: Bool) {
            var (count, isCommitting) = (0, false)
            do {
                let store = try fixture.open()
                for batch in [first, second] {
                    for addition in batch { try Self.stage(addition, store, now: Self.start) }
                    (count, isCommitting) = (count + 1, true)
                    try store.commitStaged(now: Self.start)
                    isCommitting = false
                }
            } catch {}
            return (count, isCommitting)
        }
        let whole = StoreFixture()
        #expect(live(whole).count == 2)
        for call in 0..<whole.disk.callCount {
            let fixture = StoreFixture(seed: UInt64(call))
            fixture.disk.crash(atCall: call)
            let (count, isCommitting) = live(fixture)
            if isKilled { fixture.disk.kill() } else { fixture.disk.powerCut() }
            fixture.disk.crash(atCall: nil)
            let store = try fixture.open()
            if isCommitting {
                try store.commitStaged(now: Self.start)
            } else {
                try store.discardStaged()
                try store.commitStaged(now: Self.start)
            }
            let expected = Self.totals(Array([first, second].prefix(count).joined()))
            #expect(try Self.totals(store.view(.sum)) == expected, "call \(call)")
            #expect(try Self.totals(store.view(of: .hour, .sum)) == expected, "call \(call)")
        }
    }
}
