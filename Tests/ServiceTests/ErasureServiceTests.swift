import Bytes
import EventQuery
import EventStore
import Host
import TestSupport
import Testing

@testable import Service

@Suite struct ErasureServiceTests {
    @Test func `an erasure reads datasets, times and conditions and nothing else`() throws {
        for text in [
            "where a = 1", "from shop | where a = 1",
            "from a, b | last 1h | where a = 1 | where b > 2",
            "eval c = a + 1 | where c = 2", "where root.user = \"ada\"",
        ] {
            #expect(throws: Never.self) { try Eraser.query(text) }
        }
        for text in [
            "from shop", "last 1h", "where a = 1 | stats count()", "where a = 1 | sort a",
            "where a = 1 | limit 1", "where a = 1 | sample 0.1", "where a = 1 | fields a",
            "where a = 1 | bubbleup where b = 1", "where", "",
        ] {
            #expect(throws: HTTPRefusal.self) { try Eraser.query(text) }
        }
    }

    @Test func `a receipt names fields and operators and no value`() throws {
        let texts = [
            (
                "where a = \"ada\" and not (b > 5.5 or c in (1, \"x\"))",
                "from * | where a = \"?\" and not (b > \"?\" or c in (\"?\"))"
            ),
            (
                "from shop | last 1d | where a contains \"ada\" | eval d = concat(a, \"eve\")",
                "from shop | last 1d | where a contains \"?\" | eval d = concat(a, \"?\")"
            ),
            (
                "where user matches \"^ad\" and at exists",
                "from * | where user matches \"?\" and at exists"
            ),
        ]
        let fixture = try ServiceFixture()
        for (text, expected) in texts.filter({ !$0.0.hasPrefix("from") }) {
            let receipt = try fixture.services.eraser.forget(text, environment: "e")
            #expect(receipt["condition"]?.string == expected)
        }
        _ = fixture.services.queries.datasets.settle("shop", in: "e")
        let receipt = try fixture.services.eraser.forget(texts[1].0, environment: "e")
        #expect(receipt["condition"]?.string == texts[1].1 + " | fields *")
    }

    @Test func `definitions that hold the value are named, and stay`() throws {
        let fixture = try ServiceFixture()
        try fixture.services.queries.definitions.change("e") { all in
            for (id, text) in [("1", "where user = \"ada\""), ("2", "where user = \"eve\"")] {
                var body = JSONObject()
                body["query"] = .string(text)
                all.put(Definitions.Document(id: id, dataset: "shop", body: body), .namedQueries)
            }
        }
        let receipt = try fixture.services.eraser.forget("where user = \"ada\"", environment: "e")
        #expect(receipt["definitions"] == [["kind": "named_queries", "id": "1"]])
        #expect(fixture.services.queries.definitions.definitions(of: "e").count == 2)
    }

    @Test func `results that were kept are made anew`() throws {
        let results = SavedResults()
        let (mine, others) = (
            SavedResults.Name(environment: "e", id: "1"),
            SavedResults.Name(environment: "f", id: "1")
        )
        results.save(.done([1, 2]), as: mine)
        results.save(.done([3]), as: others)
        results.erase(["ada"], in: "e")
        #expect(results.result(mine) == nil)
        #expect(results.result(others) != nil)
    }
}

/// Everything that is asked over HTTP, on a simulated disk and without HTTP.
private struct ServiceFixture {
    let services: Services

    init() throws {
        var options = EventStore.Options()
        options.limits.reserveBytes = 0
        options.limits.logFileBytes = 1 << 18
        let machine = Machine(
            files: SimulatedDisk(seed: 1), clock: SystemClock(), random: SystemRandomness())
        let store = try EventStore.open("data", machine: machine, options: options)
        services = try Services(
            store, try DefinitionStore(directory: "data", on: machine),
            SeriesStores(directory: "data", on: machine),
            EventsPast(directory: "data", on: machine), threads: 2)
    }
}
