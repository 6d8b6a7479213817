import Bytes
import EventQuery
import Events

extension QueryGenerator {
    /// A query specification in the form that the product writes: defaults left out.
    mutating func specification() -> JSONValue {
        var object = JSONObject()
        var calculations = calculations()
        let formulas = chance(30) ? formulas(over: &calculations) : []
        object.append("calculations", .array(calculations.map { .object($0) }))
        if !formulas.isEmpty { object.append("formulas", .array(formulas)) }
        let fields = chance(30) ? list(1...2) { $0.calculatedField() } : []
        if !fields.isEmpty { object.append("calculated_fields", .array(fields)) }
        if chance(60) { appendFilters(to: &object) }
        let columns =
            chance(60)
            ? ["service.name", "each(tags)", "dataset", "root.name", "a b", "timestamp"] : ["a b"]
        let breakdowns = Array(columns.prefix(below(7)))
        if !breakdowns.isEmpty {
            object.append("breakdowns", .array(breakdowns.map { .string($0) }))
        }
        appendOrders(to: &object, calculations, breakdowns)
        if chance(40) {
            var having = JSONObject()
            if formulas.isEmpty || chance(50) {
                having.append("calculate_op", "COUNT")
            } else {
                having.append("column", "f 0")
            }
            having.append("op", .string(pick(["=", "!=", ">", ">=", "<", "<="])))
            having.append("value", chance(50) ? 10 : 2.5)
            object.append("havings", [.object(having)])
        }
        if chance(50) { object.append("limit", .int(Int64(1 + below(1000)))) }
        appendTime(to: &object)
        if chance(20) { object.append("usage_mode", true) }
        return .object(object)
    }

    private mutating func calculations() -> [JSONObject] {
        let operations = [
            "SUM", "AVG", "COUNT_DISTINCT", "MAX", "MIN", "P001", "P01", "P05", "P10", "P20", "P25",
            "P50", "P75", "P80", "P90", "P95", "P99", "P999", "HEATMAP", "RATE_AVG", "RATE_SUM",
            "RATE_MAX", "CONCURRENCY", "COUNT",
        ]
        var calculations = [JSONObject([JSONObject.Member("op", "COUNT")])]
        for index in 0..<below(4) {
            var object = JSONObject()
            let operation = pick(operations)
            object.append("op", .string(operation))
            let columns = ["duration_ms", "a b", "samplerate", "child.duration_ms"]
            if operation != "CONCURRENCY" { object.append("column", .string(pick(columns))) }
            if chance(40) {
                object.append("name", .string("name \(index)"))
                if chance(60) { appendFilters(to: &object) }
            } else if calculations.contains(object) {
                continue
            }
            calculations.append(object)
        }
        return calculations
    }

    /// Formulas over the calculations that have names, after one has been given a name.
    private mutating func formulas(over calculations: inout [JSONObject]) -> [JSONValue] {
        calculations.append(
            JSONObject([
                .init("op", "MAX"), .init("column", "size"), .init("name", "largest"),
            ]))
        let names = calculations.filter { $0["op"] != "HEATMAP" }.compactMap { $0["name"]?.string }
        let name = "$\"\(pick(names))\"".replacing("$\"largest\"", with: "$largest")
        let texts = [
            "DIV(\(name), $largest)", "IF(GT(\(name), 5), $largest, 0)", "MUL($largest, 2)",
        ]
        var formulas: [JSONValue] = [["name": "f 0", "expression": .string(pick(texts))]]
        if chance(40) {
            formulas.append(["name": "f1", "expression": .string("SUM($\"f 0\", \(name))")])
        }
        return formulas
    }

    /// A field and its expression as the product writes it.
    private mutating func calculatedField() -> JSONValue {
        while true {
            let drawn: JSONValue = [
                "name": .string("field \(below(2))"),
                "expression": .string(derivedColumn(depth: 2)),
            ]
            let query = try? Query(
                specification: ["calculated_fields": .array([drawn])], dataset: "d")
            let written = try? query?.specification()["calculated_fields"]?.array?.first
            if let written { return written }
        }
    }

    private mutating func appendFilters(to object: inout JSONObject) {
        let filters = list(1...3) { $0.filter() }
        object.append("filters", .array(filters))
        if filters.count > 1, chance(30) { object.append("filter_combination", "OR") }
    }

    private mutating func filter() -> JSONValue {
        var object = JSONObject()
        object.append(
            "column",
            .string(
                pick([
                    "a", "service.name", "timestamp", "and", "é`", "root.a b", "parent.and",
                    "child.error", "any.service.name", "none.trace.parent_id", "field 0",
                ])))
        switch below(5) {
        case 0: object.append("op", .string(pick(["exists", "does-not-exist"])))
        case 3:
            object.append("op", .string(pick(["has", "does-not-have"])))
            object.append("value", JSONValue(value()))
        case 1:
            object.append("op", .string(pick(["in", "not-in"])))
            object.append("value", .array(list(1...3) { JSONValue($0.value()) }))
        case 2:
            let operations = [
                "contains", "does-not-contain", "starts-with", "does-not-start-with", "ends-with",
                "does-not-end-with",
            ]
            object.append("op", .string(pick(operations)))
            object.append("value", "a\"\\%")
        default:
            object.append("op", .string(pick(["=", "!=", ">", ">=", "<", "<="])))
            object.append("value", JSONValue(value()))
        }
        return .object(object)
    }

    private mutating func appendOrders(
        to object: inout JSONObject, _ calculations: [JSONObject], _ breakdowns: [String]
    ) {
        var orders: [JSONValue] = []
        if chance(50) {
            orders.append(["op": "COUNT", "order": "descending"])
        }
        // A named calculation may share its operation and column with another.
        if chance(30), let last = calculations.last, last["name"] == nil,
            let column = last["column"],
            calculations.filter({ $0["op"] == last["op"] && $0["column"] == column }).count == 1
        {
            orders.append(["op": last["op"] ?? .null, "column": column])
        }
        if let name = breakdowns.last, chance(50) { orders.append(["column": .string(name)]) }
        if !orders.isEmpty { object.append("orders", .array(orders)) }
    }

    private mutating func appendTime(to object: inout JSONObject) {
        switch below(3) {
        case 0: break
        case 1: object.append("time_range", .int(Int64(1 + below(7000))))
        default:
            let start = Int64(below(2_000_000_000)) - 1_000_000
            object.append("start_time", .int(start))
            object.append("end_time", .int(start + Int64(below(100_000))))
        }
        if chance(40) { object.append("granularity", .int(Int64(below(3) * 600))) }
        if chance(20) { object.append("compare_time_offset_seconds", 3600) }
    }
}
