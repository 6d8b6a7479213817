import TestSupport
import Testing

@testable import EventStore

/// What is written when, and by whom.
@Suite struct CommitQueueTests {
    private let context: StoreContext
    private let environment: Environment
    private var queue: CommitQueue

    init() throws {
        context = StoreContext(
            StoreFixture().machine, root: "data", limits: StoreLimits(), cacheBytes: 0
        ) { _ in }
        environment = try #require(context.findOrMakeEnvironment("e"))
        queue = CommitQueue(context.limits)
        // How long a group takes is known from the first one on.
        #expect(queue.add(open) == nil)
        #expect(queue.takeDue(mayWrite: true, requests: 2) == nil)
        #expect(isWork(queue.turn()))
        #expect(queue.letGo(after: 200_000) == false)
    }

    private var open: Committer.Open {
        Committer.Open(environment: environment, batch: StoreFixture.SharedRequests())
    }

    private func request(
        _ durability: Durability = .synced, events: Int = 1
    ) throws -> Committer.Pending {
        try Committer.Pending(
            IngestRecord(environment: "e", batches: [makeBatch(numbered(0..<events))]),
            in: environment, context, durability: durability
        ) { _ in }
    }

    private func isWork(_ turn: CommitQueue.Turn?) -> Bool {
        if case .work? = turn { true } else { false }
    }

    private func isIdle(_ turn: CommitQueue.Turn?) -> Bool {
        if case .idle? = turn { true } else { false }
    }

    private func isSoon(_ turn: CommitQueue.Turn?) -> Bool {
        if case .soon? = turn { true } else { false }
    }

    @Test mutating func `a record waits for others until none are to come or the time is over`() {
        #expect(queue.add(open) == nil)
        #expect(!queue.mustWake)
        #expect(queue.turn() == nil)
        #expect(queue.add(open) == nil)
        #expect(queue.takeDue(mayWrite: true, requests: 2)?.open.count == 2)
        #expect(queue.letGo(after: 200_000) == false)
        #expect(queue.takeDue(mayWrite: true, requests: 2) == nil)
        #expect(queue.add(open) == nil)
        #expect(isWork(queue.turnAfterWait()))
        #expect(queue.letGo(after: 200_000) == false)
        #expect(isIdle(queue.turnAfterWait()))
    }

    @Test mutating func `a request that is alone waits for another one`() {
        #expect(queue.add(open) == nil)
        #expect(queue.takeDue(mayWrite: true, requests: 1) == nil)
        #expect(!queue.mustWake)
        #expect(queue.turn() == nil)
        // A look of the writer's thread may come just after.
        #expect(isSoon(queue.turnAfterWait()))
        #expect(queue.add(open) == nil)
        #expect(queue.takeDue(mayWrite: true, requests: 1)?.open.count == 2)
        #expect(queue.letGo(after: 200_000) == false)
        #expect(isIdle(queue.turnAfterWait()))
    }

    @Test mutating func `where nobody else comes a request is written at once`() {
        var waits = 0
        for _ in 0..<10_000 {
            #expect(queue.add(open) == nil)
            if queue.takeDue(mayWrite: true, requests: 1) == nil {
                waits += 1
                #expect(isSoon(queue.turnAfterWait()))
                #expect(isWork(queue.turnAfterWait()))
            }
            #expect(queue.letGo(after: 200_000) == false)
        }
        // After 0, 128, 256, … others.
        #expect(waits == 7)
    }

    @Test mutating func `what comes while somebody writes is written next, by the writer`() throws {
        #expect(queue.add(open) == nil)
        #expect(queue.takeDue(mayWrite: true, requests: 2) != nil)
        #expect(queue.add(open) == nil)
        #expect(queue.takeDue(mayWrite: true, requests: 2) == nil)
        #expect(queue.turn() == nil)
        #expect(isSoon(queue.turnAfterWait()))
        #expect(queue.letGo(after: 200_000) == true)
        #expect(isWork(queue.turn()))
        #expect(queue.letGo(after: 200_000) == false)
        // Not yet due: it may wait for others.
        #expect(queue.add(open) == nil)
        #expect(queue.turn() == nil)
    }

    @Test mutating func `a thread with other things to do writes nothing that takes long`() throws {
        #expect(queue.add(open) == nil)
        #expect(queue.takeDue(mayWrite: false, requests: 2) == nil)
        #expect(isWork(queue.turn()))
        #expect(queue.letGo(after: context.limits.quickWriting + 1) == false)
        #expect(queue.add(open) == nil)
        #expect(queue.takeDue(mayWrite: true, requests: 2) == nil)
        #expect(isWork(queue.turn()))
        #expect(queue.letGo(after: 200_000) == false)
        #expect(queue.add(try request(events: 20_000)) == nil)
        #expect(queue.bytes > context.limits.quickBytes)
        #expect(queue.takeDue(mayWrite: true, requests: 2) == nil)
    }

    @Test mutating func `what is answered before its sync is left to the writer`() throws {
        #expect(queue.add(try request()) == nil)
        #expect(queue.takeDue(mayWrite: true, requests: 2)?.group.count == 1)
        #expect(queue.letGo(after: 200_000) == false)
        #expect(queue.add(try request(.buffered)) == nil)
        #expect(queue.mustWake)
        #expect(queue.takeDue(mayWrite: true, requests: 2) == nil)
        #expect(isWork(queue.turn()))
    }

    @Test mutating func `a writer that sleeps is woken by whatever comes`() {
        #expect(queue.turnOrSleep() == nil)
        #expect(queue.add(open) == nil)
        #expect(queue.mustWake)
        #expect(isSoon(queue.turnOrSleep()))
        #expect(!queue.mustWake)
    }

    @Test mutating func `the end comes when all is written`() {
        #expect(queue.add(open) == nil)
        #expect(queue.takeDue(mayWrite: true, requests: 2) != nil)
        queue.close()
        #expect(queue.add(open)?.code == .closed)
        #expect(queue.turn() == nil)
        #expect(queue.letGo(after: nil) == true)
        guard case .end? = queue.turn() else {
            Issue.record("the writer goes on")
            return
        }
    }
}
