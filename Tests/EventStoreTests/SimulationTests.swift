import Foundation
import TestSupport
import Testing

/// Histories of ingest, seal, crash, recover and read, each from one seed.
///
/// `WIDEFIELD_SIM_SEED` runs one seed, `WIDEFIELD_SIM_SEEDS` that many, from
/// `WIDEFIELD_SIM_FIRST` on.
@Suite struct SimulationTests {
    private static let seeds: [UInt64] = {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["WIDEFIELD_SIM_SEED"].flatMap({ UInt64($0) }) { return [seed] }
        let first = environment["WIDEFIELD_SIM_FIRST"].flatMap { UInt64($0) } ?? 0
        return (0..<(environment["WIDEFIELD_SIM_SEEDS"].flatMap { UInt64($0) } ?? 60)).map {
            first + $0
        }
    }()

    @Test func `no history loses, doubles or changes an acknowledged event`() {
        var restarts = 0
        for seed in SimulationTests.seeds {
            var history = SimulatedHistory(seed: seed)
            history.run(steps: 60)
            #expect(history.violations.isEmpty, "\(history.story)")
            restarts += history.restarts
        }
        #expect(restarts > 2 * SimulationTests.seeds.count)
    }

    @Test func `the canary, a disk that does not sync, is caught`() {
        let caught = (0..<20 as Range<UInt64>).filter { seed in
            var history = SimulatedHistory(seed: seed)
            history.fixture.disk.ignoreSyncs()
            history.run(steps: 60)
            return !history.violations.isEmpty
        }
        #expect(caught.count > 10)
    }
}
