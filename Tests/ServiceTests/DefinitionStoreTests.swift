import Bytes
import EventQuery
import Host
import TestSupport
import Testing

@testable import Service

@Suite struct DefinitionStoreTests {
    private static func machine(_ files: any FileSystem) -> Machine {
        Machine(files: files, clock: SystemClock(), random: SystemRandomness())
    }

    /// A disk with the data directory, durable.
    private static func makeDisk(seed: UInt64) throws -> SimulatedDisk {
        let disk = SimulatedDisk(seed: seed)
        try disk.createDirectory("data")
        try disk.synchronizeDirectory(".")
        return disk
    }

    private static func open(_ disk: SimulatedDisk) throws -> DefinitionStore {
        try DefinitionStore(directory: "data", on: machine(SimulatedProcess(disk)))
    }

    private static func marker(_ number: Int) -> Definitions.Document {
        Definitions.Document(
            id: "m\(number)", dataset: "shop",
            body: JSONObject([.init("start_time", .int(Int64(number)))]))
    }

    private static func put(_ number: Int, in store: DefinitionStore) throws {
        try store.change("e") { $0.put(marker(number), .markers) }
    }

    @Test func `a crash at any call keeps every change that was answered, whole`() throws {
        for calls in 0... {
            let disk = try Self.makeDisk(seed: UInt64(calls))
            let store = try Self.open(disk)
            try Self.put(0, in: store)
            disk.crash(atCall: disk.callCount + calls)
            var answered = [0]
            for number in 1...3 where (try? Self.put(number, in: store)) != nil {
                answered.append(number)
            }
            let isOver = !disk.hasCrashed
            disk.powerCut()
            let found = try Self.open(disk).definitions(of: "e").all(.markers)
            #expect(found.count >= answered.count, "call \(calls)")
            #expect(found == (0..<found.count).map(Self.marker), "call \(calls)")
            if isOver { break }
        }
    }

    @Test func `a change that cannot be written is 503 and not seen`() throws {
        let disk = try Self.makeDisk(seed: 1)
        let store = try Self.open(disk)
        try Self.put(0, in: store)
        disk.failCall(disk.callCount + 1)
        do {
            try Self.put(1, in: store)
            Issue.record("the change was made")
        } catch let refusal as HTTPRefusal {
            #expect(refusal.response.status == 503)
        }
        #expect(store.definitions(of: "e").all(.markers) == [Self.marker(0)])
        try Self.put(2, in: store)
        #expect(
            try Self.open(disk).definitions(of: "e").all(.markers) == [0, 2].map(Self.marker))
    }

    @Test func `more than an environment may have defined is refused`() throws {
        let store = try Self.open(try Self.makeDisk(seed: 1))
        let long = String(repeating: "x", count: 1 << 20)
        var refused = 0
        for number in 0..<10 {
            do throws(HTTPRefusal) {
                try store.change("e") { all in
                    all.put(
                        Definitions.Document(
                            id: "\(number)", dataset: "shop",
                            body: JSONObject([.init("message", .string(long))])), .markers)
                }
            } catch {
                #expect(error.response.status == 422)
                refused += 1
            }
        }
        #expect(refused == 3)
        #expect(store.definitions(of: "e").count == 7)
        #expect(store.definitions(of: "other").count == 0)
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"version":2}"#, #"{"version":1,"spells":[]}"#,
        #"{"version":1,"markers":[{"id":"a","dataset":"b"}]}"#, #"{"version":1,"markers":[{"#,
    ]) func `a damaged file is an error that names it`(text: String) throws {
        let disk = try Self.makeDisk(seed: 1)
        try disk.createDirectory("data/definitions")
        try disk.writeNewFile("data/definitions/e.json", Array(text.utf8))
        #expect {
            try Self.open(disk)
        } throws: { error in
            "\(error)".hasPrefix("data/definitions/e.json: ")
        }
    }

    @Test func `parts that were defined name the fields of traces`() throws {
        var definitions = Definitions()
        definitions.put(
            Definitions.Document(
                id: "logs", dataset: "logs",
                body: JSONObject([.init("trace_id", "tid"), .init("route", "r")])),
            .datasetDefinitions)
        let naming = definitions.traceNaming
        #expect(naming.byDataset["logs"]?.traceID == ["tid"])
        #expect(naming.byDataset["logs"]?.spanID == TraceFields().spanID)
        #expect(naming.byDataset["shop"] == nil)
        #expect(definitions.parts(of: "logs") == [.traceID: "tid", .route: "r"])
    }
}
