import Bytes
import Testing

@testable import Service

@Suite struct SavedQueriesTests {
    private func query(_ index: Int, padding: Int) -> Definitions.SavedQuery {
        let text = String(index) + String(repeating: "x", count: padding)
        return Definitions.SavedQuery(dataset: "shop", specification: ["name": .string(text)])
    }

    @Test func `the oldest queries go when all together are too large`() {
        var definitions = Definitions()
        let queries = (0..<80).map { query($0, padding: 60 << 10) }
        for query in queries { definitions.save(query, of: "shop") }
        let kept = queries.map { definitions.savedQuery($0.id, of: "shop") != nil }
        // 68 of 60 KiB fit four mebibytes.
        #expect(kept == (0..<80).map { $0 >= 12 })
    }

    @Test func `equal queries share an id that no other dataset knows`() {
        var definitions = Definitions()
        definitions.save(query(1, padding: 0), of: "shop")
        definitions.save(query(1, padding: 0), of: "shop")
        #expect(definitions.count == 1)
        #expect(definitions.savedQuery(query(1, padding: 0).id, of: "shop") != nil)
        #expect(definitions.savedQuery(query(1, padding: 0).id, of: "pay") == nil)
    }

    @Test func `a result's id says all that was asked`() throws {
        for body: JSONValue in [
            ["query_id": "ab12"], ["query_id": "ab12", "disable_series": true, "limit": 10_000],
            ["query_id": "ab12", "disable_total_by_aggregate": false],
            ["query_id": "ab12", "disable_other_by_aggregate": false, "disable_series": false],
        ] {
            let request = try ResultRequest(body, askedAt: 1_773_151_200_123_456_789)
            #expect(ResultRequest(id: request.id) == request)
        }
        for id in ["", "ab12", "a-1-8-0", "a-1-0-2711", "a-01-0-0", "a-1-0-0-0", "a-x-0-0"] {
            #expect(ResultRequest(id: id) == nil, "\(id)")
        }
    }
}
