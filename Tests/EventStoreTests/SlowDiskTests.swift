import Events
import Host
import Synchronization
import TestSupport
import Testing

@testable import EventStore

/// A disk that takes its time: what waits is bounded, and what was acknowledged is there.
@Suite struct SlowDiskTests {
    /// A store with its threads, and what became of each request sent to it.
    private final class Fixture: Sendable {
        let disk = SimulatedDisk(seed: 7)
        let store: EventStore
        /// By the request's number.
        let outcomes = Monitor<[Int: Result<Acceptance, EventStoreError>]>([:])

        init(_ limits: (inout StoreLimits) -> Void) throws {
            var options = EventStore.Options()
            options.limits.logFileBytes = 1 << 16
            options.limits.reserveBytes = 0
            limits(&options.limits)
            store = try EventStore.open("data", machine: Fixture.machine(disk), options: options)
        }

        static func machine(_ disk: SimulatedDisk) -> Machine {
            Machine(
                files: SimulatedProcess(disk), clock: SystemClock(),
                random: SimulatedRandomness(seed: 1))
        }

        /// Sends a request of ten events whose ids tell its number.
        func send(_ number: Int) {
            let batch = makeBatch(numbered(number * 10..<number * 10 + 10))
            store.append(IngestRecord(environment: "e", batches: [batch])) { [outcomes] result in
                outcomes.update { $0[number] = result }
            }
        }

        /// Numbers of the requests that were acknowledged, once all of them are answered.
        func acknowledged(of count: Int) -> [Int] {
            outcomes.wait { outcomes in
                guard outcomes.count == count else { return nil }
                return outcomes.filter { (try? $0.value.get()) != nil }.keys.sorted()
            }
        }
    }

    private func ids(of requests: [Int]) -> [Int64] {
        requests.flatMap { (Int64($0) * 10)..<(Int64($0) * 10 + 10) }
    }

    @Test func `beyond what may wait, requests are refused at once and none waits unanswered`()
        throws
    {
        let fixture = try Fixture { $0.waitingRecords = 20 }
        fixture.disk.holdSyncs()
        fixture.send(0)
        fixture.disk.awaitHeldSync()
        for number in 1..<100 { fixture.send(number) }
        let early = fixture.outcomes.withLock { $0 }
        #expect(fixture.store.figures().waitingRecords == 20)
        #expect(early.count == 79)
        for outcome in early.values {
            guard case .failure(let error) = outcome else {
                Issue.record("acknowledged before the sync")
                continue
            }
            #expect(error.code == .overloaded)
            #expect(error.isTemporary)
        }
        fixture.disk.releaseSyncs()
        let taken = fixture.acknowledged(of: 100)
        #expect(taken == Array(0...20))
        fixture.send(100)
        #expect(fixture.acknowledged(of: 101).last == 100)
        #expect(try fixture.store.ids() == ids(of: taken + [100]))
        try fixture.store.close()
    }

    @Test func `the memory of what waits is bounded`() throws {
        let fixture = try Fixture { $0.waitingBytes = 20_000 }
        fixture.disk.holdSyncs()
        fixture.send(0)
        fixture.disk.awaitHeldSync()
        var largest = 0
        for number in 1..<400 {
            let before = fixture.store.figures().waitingBytes
            fixture.send(number)
            largest = max(largest, fixture.store.figures().waitingBytes - before)
        }
        let waiting = fixture.store.figures().waitingBytes
        #expect(waiting >= 20_000 && waiting < 20_000 + largest)
        fixture.disk.releaseSyncs()
        let taken = fixture.acknowledged(of: 400)
        #expect(taken.count < 400)
        #expect(try fixture.store.ids() == ids(of: taken))
        try fixture.store.close()
    }

    @Test func `what was acknowledged by a slow disk survives a power cut`() throws {
        let fixture = try Fixture { $0.waitingRecords = 10 }
        var sent = 0
        for _ in 0..<5 {
            fixture.disk.holdSyncs()
            for _ in 0..<30 {
                fixture.send(sent)
                sent += 1
            }
            fixture.disk.releaseSyncs()
            _ = fixture.acknowledged(of: sent)
        }
        let taken = fixture.acknowledged(of: sent)
        #expect(taken.count >= 5 && taken.count < sent)
        fixture.disk.powerCut()
        try? fixture.store.close()
        var options = EventStore.Options()
        options.limits.reserveBytes = 0
        let machine = Fixture.machine(fixture.disk)
        let reopened = try EventStore.open("data", machine: machine, options: options)
        #expect(reopened.findings.isEmpty)
        #expect(try reopened.ids() == ids(of: taken))
        try reopened.close()
    }

    @Test func `while sealing does not keep up, requests are refused, and taken again after`()
        throws
    {
        let fixture = try Fixture { limits in
            limits.unsealedRows = 50
            limits.headRows = 1_000_000
        }
        for number in 0..<20 {
            fixture.send(number)
            _ = fixture.acknowledged(of: number + 1)
        }
        let taken = fixture.acknowledged(of: 20)
        #expect(taken == Array(0..<5))
        try fixture.store.seal()
        fixture.send(20)
        #expect(fixture.acknowledged(of: 21) == taken + [20])
        #expect(try fixture.store.ids() == ids(of: taken + [20]))
        try fixture.store.close()
    }
}
