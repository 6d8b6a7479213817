import Events
import Host
import Synchronization
import TestSupport
import Testing

@testable import EventStore

/// Whoever keeps what was counted of events is told before they go, and learns for certain that they
/// went.
@Suite struct RetentionWitnessTests {
    /// Keeps the ids of events that are gone, on a paper that survives everything.
    private final class Witness: RetentionWitness {
        private struct Paper {
            var prepared: (runs: [DeadRun], ids: [Int64])?
            var gone: [Int64] = []
        }

        private let paper = Mutex(Paper())
        var gone: [Int64] { paper.withLock { $0.gone.sorted() } }

        func prepare(
            _ dying: EventStoreSnapshot, _ runs: [DeadRun], of environment: String
        ) throws {
            let ids = try dying.ids()
            paper.withLock { $0.prepared = (runs, ids) }
        }

        func settle(_ environment: String, areGone: ([DeadRun]) -> Bool) {
            guard environment == "e", let prepared = paper.withLock({ $0.prepared }) else { return }
            let isGone = areGone(prepared.runs)
            paper.withLock { paper in
                if isGone { paper.gone += prepared.ids }
                paper.prepared = nil
            }
        }
    }

    private static let day: Int64 = 86_400_000_000_000

    /// Sends events of three days and two datasets and lets retention take some of them.
    private func live(_ fixture: StoreFixture) {
        guard let store = try? fixture.open() else { return }
        store.setRetention { _, dataset in
            RetentionPolicy(age: dataset == "shop" ? 2 * Self.day : Self.day / 2)
        }
        store.send(numbered(0..<5) + numbered(5..<9, dataset: "pay"))
        store.send(numbered(1_000..<1_004) + numbered(2_000..<2_003, dataset: "pay"))
        try? store.seal()
        for _ in 0..<4 {
            try? store.maintain()
            fixture.clock.advance(nanoseconds: Self.day)
        }
        try? store.close()
    }

    private func fixture(_ seed: UInt64, _ witness: Witness) -> StoreFixture {
        let fixture = StoreFixture(seed: seed)
        fixture.options.limits.runsPerDrop = 1
        fixture.options.limits.retentionCaution = 0
        fixture.options.witness = witness
        return fixture
    }

    @Test func `an event is there or was witnessed, whatever call goes wrong`() throws {
        let whole = fixture(1, Witness())
        live(whole)
        var (some, none) = (0, 0)
        for call in 0..<whole.disk.callCount {
            for isKilled in [false, true] {
                let witness = Witness()
                let fixture = fixture(UInt64(call), witness)
                fixture.disk.crash(atCall: call)
                live(fixture)
                if isKilled { fixture.disk.kill() } else { fixture.disk.powerCut() }
                fixture.disk.crash(atCall: nil)
                let store = try fixture.open()
                let gone = witness.gone
                let ids = try store.ids()
                // None twice; of the two requests each is there as a whole, here or there.
                let all = (ids + gone).sorted()
                #expect(Set(all).count == all.count, "call \(call)")
                let first = all.filter { $0 < 1_000 }
                #expect(first.isEmpty || first == Array(0..<9), "call \(call)")
                let second = all.filter { $0 >= 1_000 }
                #expect(second.isEmpty || second.count == 7, "call \(call)")
                if gone.isEmpty { none += 1 } else { some += 1 }
            }
        }
        #expect(some > 10 && none > 10)
    }

    @Test func `what a witness cannot keep stays`() throws {
        struct Refusal: Error {}
        struct Reluctant: RetentionWitness {
            func prepare(_: EventStoreSnapshot, _: [DeadRun], of _: String) throws {
                throw Refusal()
            }
            func settle(_: String, areGone: ([DeadRun]) -> Bool) {}
        }
        let fixture = fixture(1, Witness())
        fixture.options.witness = Reluctant()
        live(fixture)
        #expect(try fixture.open().ids().count == 16)
    }
}
