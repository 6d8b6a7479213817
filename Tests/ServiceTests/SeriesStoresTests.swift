import Host
import Metrics
import SeriesStore
import TestSupport
import Testing

@testable import Service

/// Series that are written beside those counted from events.
@Suite struct SeriesStoresTests {
    private let disk = SimulatedDisk(seed: 3)
    private let start: Int64 = 1_800_000_000_000

    private func open() -> SeriesStores {
        try? disk.createDirectory("data")
        try? disk.synchronizeDirectory(".")
        let machine = Machine(
            files: SimulatedProcess(disk), clock: SystemClock(), random: SystemRandomness())
        return SeriesStores(directory: "data", on: machine)
    }

    private func samples(_ values: [Double], _ name: String = "ALERTS") -> [LabeledSample] {
        values.enumerated().map { place, value in
            LabeledSample(
                Labels([Label(Labels.metricName, name)]), start + Int64(place) * 10_000,
                .float(value))
        }
    }

    private func values(_ stores: SeriesStores, _ environment: String = "e") throws -> [Double]? {
        try stores.written(in: environment)?.select([], from: start, to: .max)
            .flatMap(\.samples.values)
    }

    @Test func `what was written is read at once, by its environment alone`() throws {
        let stores = open()
        #expect(try stores.append(samples([1, 2]), to: "e").isEmpty)
        #expect(try values(stores) == [1, 2])
        #expect(try stores.written(in: "f") == nil)
        #expect(!disk.filePaths.contains { $0.contains("/f/") })
    }

    @Test func `what was saved is there after a crash, and what was closed`() throws {
        let stores = open()
        _ = try stores.append(samples([1, 2]), to: "e")
        try stores.keep(now: start)
        _ = try stores.append(samples([1, 2, 3]), to: "e")
        disk.powerCut()
        let again = open()
        try again.stores.open()
        #expect(try values(again) == [1, 2])
        _ = try again.append(samples([4]), to: "e")
        try again.close()
        disk.powerCut()
        #expect(try values(open()) == [4, 2])
    }

    @Test func `a series of two sources has the samples of both, the first one's where they meet`()
        throws
    {
        let (one, other) = (open(), open())
        _ = try one.append(samples([1, 2]), to: "e")
        _ = try other.append(samples([7, 8, 9], "ALERTS") + samples([5], "other"), to: "f")
        let joined = JoinedSeries(
            try #require(try one.written(in: "e")), try #require(try other.written(in: "f")))
        let found = try joined.select([], from: .min, to: .max)
        #expect(found.map(\.labels.metricName) == ["ALERTS", "other"])
        #expect(found.map(\.samples.values) == [[1, 2, 9], [5]])
        #expect(try joined.series([], from: .min, to: .max) == found.map(\.labels))
        let names = try joined.labelValues(of: Labels.metricName, [], from: .min, to: .max)
        #expect(names == ["ALERTS", "other"])
        #expect(try joined.labelNames([], from: .min, to: .max) == [Labels.metricName])
    }
}
