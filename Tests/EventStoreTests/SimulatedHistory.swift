import Events
import Host
import TestSupport

@testable import EventStore

/// One seeded history of a store: requests, seals, crashes and faults, against a plain model.
///
/// The faults, and why a store can live with each, stand at `SimulatedDisk`. After every step what is
/// read must be what the model holds; after every restart what was acknowledged must be there, once,
/// and nothing that was not sent; what was once found missing must not come back.
struct SimulatedHistory {
    let fixture: StoreFixture
    private let seed: UInt64
    private var random: SeededRandom
    private var store: EventStore?
    private var nextID = 0
    private var steps: [String] = []

    /// Events by id, as they were sent.
    private var sent: [Int64: ModelEvent] = [:]
    private var environments: [Int64: String] = [:]
    /// Answered as synced, or found after a restart: they must be there for ever.
    private var durable: Set<Int64> = []
    /// Answered as buffered: there until a power cut, which may take them.
    private var buffered: Set<Int64> = []
    /// Sent without a good answer: a restart decides.
    private var undecided: Set<Int64> = []
    /// Requests with a key, for repeats.
    private var keyed: [(key: String, environment: String, ids: Range<Int>)] = []

    /// The growing batches of the store that is open, up to two of each environment.
    private var growing: [String: StoreFixture.SharedRequests] = [:]

    /// What was wrong; empty for a good history.
    private(set) var violations: [String] = []
    /// Restarts that came through, to show that the history is not idle.
    private(set) var restarts = 0

    init(seed: UInt64) {
        self.seed = seed
        random = SeededRandom(seed: seed)
        fixture = StoreFixture(seed: seed)
        fixture.options.limits.logFileBytes = 3_000
        fixture.options.limits.segmentRows = 400
        fixture.options.limits.compactionSegments = 3
        fixture.options.limits.manifestBytes = 1_500
        if random.chance(1, in: 3) { fixture.disk.shortenCalls() }
    }

    mutating func run(steps count: Int) {
        restart()
        for _ in 0..<count where violations.isEmpty {
            step()
            if random.chance(1, in: 3) { compareWithModel() }
        }
        compareWithModel()
        fixture.disk.setCapacity(.max)
        crash(powerCut: true)
        compareWithModel()
        closeAndVerify()
        compareWithModel()
    }

    // MARK: - Steps

    private mutating func step() {
        guard store != nil else { return restart() }
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<9: sendGroup()
        case 9: repeatRequest()
        case 10: note("seal") { try $0.seal() }
        case 11, 12: note("maintain") { try $0.maintain() }
        case 13: plantFault()
        case 14: moveClock()
        case 15: fixture.disk.setCapacity(random.chance(1, in: 2) ? .max : usedBytes + 6_000)
        case 16: crash(powerCut: random.chance(2, in: 3))
        case 17: if random.chance(1, in: 3) { closeAndVerify() }
        default: plantCrash()
        }
        if fixture.disk.hasCrashed || store?.refusal != nil {
            crash(powerCut: random.chance(2, in: 3))
        }
    }

    private mutating func note(_ name: String, _ body: (EventStore) throws -> Void) {
        steps.append(name)
        guard let store else { return }
        do { try body(store) } catch { steps.append("\(name): \(error)") }
    }

    private mutating func sendGroup() {
        guard let store else { return }
        var waiting: [(ids: Range<Int>, outcome: StoreFixture.Outcome)] = []
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let environment = random.chance(1, in: 4) ? "b" : "a"
            let ids = nextID..<nextID + Int.random(in: 1...30, using: &random)
            nextID = ids.upperBound
            let events = ids.map { makeEvent($0) }
            for event in events { remember(event, in: environment) }
            if random.chance(1, in: 4) {
                let split = Int.random(in: 0...events.count, using: &random)
                let requests = [Array(events[..<split]), Array(events[split...])]
                let batch = growingBatch(of: environment)
                waiting.append((ids, store.sendShared(requests, in: batch, to: environment)))
                continue
            }
            let durability: Durability = random.chance(1, in: 4) ? .buffered : .synced
            let key = random.chance(1, in: 3) ? "key \(ids.lowerBound)" : nil
            if let key { keyed.append((key, environment, ids)) }
            let outcome = store.send(
                events, to: environment, key: key, durability: durability, commits: false)
            waiting.append((ids, outcome))
        }
        store.step()
        for (ids, outcome) in waiting { settle(ids, outcome) }
        steps.append("send \(waiting.map(\.ids))")
    }

    private mutating func growingBatch(of environment: String) -> StoreFixture.SharedRequests {
        let name = environment + (random.chance(1, in: 2) ? " first" : " second")
        let batch = growing[name] ?? StoreFixture.SharedRequests(large: 60)
        growing[name] = batch
        return batch
    }

    private mutating func makeEvent(_ id: Int) -> ModelEvent {
        let day = Int64.random(in: 0..<3, using: &random) * 86_400_000_000_000
        var fields: [String: FieldValue] = ["id": .int(Int64(id))]
        fields["text"] = .string("value \(id % 11)")
        if id % 3 == 0 { fields["mixed"] = id % 2 == 0 ? .bool(true) : .float(Double(id) / 4) }
        return ModelEvent(
            timestamp: 1_773_100_000_000_000_000 + day + Int64(id),
            rate: UInt32.random(in: 1...2, using: &random),
            dataset: random.chance(1, in: 3) ? "pay" : "shop", fields: fields)
    }

    private mutating func remember(_ event: ModelEvent, in environment: String) {
        guard case .int(let id)? = event.fields["id"] else { return }
        sent[id] = event
        environments[id] = environment
        undecided.insert(id)
    }

    private mutating func settle(_ ids: Range<Int>, _ outcome: StoreFixture.Outcome) {
        let ids = ids.map(Int64.init)
        switch outcome.value {
        case .success(let acceptance):
            undecided.subtract(ids)
            if acceptance.durability == .synced {
                durable.formUnion(ids)
            } else {
                buffered.formUnion(ids)
            }
        case .failure: break
        case nil: violations.append("a request was not answered: \(ids)")
        }
    }

    /// Sends an earlier request again: it must be stored once in all.
    private mutating func repeatRequest() {
        guard let store, let (key, environment, ids) = keyed.randomElement(using: &random) else {
            return
        }
        let wasDurable = durable.contains(Int64(ids.lowerBound))
        let events = ids.compactMap { sent[Int64($0)] }
        let outcome = store.send(events, to: environment, key: key)
        steps.append("repeat \(ids)")
        // One that was found missing is sent anew by this.
        undecided.formUnion(ids.map(Int64.init).filter { !durable.contains($0) })
        guard let acceptance = outcome.acceptance else { return }
        if wasDurable && !acceptance.isDuplicate {
            violations.append("a repeat of an acknowledged request was stored again: \(ids)")
        }
        buffered.subtract(ids.map(Int64.init))
        settle(ids, outcome)
    }

    // MARK: - Faults

    private var usedBytes: Int {
        fixture.disk.filePaths.reduce(0) { $0 + (fixture.disk.contents(of: $1)?.count ?? 0) }
    }

    private mutating func plantFault() {
        let call = fixture.disk.callCount + Int.random(in: 0..<12, using: &random)
        if random.chance(1, in: 2) {
            fixture.disk.failCall(call)
        } else {
            fixture.disk.failSync(after: Int.random(in: 0..<4, using: &random))
        }
        steps.append("fault")
    }

    private mutating func plantCrash() {
        let call = fixture.disk.callCount + Int.random(in: 0..<25, using: &random)
        fixture.disk.crash(atCall: call)
        steps.append("crash planted")
    }

    private mutating func moveClock() {
        if random.chance(1, in: 3) {
            let days = Int64.random(in: -400...400, using: &random)
            fixture.clock.jump(nanoseconds: days * 86_400_000_000_000)
        } else {
            fixture.clock.advance(nanoseconds: Int64.random(in: 0..<7_200, using: &random) << 30)
        }
        // Keys live for a day by a clock that these histories move: they are not repeated after.
        keyed = []
    }

    private mutating func crash(powerCut: Bool) {
        steps.append(powerCut ? "power cut" : "kill")
        store = nil
        if powerCut { fixture.disk.powerCut() } else { fixture.disk.kill() }
        undecided.formUnion(buffered)
        buffered = []
        restart()
    }

    private mutating func restart() {
        growing = [:]
        fixture.disk.setCapacity(.max)
        // The start itself may be cut off, again and again.
        for attempt in 0..<4 {
            if attempt < 3 && random.chance(1, in: 4) {
                plantCrash()
            }
            do {
                let opened = try fixture.open()
                if fixture.disk.hasCrashed { throw HostError(.open, "", code: 5) }
                fixture.disk.crash(atCall: nil)
                store = opened
                restarts += 1
                decide(opened)
                return
            } catch {
                guard fixture.disk.hasCrashed else {
                    violations.append("the store does not open: \(error)")
                    return
                }
                if random.chance(1, in: 2) { fixture.disk.powerCut() } else { fixture.disk.kill() }
            }
        }
    }

    /// After a restart everything undecided is either there, for ever, or gone, for ever.
    private mutating func decide(_ store: EventStore) {
        for finding in store.findings { violations.append("found after a crash: \(finding)") }
        do {
            let found = Set(try ["a", "b"].flatMap { try store.ids(in: $0) })
            durable.formUnion(undecided.intersection(found))
            undecided = []
        } catch {
            violations.append("the store cannot be read: \(error)")
        }
    }

    private mutating func closeAndVerify() {
        guard let store else { return }
        steps.append("close")
        let isWhole = (try? store.close()) != nil
        self.store = nil
        if fixture.disk.hasCrashed || !isWhole { return crash(powerCut: true) }
        undecided = []
        fixture.disk.kill()
        do {
            let findings = try EventStore.verify("data", machine: fixture.machine)
            for finding in findings { violations.append("verify: \(finding)") }
        } catch {
            violations.append("verify fails: \(error)")
        }
        restart()
    }

    // MARK: - The model

    /// Everything read must be what was sent and answered, each once, value for value.
    private mutating func compareWithModel() {
        guard let store, !fixture.disk.hasCrashed else { return }
        for environment in ["a", "b"] {
            do {
                let events = try store.snapshot(environment: environment).events()
                compare(events, in: environment)
            } catch {
                // A fault that was planted may have hit a read.
                steps.append("read: \(error)")
            }
        }
    }

    private mutating func compare(_ events: [ModelEvent], in environment: String) {
        var seen: Set<Int64> = []
        for event in events {
            guard case .int(let id)? = event.fields["id"] else {
                violations.append("an event without its id")
                continue
            }
            if !seen.insert(id).inserted { violations.append("event \(id) is there twice") }
            if sent[id] != event { violations.append("event \(id) is not as it was sent") }
        }
        let expected = durable.union(buffered).filter { environments[$0] == environment }
        let lost = expected.subtracting(seen)
        let surplus = seen.subtracting(expected)
        if !lost.isEmpty { violations.append("lost in \(environment): \(lost.sorted())") }
        if !surplus.isEmpty { violations.append("too many in \(environment): \(surplus.sorted())") }
    }

    /// What happened, for a report.
    var story: String {
        "seed \(seed): \(violations.prefix(3)) after \(steps.suffix(12).joined(separator: ", "))"
    }
}
