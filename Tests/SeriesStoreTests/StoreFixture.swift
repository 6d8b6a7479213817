import Host
import SeriesStore
import TestSupport

/// A store on a simulated machine, and the times its tests speak of.
final class StoreFixture {
    /// The start of a block of every tier.
    static let start = Tier.hour.blockStart(of: 1_773_187_200_000)
    static let hour: Int64 = 3_600_000

    let disk: SimulatedDisk
    var options = SeriesStore.Options { left, right in
        var sum = right
        sum.count += left.count
        sum.sum += left.sum
        return sum
    }
    private var opened: UInt64 = 0

    init(seed: UInt64 = 1) { disk = SimulatedDisk(seed: seed) }

    func open() throws -> SeriesStore {
        opened += 1
        let machine = Machine(
            files: SimulatedProcess(disk), clock: SimulatedClock(),
            random: SimulatedRandomness(seed: opened))
        return try SeriesStore(machine, directory: "data", options: options)
    }
}

extension SeriesStore {
    /// Every series of a tier, with all its samples.
    func all(_ tier: Tier = .written, _ reading: CellReading = .sum) throws -> [SeriesData] {
        try view(of: tier, reading).select([], from: .min, to: .max)
    }
}

/// A plain answer to everything a store is asked: samples by series and time.
struct SeriesModel {
    var samples: [Labels: [Int64: SampleValue]] = [:]

    mutating func write(_ written: [LabeledSample]) {
        for sample in written {
            samples[sample.labels, default: [:]][sample.timestamp] = sample.value
        }
    }

    mutating func remove(from: Int64, to: Int64) {
        for labels in samples.keys {
            samples[labels] = samples[labels]?.filter { $0.key < from || $0.key > to }
        }
    }

    func select(_ matchers: [LabelMatcher] = [], from: Int64 = .min, to: Int64 = .max)
        -> [SeriesData]
    {
        samples.filter { entry in matchers.allSatisfy { $0.matches(entry.key) } }
            .map { labels, all in
                var kept = Samples()
                for (time, value) in all.sorted(by: { $0.key < $1.key })
                where from <= time && time <= to {
                    kept.append(time, value)
                }
                return SeriesData(labels: labels, samples: kept)
            }
            .filter { !$0.samples.isEmpty }.sorted { $0.labels < $1.labels }
    }
}
