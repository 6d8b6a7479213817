import Compute
import EventQuery
import Events
import Metrics
import TestSupport
import Testing

/// Counters that are counted together, against a plain count of the same events.
@Suite struct CounterCellsTests {
    private static let second: Int64 = 1_000_000_000
    private static let start: Int64 = 1_800_000_000 * second

    /// More than one question takes, over two datasets and all of them.
    private static let counters: [MetricDefinition] = (0..<130).map { place in
        let sources: [DatasetSelection] = [.all, .named(["shop"]), .named(["mail"])]
        let below: Expression = .literal(.int(Int64(place)))
        let filter: Expression = .compare(.less, .field(.named("ms")), below)
        return MetricDefinition(
            name: "c\(place)_total", source: sources[place % 3],
            filter: place == 0 ? nil : filter)
    }

    private static func events(_ random: inout SeededRandom) -> [ModelEvent] {
        (0..<300).map { _ in
            ModelEvent(
                timestamp: start + Int64.random(in: -600 * second..<3_600 * second, using: &random),
                rate: UInt32.random(in: 1...3, using: &random),
                dataset: random.chance(1, in: 2) ? "shop" : "mail",
                fields: random.chance(4, in: 5)
                    ? ["ms": .int(Int64.random(in: 0..<140, using: &random))] : [:])
        }
    }

    private static func matches(_ event: ModelEvent, _ place: Int) -> Bool {
        if place % 3 != 0, event.dataset != (place % 3 == 1 ? "shop" : "mail") { return false }
        if place == 0 { return true }
        guard case .int(let value)? = event.fields["ms"] else { return false }
        return value < Int64(place)
    }

    @Test(arguments: [UInt64](0..<4))
    func `each cell of each counter has its events`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let events = Self.events(&random)
        let now = Self.start + 4_000 * Self.second
        let ask = try asking(events, now: now)
        for width in [10_000, 60_000] as [Int64] {
            let begin = Self.start / 1_000_000
            let cells = CounterCells(
                of: Self.counters, in: begin..<begin + 1_800_000, width: width)
            let found = try cells.counts(now: now / 1_000_000, past: nil) { ask }
            for place in Self.counters.indices {
                var expected: [Int64: Double] = [:]
                for event in events where Self.matches(event, place) {
                    let cell = (event.timestamp / 1_000_000 - begin) / width
                    guard event.timestamp >= Self.start, cell < 1_800_000 / width else { continue }
                    expected[begin + (cell + 1) * width, default: 0] += Double(event.rate)
                }
                let plain = expected.sorted { $0.key < $1.key }
                    .map { CellCount(end: $0.key, count: $0.value) }
                #expect(found[place] == plain, "counter \(place), seed \(seed)")
            }
        }
    }
}
