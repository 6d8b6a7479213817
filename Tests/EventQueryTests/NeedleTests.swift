import EventQuery
import EventStore
import Events
import Host
import TestSupport
import Testing

/// Questions for single values of fields that hardly repeat.
@Suite struct NeedleTests {
    private let rows = 4_000

    private func id(_ row: Int) -> String {
        String(UInt64(row + 1) &* 0x9E37_79B9_7F4A_7C15 | 1 << 60, radix: 16)
    }

    private func events() -> [ModelEvent] {
        (0..<rows).map { row in
            var fields: [String: FieldValue] = ["id": .string(id(row)), "n": .int(Int64(row % 9))]
            if row % 100 == 7 { fields["id"] = .int(Int64(row)) }
            if row % 100 == 8 { fields["id"] = nil }
            return ModelEvent(timestamp: Int64(row), fields: fields)
        }
    }

    @Test(arguments: EngineLayout.allCases)
    func `ids are found wherever they lie, and absent ones are not`(layout: EngineLayout) throws {
        let (first, last, absent) = (id(0), id(rows - 1), id(rows + 1))
        let conditions = [
            "id = \"\(first)\"", "id = \"\(absent)\"", "id in (\"\(last)\", \"\(absent)\")",
            "id in (\"\(absent)\", \"nothing\")", "id in (\"\(absent)\", 107)", "id = 107",
            "id != \"\(first)\"", "not (id in (\"\(last)\"))",
            "id = \"\(absent)\" or id = \"\(id(500))\"",
        ]
        let now = Int64(rows) * 10
        let runner = try EngineRunner(events(), layout, now: now)
        for condition in conditions {
            let text = "from * | last 1h | where \(condition) | stats count(), sum(n)"
            let query = try Query(parsing: text)
            let expected = NaiveEvaluator(events: events(), now: now).answer(query)
            let found = try runner.answer(query)
            let difference = difference(expected, found)
            #expect(difference == nil, "\(condition): \(difference ?? "")")
        }
    }
}
