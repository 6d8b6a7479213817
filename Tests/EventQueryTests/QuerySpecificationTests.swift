import Bytes
import Compute
import EventQuery
import Events
import Testing

@Suite struct QuerySpecificationTests {
    private func query(_ json: String, dataset: String = "shop") throws -> Query {
        try Query(specification: JSONValue(parsing: json), dataset: dataset)
    }

    @Test(arguments: [
        ("{}", "from shop | last 2h | stats count()"),
        (
            #"""
            {"calculations":[{"op":"COUNT"},{"op":"P99","column":"duration_ms"}],
             "filters":[{"column":"service.name","op":"=","value":"checkout"},
                        {"column":"error","op":"!=","value":true}],
             "breakdowns":["service.name","dataset"],
             "orders":[{"op":"P99","column":"duration_ms","order":"descending"},
                       {"column":"service.name"}],
             "havings":[{"calculate_op":"COUNT","op":">","value":10}],
             "limit":50,"start_time":1773100800,"end_time":1773187200,"granularity":600,
             "compare_time_offset_seconds":86400,"usage_mode":true,"id":"x"}
            """#,
            "from shop | between 2026-03-10T00:00:00Z and 2026-03-11T00:00:00Z step 10m "
                + "| where service.name = \"checkout\" and error != true "
                + "| stats count(), p99(duration_ms) by service.name, dataset "
                + "| having count() > 10 | sort p99(duration_ms) desc, service.name | limit 50 "
                + "| compare 1d | unweighted"
        ),
        (
            #"""
            {"calculations":[{"op":"AVG","column":"d","name":"slow","filter_combination":"OR",
              "filters":[{"column":"a","op":"exists"},{"column":"b","op":"in","value":[1,"x"]}]}],
             "filter_combination":"OR","filters":[
              {"column":"a","op":"does-not-exist"},
              {"column":"b","op":"not-in","value":[2.5]},
              {"column":"c","op":"does-not-contain","value":"x"}],
             "orders":[{"op":"AVG","column":"d"}],"time_range":3600,"granularity":0}
            """#,
            "from shop | last 1h step auto "
                + "| where a does-not-exist or b not in (2.5) or c does-not-contain \"x\" "
                + "| stats slow = avg(d) where a exists or b in (1, \"x\") | sort slow"
        ),
        (
            #"{"time_range":60,"end_time":120,"calculations":[{"op":"COUNT"},{"op":"COUNT"}]}"#,
            "from shop | between 1970-01-01T00:01:00Z and 1970-01-01T00:02:00Z | stats count()"
        ),
        (
            #"{"start_time":0,"calculations":null}"#,
            "from shop | between 1970-01-01T00:00:00Z and 1970-01-01T02:00:00Z | stats count()"
        ),
    ])
    func `specifications are queries`(json: String, text: String) throws {
        #expect(try query(json).text == text)
    }

    @Test func `the environment is every dataset`() throws {
        #expect(try query("{}", dataset: "__all__").source == .all)
    }

    @Test(arguments: [
        ("[]", "", "must be an object, not an array"),
        (#"{"filter":[]}"#, "filter", "there is no such key; did you mean \"filters\"?"),
        (
            #"{"filters":[{"column":"a","op":"=="}]}"#, "filters[0].op",
            "there is no operation \"==\"; did you mean \"=\"?"
        ),
        (
            #"{"filters":[{"column":"a","op":"="}]}"#, "filters[0].value",
            "must be a string, a number or a boolean"
        ),
        (
            #"{"filters":[{"column":"a","op":"exists","value":1}]}"#, "filters[0].value",
            "exists takes no value"
        ),
        (#"{"filters":[{"op":"exists"}]}"#, "filters[0].column", "is missing"),
        (
            #"{"filters":[{"column":"a","op":"in","value":[1,null]}]}"#, "filters[0].value[1]",
            "must be a string, a number or a boolean"
        ),
        (
            #"{"filters":[{"column":"a","op":"contains","value":5}]}"#, "filters[0].value",
            "must be a string, not a number"
        ),
        (#"{"filter_combination":"XOR"}"#, "filter_combination", "must be AND or OR"),
        (
            #"{"calculations":[{"op":"P98","column":"a"}]}"#, "calculations[0].op",
            "there is no operation \"P98\"; did you mean \"P90\"?"
        ),
        (
            #"{"calculations":[{"op":"SUM"}]}"#, "calculations[0].column",
            "is missing; SUM needs one"
        ),
        (
            #"{"calculations":[{"op":"CONCURRENCY","column":"a"}]}"#, "calculations[0].column",
            "CONCURRENCY takes no column"
        ),
        (#"{"breakdowns":["a",5]}"#, "breakdowns[1]", "must be a column's name, not a number"),
        (
            #"{"orders":[{"op":"SUM","column":"a"}]}"#, "orders[0].op",
            "SUM(a) is not among the calculations"
        ),
        (#"{"orders":[{"column":"a"}]}"#, "orders[0].column", "a is not among the breakdowns"),
        (
            #"{"orders":[{"op":"COUNT","order":"down"}]}"#, "orders[0].order",
            "must be ascending or descending"
        ),
        (
            #"{"havings":[{"calculate_op":"COUNT","op":">","value":"5"}]}"#, "havings[0].value",
            "must be a number"
        ),
        (#"{"limit":0}"#, "limit", "must be from 1 to 10000"),
        (#"{"limit":1.5}"#, "limit", "must be a whole number"),
        (
            #"{"time_range":1,"start_time":1,"end_time":2}"#, "time_range",
            "stands with start_time or end_time, not with both"
        ),
        (#"{"start_time":2,"end_time":1}"#, "end_time", "is before start_time"),
        (
            #"{"start_time":9223372036854775807}"#, "start_time",
            "is out of range: 9223372036854775807"
        ),
        (#"{"granularity":-1}"#, "granularity", "must not be below 0"),
        (
            #"{"formulas":[{}]}"#, "formulas[0].name",
            "is missing or the name of a property of every event"
        ),
        (
            #"{"calculations":[{"op":"COUNT"}],"formulas":[{"name":"f","expression":"$COUNT"}]}"#,
            "formulas[0].expression",
            "$COUNT is not the name of a calculation or formula before"
        ),
        (#"{"usage_mode":1}"#, "usage_mode", "must be true or false, not a number"),
    ])
    func `what a specification gets wrong is named with its path`(
        json: String, path: String, message: String
    ) {
        let error = #expect(throws: SpecificationError.self) { try query(json) }
        #expect(error?.path == path)
        #expect(error?.message == message)
    }

    @Test(arguments: [
        "from a | where x = 1", "from a | stats p33(d)", "from a | stats sum(a * b)",
        "from a | where a + 1 = 2 | stats count()", "from a | eval x = upper(b) | stats count()",
        "from a | where b | eval x = 1 | stats count()", "from a | eval x = a + 1 | stats count()",
        "from a | where a = 1 and (b = 1 or c = 1) | stats count()",
        "from a | between now-2h and now-1h | stats count()", "from a | last 5ms | stats count()",
        "from a | stats count() by lower(b)", "from a | stats count() by b | having b = 1",
        "from a | where a matches 'x' | stats count()", "from a | stats x = count(), y = x + 1",
        "from a | stats hide x = count(), y = x / x", "from a | stats y = count() / 2",
    ])
    func `a query that no specification can say is refused`(text: String) throws {
        let query = try Query(parsing: text)
        #expect(throws: SpecificationError.self) { try query.specification() }
    }

    @Test func `conditions are written by the operation that says them`() throws {
        let text =
            "from a | where not a exists and not (b in (1)) | where not c = 1 | stats count()"
        let json = try Query(parsing: text).specification()
        #expect(
            json.text == #"{"calculations":[{"op":"COUNT"}],"filters":["#
                + #"{"column":"a","op":"does-not-exist"},{"column":"b","op":"not-in","value":[1]},"#
                + #"{"column":"c","op":"!=","value":1}]}"#)
    }

    @Test func `a heatmap is not taken for a number`() throws {
        let heatmap: JSONValue = ["op": "HEATMAP", "column": "ms", "name": "h"]
        let having: JSONValue = [
            "calculations": [heatmap],
            "havings": [["calculate_op": "HEATMAP", "column": "ms", "op": ">", "value": 1]],
        ]
        let formula: JSONValue = [
            "calculations": [heatmap], "formulas": [["name": "f", "expression": "MUL($h, 2)"]],
        ]
        for (json, path) in [
            (having, "havings[0].calculate_op"), (formula, "formulas[0].expression"),
        ] {
            let error = #expect(throws: SpecificationError.self) {
                try Query(specification: json, dataset: "d")
            }
            #expect(error?.path == path)
        }
    }

    @Test(arguments: [UInt64](0..<20))
    func `specifications survive the way through query and text`(seed: UInt64) throws {
        var generator = QueryGenerator(seed: seed)
        for _ in 0..<50 {
            let json = generator.specification()
            let query = try Query(specification: json, dataset: "d")
            let text = query.text
            #expect(try Query(parsing: text) == query, "seed \(seed): \(text)")
            let written = try query.specification()
            #expect(written == json, "seed \(seed): \(json.text)\n\(written.text)")
        }
    }
}
