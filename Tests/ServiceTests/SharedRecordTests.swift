import Bytes
import Events
import Host
import Ingest
import TestSupport
import Testing

@testable import EventStore
@testable import Service

/// A record without a writer: the tests ask it for what a writer would.
@Suite struct SharedRecordTests {
    private struct Fixture {
        let record = SharedRecord { JSONEventDecoder(sharesBatches: true) }
        let intake: Intake
        private let answers = Monitor<[String]>([])

        init() throws {
            var options = EventStore.Options()
            options.limits.reserveBytes = 0
            options.hasThreads = false
            let machine = Machine(
                files: SimulatedDisk(seed: 1), clock: SystemClock(), random: SystemRandomness())
            let store = try EventStore.open("data", machine: machine, options: options)
            let definitions = try DefinitionStore(directory: "data", on: machine)
            intake = Intake(
                store: store, datasets: DatasetDirectory(store, definitions), clock: SystemClock())
        }

        /// Offers a request of some events; its answer is noted with its name.
        func offer(_ name: String, _ count: Int, to environment: String = "e") {
            let event = #"{"data":{"from":"\#(name)"}}"#
            let body = "[" + (0..<count).map { _ in event }.joined(separator: ",") + "]"
            let events = IncomingEvents(
                environment: environment, dataset: "shop", form: .batch,
                body: PaddedBytes(Array(body.utf8)), key: nil, durability: .synced)
            _ = record.offer(events, intake, waits: true) { response in
                answers.update { $0.append("\(name) \(response.status)") }
            }
        }

        var answered: [String] { answers.withLock { $0 } }
    }

    @Test func `what is being written stays when what came since cannot be`() throws {
        let fixture = try Fixture()
        let record = fixture.record
        fixture.offer("first", 3)
        let closed = record.closeRecord(environment: "e")
        fixture.offer("second", 2)
        record.dropOpen(EventStoreError(.overloaded, "full"))
        #expect(fixture.answered == ["second 503"])
        fixture.offer("third", 4)
        record.keepRecord()
        closed.completion(.success(.stored(.synced)))
        #expect(record.takeKept().rows == 3)
        #expect(record.closeRecord(environment: "e").rows == 4)
        #expect(fixture.answered == ["second 503", "first 200"])
    }

    @Test func `events that could not be written take those behind them along`() throws {
        let fixture = try Fixture()
        let record = fixture.record
        fixture.offer("kept", 1)
        _ = record.closeRecord(environment: "e")
        record.keepRecord()
        fixture.offer("written", 3)
        let closed = record.closeRecord(environment: "e")
        fixture.offer("behind", 2)
        let error = EventStoreError(.outOfSpace, "full")
        record.dropRecord(error)
        closed.completion(.failure(error))
        #expect(fixture.answered == ["behind 503", "written 503"])
        #expect(record.closeRecord(environment: "e").rows == 0)
        #expect(record.takeKept().rows == 1)
    }

    @Test func `a late call for events that were dropped leaves another environment's alone`()
        throws
    {
        let fixture = try Fixture()
        let record = fixture.record
        fixture.offer("one", 1, to: "blue")
        record.dropOpen(EventStoreError(.outOfSpace, "full"))
        fixture.offer("other", 2, to: "green")
        #expect(record.closeRecord(environment: "blue").rows == 0)
        #expect(record.closeRecord(environment: "green").rows == 2)
    }
}
