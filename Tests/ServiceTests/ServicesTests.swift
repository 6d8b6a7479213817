import Bytes
import EventQuery
import EventStore
import Events
import Host
import TestSupport
import Testing

@testable import Service

/// A store on a simulated disk with everything that is asked over HTTP, but without HTTP.
private struct Fixture {
    let disk = SimulatedDisk(seed: 1)
    let store: EventStore
    let services: Services

    init(_ limits: (inout StoreLimits) -> Void = { _ in }) throws {
        var options = EventStore.Options()
        options.limits.reserveBytes = 0
        options.limits.logFileBytes = 1 << 18
        limits(&options.limits)
        let machine = Machine(files: disk, clock: SystemClock(), random: SystemRandomness())
        store = try EventStore.open("data", machine: machine, options: options)
        services = try Services(
            store, try DefinitionStore(directory: "data", on: machine),
            SeriesStores(directory: "data", on: machine),
            EventsPast(directory: "data", on: machine), threads: 2)
    }

    /// Sends a batch as a client would, and waits for its answer.
    func send(
        _ json: String, to dataset: String = "shop", key: String? = nil,
        form: IncomingEvents.Form = .batch
    ) -> HTTPResponse {
        let body = PaddedBytes(Array(json.utf8))
        let answer = Monitor<HTTPResponse?>(nil)
        services.pipeline.take(
            IncomingEvents(
                environment: "e", dataset: dataset, form: form, body: body,
                key: key.map {
                    RequestKey(
                        $0, body, meaning: "\(form) \(dataset)", answerType: IngestAnswer.json)
                },
                durability: .synced)
        ) { response in answer.update { $0 = response } }
        return answer.wait { $0 }
    }

    func ask(_ text: String) throws -> JSONValue {
        let answer = try services.queries.answer(try Question(text: text), environment: "e")
        return try JSONValue(parsing: AnswerFormat.json.bytes(answer))
    }

    func count(_ text: String) throws -> Int64? {
        try ask(text + " | stats count()")["data"]?["results"]?.array?.first?["data"]?["COUNT"]?
            .integer
    }
}

private func text(_ response: HTTPResponse) -> String {
    String(decoding: response.body, as: UTF8.self)
}

@Suite struct ServicesTests {
    @Test func `what was acknowledged can be asked for`() throws {
        let fixture = try Fixture()
        let response = fixture.send(#"[{"data":{"n":1}},{"data":[]},{"data":{"n":2}}]"#)
        #expect(response.status == 200)
        #expect(
            text(response)
                == #"[{"status":202},{"status":400,"error":"event data is not an object"},"#
                + #"{"status":202}]"#)
        #expect(try fixture.count("from shop | last 1h") == 2)
        try fixture.store.close()
    }

    @Test(arguments: [[], [0], [700], [0, 1, 2], [255, 256, 257, 512], [699, 700]])
    func `each event of a batch has its status, wherever those are that were not kept`(
        refused: Set<Int>
    ) throws {
        let fixture = try Fixture()
        let events = (0...700).map { refused.contains($0) ? "7" : #"{"data":{"n":1}}"# }
        let response = fixture.send("[" + events.joined(separator: ",") + "]")
        let statuses = (0...700).map {
            refused.contains($0)
                ? #"{"status":400,"error":"event is not an object"}"# : #"{"status":202}"#
        }
        #expect(text(response) == "[" + statuses.joined(separator: ",") + "]")
        try fixture.store.close()
    }

    @Test func `a million answers are kept as a few bytes and given again`() throws {
        let fixture = try Fixture()
        let batch = "[" + String(repeating: #"{"data":{"n":1}},"#, count: 20_000) + "7]"
        let first = fixture.send(batch, key: "k")
        let again = fixture.send(batch, key: "k")
        #expect(first.headers["Widefield-Duplicate"] == nil)
        #expect(again.headers["Widefield-Duplicate"] == "true")
        #expect(again.body == first.body)
        #expect(again.status == first.status)
        #expect(fixture.send("[]", key: "k").status == 422)
        #expect(fixture.send(batch, to: "other", key: "k").status == 422)
        #expect(try fixture.count("from shop | last 1h") == 20_000)
        try fixture.store.close()
    }

    @Test func `a rejected single event repeats its refusal`() throws {
        let fixture = try Fixture()
        let form = IncomingEvents.Form.event(time: nil, sampleRate: nil)
        for _ in 0..<2 {
            let response = fixture.send("{}", key: "k", form: form)
            #expect(response.status == 400)
            #expect(text(response) == #"{"error":"empty event data"}"#)
        }
        try fixture.store.close()
    }

    @Test func `a full disk is 503 with the time to come again, and questions go on`() throws {
        let fixture = try Fixture()
        #expect(fixture.send(#"[{"data":{"n":1}}]"#).status == 200)
        fixture.disk.setCapacity(0)
        let incompressible = (0..<UInt64(10_000)).map { String(ShopRandom.mix($0), radix: 36) }
        let lines = incompressible.map { #"{"s":"\#($0)"}"# }.joined(separator: "\n")
        var responses: [HTTPResponse] = []
        for _ in 0..<20 {
            responses.append(fixture.send(lines, form: .lines(timeField: nil)))
            if responses.last?.status == 503 { break }
        }
        let last = try #require(responses.last)
        #expect(last.status == 503)
        #expect(last.headers["Retry-After"] != nil)
        #expect(try fixture.count("from shop | last 1h | where n = 1") == 1)
        fixture.disk.setCapacity(.max)
        #expect(fixture.send(#"[{"data":{"n":1}}]"#).status == 200)
        #expect(try fixture.count("from shop | last 1h | where n = 1") == 2)
        try fixture.store.close()
    }

    @Test func `a store that cannot keep up is 503, and each is told another time to come again`()
        throws
    {
        let fixture = try Fixture { $0.unsealedRows = 1 }
        #expect(fixture.send(#"[{"data":{"n":1}}]"#).status == 200)
        let refused = (0..<200).map { _ in fixture.send(#"[{"data":{"n":2}}]"#) }
        #expect(refused.allSatisfy { $0.status == 503 })
        let hints = refused.compactMap { $0.headers["Retry-After"].flatMap { Int($0) } }
        #expect(Set(hints) == [1, 2, 3, 4])
        try fixture.store.seal()
        #expect(fixture.send(#"[{"data":{"n":3}}]"#).status == 200)
        #expect(try fixture.count("from shop | last 1h | where n != 2") == 2)
        #expect(try fixture.count("from shop | last 1h") == 2)
        try fixture.store.close()
    }

    @Test func `events that retention let go are in no answer, though still in the file`() throws {
        let fixture = try Fixture { limits in
            limits.retentionCaution = 0
            limits.daysPerSeal = 1
            limits.deadPercent = 90
        }
        let day: Int64 = 86_400
        let now = SystemClock().wallNanoseconds() / 1_000_000_000
        _ = fixture.send(#"[{"time":\#(now - 5 * day),"data":{"a":1}}]"#, to: "old")
        // The busiest day has a segment of its own; the other two share one.
        let times = (0..<20).map { _ in now } + (0..<9).map { _ in now - 3 * day }
        let kept = times.map { #"{"time":\#($0),"data":{"b":1}}"# }
        _ = fixture.send("[\(kept.joined(separator: ","))]", to: "new")
        try fixture.store.seal()
        let all = "from * | between 2020-01-01 and 2100-01-01"
        #expect(try fixture.count(all) == 30)
        fixture.store.setRetention { _, dataset in
            dataset == "old" ? RetentionPolicy(age: day * 1_000_000_000) : nil
        }
        for _ in 0..<3 { try fixture.store.maintain() }
        let segments = fixture.store.snapshot(environment: "e").segments
        #expect(segments.filter { $0.deadDatasets == ["old"] }.count == 1)
        #expect(try fixture.count(all) == 29)
        #expect(try fixture.count(all + " | where a exists") ?? 0 == 0)
        #expect(try fixture.count("from new | last 1h") == 20)
        let refused = fixture.send(#"[{"time":\#(now - 5 * day),"data":{"a":1}}]"#, to: "old")
        #expect(
            text(refused)
                == #"[{"status":400,"error":"event is older than the retention of its dataset"}]"#)
        try fixture.store.close()
    }

    @Test func `events larger than one answer may be are refused with what to do`() throws {
        let fixture = try Fixture()
        let event = #"{"data":{"a":"\#(String(repeating: "a", count: 60_000))","b":1}}"#
        #expect(
            fixture.send("[" + (0..<10).map { _ in event }.joined(separator: ",") + "]").status
                == 200)
        func status(_ text: String, limit: Int) throws -> Int {
            var question = try Question(text: text)
            question.options.listingLimit = limit
            do {
                _ = try fixture.services.queries.answer(question, environment: "e")
                return 200
            } catch let refusal {
                return refusal.response.status
            }
        }
        #expect(try status("from shop", limit: 610_000) == 200)
        #expect(try status("from shop", limit: 590_000) == 422)
        #expect(try status("from shop | limit 9", limit: 590_000) == 200)
        #expect(try status("from shop | fields b", limit: 10_000) == 200)
        try fixture.store.close()
    }

    @Test func `what is refused makes no dataset`() throws {
        let fixture = try Fixture()
        #expect(fixture.send("[{", to: "Ghost").status == 400)
        #expect(fixture.send(#"[{"data":{}}]"#, to: "Ghost").status == 200)
        #expect(throws: HTTPRefusal.self) { try fixture.ask("from ghost") }
        #expect(fixture.send(#"[{"data":{"n":1}}]"#, to: "ghost").status == 200)
        #expect(fixture.services.queries.datasets.names(in: "e") == ["ghost"])
        #expect(try fixture.count("from GHOST") == 1)
        try fixture.store.close()
    }

    @Test func `an unknown dataset is refused with the nearest that there is`() throws {
        let fixture = try Fixture()
        _ = fixture.send(#"[{"data":{"n":1}}]"#, to: "Orders")
        #expect {
            try fixture.ask("from ordes")
        } throws: { error in
            (error as? HTTPRefusal).map { text($0.response) }
                == #"{"error":"dataset not found: there is no 'ordes'; did you mean 'Orders'?"}"#
        }
        #expect(try fixture.count("from ORDERS") == 1)
        try fixture.store.close()
    }
}
