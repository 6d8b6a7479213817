import Bytes
import Events
import Host
import TestSupport
import Testing

@testable import EventStore

@Suite struct ErasureTests {
    static let secret = "ada@example.com"
    private let find = { (fixture: StoreFixture) in
        try EventStore.find(ErasureTests.secret, in: "data", machine: fixture.machine)
    }

    @Test func `what is erased is found before and nowhere after`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        // In a segment of its own, in one with others, in the head, beside a dead run.
        store.send(users(0..<4, of: ErasureTests.secret), key: "\(ErasureTests.secret)/1")
        try store.seal()
        store.send(users(4..<6, of: ErasureTests.secret) + users(6..<9, of: "bob"))
        store.send(users(20..<22, of: "eve"), to: "other")
        try store.seal()
        store.send(users(9..<11, of: ErasureTests.secret, dataset: "pay"))
        store.send(users(11..<14, of: "carol"), key: "plain")
        fixture.disk.kill()

        let before = try find(fixture)
        #expect(Set(before.map(\.place)) == ["field user", "idempotency keys", "answers"])
        #expect(before.contains { $0.path.hasPrefix("log/") })
        #expect(before.contains { $0.path == "environments/e/00000001.seg" })

        let reopened = try fixture.open()
        let old = reopened.snapshot(environment: "e")
        let receipt = try reopened.erase(ErasureTests.erasure)
        #expect(receipt.events == 8)
        #expect(receipt.isFinished)
        #expect(receipt.condition == "user = ?")
        #expect(try reopened.receipts(environment: "e") == [receipt])
        #expect(try reopened.ids() == [6, 7, 8, 11, 12, 13])
        #expect(try reopened.ids(in: "other") == [20, 21])
        // Who began to read before goes on: the head's events were in no file that is gone.
        #expect(try old.ids().count == 14)
        fixture.disk.kill()
        #expect(try find(fixture) == [])

        let last = try fixture.open()
        #expect(try last.ids() == [6, 7, 8, 11, 12, 13])
        #expect(try last.receipts(environment: "e") == [receipt])
        // The key that held nothing is remembered, the other one is not.
        #expect(last.send([], key: "plain").acceptance?.isDuplicate == true)
        #expect(last.send([], key: "\(ErasureTests.secret)/1").acceptance?.isDuplicate == false)
        try last.close()
        #expect(try EventStore.verify("data", machine: fixture.machine).isEmpty)
    }

    @Test func `an erasure takes numbers and texts that hardly repeat`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        store.send(
            (0..<600).map { id in
                var event = numbered([id])[0]
                event.fields["mail"] = .string("user-\(id)@example.com")
                event.fields["account"] = .int(900_000 + Int64(id))
                event.fields["share"] = .float(0.5 + Double(id))
                return event
            })
        try store.seal()
        let texts = ["user-77@", "900077", "77.5"]
        fixture.disk.kill()
        for text in texts {
            #expect(try !EventStore.find(text, in: "data", machine: fixture.machine).isEmpty)
        }
        let reopened = try fixture.open()
        let receipt = try reopened.erase(
            ErasureTests.erasure { $0.fields["account"] == .int(900_077) })
        #expect(receipt.events == 1)
        fixture.disk.kill()
        for text in texts {
            #expect(try EventStore.find(text, in: "data", machine: fixture.machine).isEmpty)
        }
    }

    @Test func `a text that was sent escaped is found`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        var event = numbered([1])[0]
        event.fields["names"] = .string(#"["Ren\u00e9e \"Q\"","\ud83d\ude00 a\nb","C:\\x"]"#)
        event.fields["wrapped"] = .string(#"{"inner":"[\"Zo\\u00eb\"]"}"#)
        store.send([event])
        fixture.disk.kill()
        func count(_ text: String) throws -> Int {
            try EventStore.find(text, in: "data", machine: fixture.machine).count
        }
        for text in ["Renée \"Q\"", "😀 a\nb", "C:\\x", "Zoë", #"\u00e9e"#] {
            #expect(try count(text) == 1, "\(text)")
        }
        #expect(try count("Renee") == 0)
        #expect(try count("x\"y") == 0)
    }

    @Test func `rows that retention let go of are erased with the others`() throws {
        let fixture = StoreFixture()
        fixture.options.limits.deadPercent = 100
        let store = try fixture.open()
        store.send(users(0..<3, of: ErasureTests.secret, dataset: "pay") + users(3..<9, of: "bob"))
        try store.seal()
        let name = try #require(store.snapshot(environment: "e").segments.first?.fileName)
        var edit = ManifestEdit()
        edit.dead = [DeadRun(fileName: name, dataset: "pay")]
        try #require(store.context.environment("e")).apply(edit)
        #expect(try store.erase(ErasureTests.erasure).events == 0)
        fixture.disk.kill()
        #expect(try find(fixture) == [])
        #expect(try fixture.open().ids() == [3, 4, 5, 6, 7, 8])
    }

    enum Fault: CaseIterable, Sendable {
        case powerCut, kill, error, fullDisk
    }

    /// Sends, seals and erases; answers whether the erasure was answered.
    private func live(_ fixture: StoreFixture, _ acknowledged: inout Set<Int64>) -> Bool {
        func send(_ store: EventStore, _ ids: Range<Int>, _ user: String) {
            if store.send(users(ids, of: user), key: user).acceptance != nil {
                acknowledged.formUnion(ids.map(Int64.init))
            }
        }
        do {
            let store = try fixture.open()
            send(store, 0..<5, ErasureTests.secret)
            send(store, 5..<10, "bob")
            try store.seal()
            send(store, 10..<12, "carol")
            let receipt = try store.erase(ErasureTests.erasure)
            send(store, 12..<14, "dave")
            return receipt.isFinished
        } catch {
            return false
        }
    }

    @Test(arguments: Fault.allCases)
    func `whatever call goes wrong, an erasure leaves all or nothing`(fault: Fault) throws {
        let whole = StoreFixture()
        var all: Set<Int64> = []
        #expect(live(whole, &all))
        for call in 0..<whole.disk.callCount {
            // What of unsynced writes comes through a power cut depends on the seed.
            for seed in 0..<4 { try erase(fault, atCall: call, seed: UInt64(call * 4 + seed)) }
        }
    }

    private func erase(_ fault: Fault, atCall call: Int, seed: UInt64) throws {
        let fixture = StoreFixture(seed: seed)
        switch fault {
        case .powerCut, .kill: fixture.disk.crash(atCall: call)
        case .error: fixture.disk.failCall(call)
        case .fullDisk: fixture.disk.failCall(call, code: HostError.outOfSpaceCode)
        }
        var acknowledged: Set<Int64> = []
        let isErased = live(fixture, &acknowledged)
        if fault == .kill { fixture.disk.kill() } else { fixture.disk.powerCut() }
        let store = try fixture.open()
        #expect(store.findings.isEmpty, "call \(call), seed \(seed)")
        let found = Set(try store.ids())
        let secrets = found.intersection([0, 1, 2, 3, 4])
        let receipts = try store.receipts(environment: "e")
        #expect(secrets.isEmpty || secrets.count == 5, "call \(call), seed \(seed)")
        #expect(acknowledged.subtracting(0..<5).isSubset(of: found), "call \(call), seed \(seed)")
        #expect(!isErased || receipts.count == 1, "call \(call), seed \(seed)")
        #expect(receipts.isEmpty || secrets.isEmpty, "call \(call), seed \(seed)")
        // Resumed by the first round of the next process.
        try store.maintain()
        #expect(
            try store.receipts(environment: "e").allSatisfy(\.isFinished),
            "call \(call), seed \(seed)")
        fixture.disk.kill()
        if !receipts.isEmpty { #expect(try find(fixture) == [], "call \(call), seed \(seed)") }
        #expect(try fixture.open().ids() == found.sorted(), "call \(call), seed \(seed)")
    }
}

extension ErasureTests {
    /// Events of one user.
    private func users(
        _ ids: some Sequence<Int>, of user: String, dataset: String = "shop"
    ) -> [ModelEvent] {
        numbered(ids, dataset: dataset).map { event in
            var event = event
            event.fields["user"] = .string(user)
            return event
        }
    }

    static let erasure = erasure { $0.fields["user"] == .string(secret) }

    /// An erasure by a condition on events as plain values.
    static func erasure(_ goes: @escaping @Sendable (ModelEvent) -> Bool) -> Erasure {
        Erasure(
            environment: "e", id: "r1", condition: "user = ?", digest: [1, 2, 3],
            texts: [Array(secret.utf8)]
        ) { sources in
            try sources.map { source in
                var rows = Bitmap(count: source.rows)
                for (row, event) in try model(of: source).enumerated() where goes(event) {
                    rows[row] = true
                }
                return rows
            }
        }
    }
}
