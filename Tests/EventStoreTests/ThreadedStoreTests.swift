import Events
import Foundation
import Host
import Synchronization
import TestSupport
import Testing

@testable import EventStore

/// The store with its own threads on the machine's own files.
@Suite struct ThreadedStoreTests {
    @Test func `requests of many threads are each stored once, read all the while, and survive`()
        throws
    {
        let directory = NSTemporaryDirectory() + "widefield-store-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var options = EventStore.Options()
        options.limits.logFileBytes = 1 << 20
        options.limits.headRows = 700
        let store = try EventStore.open(directory, options: options)
        let accepted = Mutex<[Int64]>([])
        let answered = Monitor(0)
        let growing = (0..<2).map { _ in StoreFixture.SharedRequests(large: 130) }
        var threads: [HostThread] = []
        for thread in 0..<4 {
            threads.append(
                try HostThread(name: "client-\(thread)") {
                    for request in 0..<50 {
                        let first = thread * 100_000 + request * 10
                        let events = numbered(first..<first + 10)
                        let told = { @Sendable (result: Result<Acceptance, EventStoreError>) in
                            if (try? result.get()) != nil {
                                accepted.withLock { ids in
                                    ids += (first..<first + 10).map(Int64.init)
                                }
                            }
                            answered.update { $0 += 1 }
                        }
                        if request % 4 == 0 {
                            let record = IngestRecord(
                                environment: "e", batches: [makeBatch(events)])
                            store.append(record, completion: told)
                        } else {
                            _ = store.sendShared([events], in: growing[thread % 2], told: told)
                            if request % 2 == 1 { store.commit(requests: request % 3) }
                        }
                    }
                })
        }
        for _ in 0..<20 {
            let before = accepted.withLock { $0 }
            let seen = try store.ids()
            #expect(Set(before).isSubset(of: seen))
            #expect(Set(seen).count == seen.count)
        }
        for thread in threads { thread.join() }
        answered.wait { $0 == 200 ? () : nil }
        #expect(store.figures().waitingBytes == 0)
        let all = accepted.withLock { $0 }.sorted()
        #expect(all.count == 2_000)
        try store.seal()
        #expect(try store.ids() == all)
        #expect(throws: EventStoreError.self) {
            _ = try EventStore.open(directory, options: options)
        }
        try store.close()
        #expect(try EventStore.verify(directory).isEmpty)
        let reopened = try EventStore.open(directory, options: options)
        #expect(try reopened.ids() == all)
        #expect(reopened.figures().headRows == 0)
        try reopened.close()
    }

    @Test func `who says that no others are to come finds his request answered`() throws {
        let directory = NSTemporaryDirectory() + "widefield-store-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var options = EventStore.Options()
        options.limits.quickWriting = .max - 1
        let store = try EventStore.open(directory, options: options)
        let batch = StoreFixture.SharedRequests()
        let isAnswered = Monitor(false)
        // Nobody knows yet how long a sync takes, so that the writer does the first.
        _ = store.sendShared([numbered(0..<10)], in: batch) { _ in isAnswered.update { $0 = true } }
        store.commit(requests: 1)
        isAnswered.wait { $0 ? () : nil }
        // It lets the log go a moment after it has answered.
        var (isAnsweredHere, sent) = (false, 1)
        while !isAnsweredHere && sent < 1_000 {
            let outcome = store.sendShared([numbered(sent * 10..<sent * 10 + 10)], in: batch)
            store.commit(requests: 1)
            isAnsweredHere = outcome.acceptance?.durability == .synced
            sent += 1
            while outcome.value == nil { usleep(100) }
        }
        #expect(isAnsweredHere)
        #expect(try store.ids().count == sent * 10)
        try store.close()
    }

    @Test func `requests wait for seals when heads grow too large, and all are answered`() throws {
        let directory = NSTemporaryDirectory() + "widefield-store-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var options = EventStore.Options()
        options.limits.logFileBytes = 1 << 20
        options.limits.slowBytes = 20_000
        options.limits.slowWait = 200_000_000
        let store = try EventStore.open(directory, options: options)
        let answered = Monitor(0)
        for request in 0..<40 {
            let batch = makeBatch(numbered(request * 100..<request * 100 + 100))
            store.append(IngestRecord(environment: "e", batches: [batch])) { result in
                if (try? result.get()) != nil { answered.update { $0 += 1 } }
            }
            if request % 10 == 9 { try store.seal() }
        }
        answered.wait { $0 == 40 ? () : nil }
        #expect(try store.ids().count == 4_000)
        try store.close()
    }
}
