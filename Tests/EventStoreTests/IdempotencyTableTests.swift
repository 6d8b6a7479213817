import Synchronization
import Testing

@testable import EventStore

@Suite struct IdempotencyTableTests {
    private let name = IdempotencyTable.Name(environment: "e", key: "k")
    private let digest = BodyDigest(high: 1, low: 2)
    private let other = BodyDigest(high: 1, low: 3)

    private func saved(_ sequence: UInt64, answer: [UInt8] = [7]) -> SavedKey {
        SavedKey(
            sequence: sequence, acceptedAt: 0,
            idempotency: Idempotency(key: "k", digest: digest, answer: answer))
    }

    @Test func `a repeat gets the first answer, another body is a conflict`() {
        var table = IdempotencyTable(limits: StoreLimits())
        guard case .first = table.meet(name, digest, now: 0, waiter: { _ in }) else {
            Issue.record("a new key was known")
            return
        }
        #expect(table.answer(name, digest, now: 0) == nil)
        #expect(table.finish(name, saved(1), now: 0).isEmpty)
        guard case .answered([7]) = table.meet(name, digest, now: 1, waiter: { _ in }) else {
            Issue.record("a repeat was not answered")
            return
        }
        guard case .conflict = table.meet(name, other, now: 1, waiter: { _ in }) else {
            Issue.record("another body was taken for the same")
            return
        }
        #expect(table.answer(name, digest, now: 1) == [7])
        #expect(table.answer(name, other, now: 1) == nil)
    }

    @Test func `a repeat waits for the first and shares its end`() {
        var table = IdempotencyTable(limits: StoreLimits())
        let calls = Mutex(0)
        let waiter: IdempotencyTable.Waiter = { _ in calls.withLock { $0 += 1 } }
        _ = table.meet(name, digest, now: 0, waiter: waiter)
        guard case .waiting = table.meet(name, digest, now: 0, waiter: waiter),
            case .conflict = table.meet(name, other, now: 0, waiter: waiter)
        else {
            Issue.record("a request under way was not known")
            return
        }
        for waiter in table.abandon(name) { waiter(.success([])) }
        #expect(calls.withLock { $0 } == 1)
        guard case .first = table.meet(name, other, now: 0, waiter: waiter) else {
            Issue.record("an abandoned key stayed")
            return
        }
    }

    @Test func `keys go with their age, and restored ones bring theirs`() {
        var limits = StoreLimits()
        limits.keyAge = 100
        var table = IdempotencyTable(limits: limits)
        table.restore(name, saved(1), age: 60, now: 1_000)
        #expect(table.answer(name, digest, now: 1_039) == [7])
        #expect(table.answer(name, digest, now: 1_040) == nil)
        table.restore(name, saved(2), age: 100, now: 1_050)
        #expect(table.count == 0)
        // Set back, the wall clock makes an age negative; the key stays no longer than others.
        table.restore(name, saved(2), age: -500, now: 1_050)
        #expect(table.answer(name, digest, now: 1_149) == [7])
        #expect(table.answer(name, digest, now: 1_150) == nil)
    }

    @Test func `the oldest keys go when there are too many or too much`() {
        var limits = StoreLimits()
        limits.keys = 3
        limits.keyBytes = 10_000
        var table = IdempotencyTable(limits: limits)
        func name(_ index: Int) -> IdempotencyTable.Name {
            IdempotencyTable.Name(environment: "e", key: "\(index)")
        }
        for index in 0..<5_000 { _ = table.finish(name(index), saved(UInt64(index)), now: 0) }
        #expect(table.count == 3)
        #expect(table.remembered(in: "e") == [4_997, 4_998, 4_999])
        #expect(table.answer(name(4_996), digest, now: 0) == nil)
        #expect(table.answer(name(4_999), digest, now: 0) == [7])
        let large = saved(5_000, answer: [UInt8](repeating: 0, count: 9_700))
        _ = table.finish(name(5_000), large, now: 0)
        #expect(table.remembered(in: "e") == [5_000])
    }

    @Test func `keys are handed to the manifest once`() {
        var table = IdempotencyTable(limits: StoreLimits())
        for index in 1...4 as ClosedRange<UInt64> {
            let name = IdempotencyTable.Name(
                environment: index % 2 == 0 ? "a" : "b", key: "\(index)")
            _ = table.finish(name, saved(index), now: 0)
        }
        #expect(table.unsaved(below: 3).mapValues { $0.map(\.sequence) } == ["b": [1], "a": [2]])
        table.markSaved(below: 3)
        #expect(table.unsaved(below: 5).mapValues { $0.map(\.sequence) } == ["b": [3], "a": [4]])
    }
}
