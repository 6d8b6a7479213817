import Bytes
import Events
import Foundation
import Ingest
import Testing

@Suite struct JSONEventDecoderTests {
    let decoder = JSONEventDecoder()

    /// The one event's value of field `v`, sent as `text`.
    func value(_ text: String) throws -> FieldValue {
        let decoded = try decoder.event("{\"v\":\(text),\"other\":1}")
        #expect(decoded.messages == [])
        return decoded.rows().first?.fields["v"] ?? .missing
    }

    // MARK: - Values

    static let values: [(String, FieldValue)] = [
        ("0", .int(0)), ("-0", .int(0)), ("-0.0", .int(0)), ("7", .int(7)), ("-12", .int(-12)),
        ("999999999999999999", .int(999_999_999_999_999_999)),
        ("9223372036854775807", .int(.max)), ("-9223372036854775808", .int(.min)),
        ("9223372036854775808", .float(0x1p63)), ("-9223372036854775809", .float(-0x1p63)),
        ("1180591620717411303424", .float(0x1p70)), ("10000000000000000000", .float(1e19)),
        ("1.0", .int(1)), ("0.1", .float(0.1)), ("-2.5e-3", .float(-0.0025)), ("1E2", .int(100)),
        ("123456789012345678901234567890e-10", .float(12345678901234567890.123456789)),
        ("5e-324", .float(.leastNonzeroMagnitude)), ("1e-999", .int(0)),
        ("2.2250738585072014e-308", .float(0x1p-1022)),
        ("1.7976931348623157e308", .float(.greatestFiniteMagnitude)),
        ("9007199254740993.0", .float(9_007_199_254_740_992)),
        ("0.30000000000000004", .float(0.30000000000000004)),
        ("1e400", .string("+Inf")), ("-1e400", .string("-Inf")),
        ("1e999999999999", .string("+Inf")),
        ("true", .bool(true)), ("false", .bool(false)), ("null", .missing),
        (#""""#, .string("")), (#""plain""#, .string("plain")),
        (#""\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC""#, .string("\"\\/\u{8}\u{c}\n\r\tAé€")),
        (#""\ud83d\ude00 \uD800 \udc00\ud800x""#, .string("😀 \u{FFFD} \u{FFFD}\u{FFFD}x")),
        (#""\u0000é漢😀""#, .string("\0é漢😀")),
        ("[]", .string("[]")), ("[ 1 , [ ] , { } ]", .string("[1,[],{}]")),
        (#"[1.50, "a b\u0020", {"k" : null}]"#, .string(#"[1.50,"a b\u0020",{"k":null}]"#)),
    ]

    @Test(arguments: values)
    func `a value is kept as it is meant`(text: String, expected: FieldValue) throws {
        #expect(try value(text) == expected)
    }

    @Test func `strings of every length around the scanner's steps are kept`() throws {
        for length in 0...70 {
            let plain = String(repeating: "x", count: length)
            #expect(try value("\"\(plain)\"") == .string(plain))
            #expect(try value("\"\(plain)\\n\"") == .string(plain + "\n"))
            #expect(try value("\"\(plain)é\"") == .string(plain + "é"))
            #expect(throws: BodyRefusal.self) { try value("\"\(plain)\u{1}\"") }
        }
    }

    @Test func `a string is the same value however it was written`() throws {
        for length in 1...40 {
            let plain = String(repeating: "x", count: length - 1)
            // The second and third are read apart from the first: with an escape, and in a column of
            // many types.
            let decoded = try decoder.lines(
                """
                {"v":"\(plain)y"}
                {"v":"\(plain)\\u0079"}
                {"v":[1]}
                {"v":"\(plain)y"}
                """)
            let lane = try #require(decoded.batches.first?["v"]?.coded)
            #expect(lane.dictionary.count == 2, "of \(length) bytes")
        }
    }

    @Test func `nested objects become dotted names, ten levels deep`() throws {
        let decoded = try decoder.event(
            #"{"a":{"b":{"c":1},"d":"x"},"a.b.c":2,"e":{},"f":{"":true},"":0}"#)
        #expect(
            decoded.rows().map(\.fields) == [
                ["a.b.c": .int(2), "a.d": .string("x"), "f.": .bool(true), "": .int(0)]
            ])
        let deep =
            String(repeating: #"{"n":"#, count: 11) + #"{ "x" : 1 }"#
            + String(repeating: "}", count: 11)
        let name = Array(repeating: "n", count: 11).joined(separator: ".")
        #expect(try decoder.event(deep).rows().map(\.fields) == [[name: .string(#"{"x":1}"#)]])
    }

    @Test func `of a repeated field the last one counts`() throws {
        let decoded = try decoder.batch(
            #"""
            [{"data":{"a":1,"a":"x","a":2.5}}, {"data":{"a":1,"\u0061":2}},
             {"data":{"b":1,"b":null,"c":3}}, {"data":{"b":1,"b":null,"b":4}},
             {"data":{"x":1},"data":{"y":2}}]
            """#)
        #expect(
            decoded.rows().map(\.fields) == [
                ["a": .float(2.5)], ["a": .int(2)], ["c": .int(3)], ["b": .int(4)], ["y": .int(2)],
            ])
    }

    @Test func `null takes a value back however its name was written`() throws {
        for event in [#"{"a":{"b":1},"a.b":null,"c":2}"#, #"{"a.b":1,"a":{"b":null},"c":2}"#] {
            #expect(try JSONEventDecoder().event(event).rows().map(\.fields) == [["c": .int(2)]])
        }
    }

    @Test func `a time is one also after it was a field beside another time`() throws {
        let decoder = JSONEventDecoder()
        let both = #"{"time":1767312000,"timestamp":"2026-01-03T00:00:00Z","a":1}"#
        let one = #"{"timestamp":"2026-01-03T00:00:00Z","a":2}"#
        let rows = try decoder.lines([both, one, both, one].joined(separator: "\n")).rows()
        #expect(
            rows.map { $0.time / 1_000_000_000 } == [
                1_767_312_000, 1_767_398_400, 1_767_312_000, 1_767_398_400,
            ])
        #expect(rows[0].fields["timestamp"] == .string("2026-01-03T00:00:00Z"))
        #expect(rows[1].fields == ["a": .int(2)] && rows[3].fields == rows[1].fields)
    }

    @Test func `one field may have several types`() throws {
        let decoded = try decoder.batch(
            #"[{"data":{"v":1}},{"data":{"v":"1"}},{"data":{"v":true}},{"data":{"v":1.5}}]"#)
        #expect(
            decoded.rows().map { $0.fields["v"] } == [
                .int(1), .string("1"), .bool(true), .float(1.5),
            ])
    }

    // MARK: - The shapes of bodies

    @Test func `the parts of a batch's event come in any order`() throws {
        let file = packageRoot.appending(path: "fixtures/requests/json/batches/key-orders.json")
        let decoded = try decoder.batch(String(contentsOf: file, encoding: .utf8))
        #expect(decoded.messages == [])
        #expect(
            decoded.rows() == [
                DecodedEvent(
                    time: 1_773_151_200_123_456_789, rate: 4,
                    fields: ["name": .string("a"), "n": .int(1)]),
                DecodedEvent(
                    time: 1_773_151_200_000_000_000,
                    fields: [
                        "name": .string("b"), "time": .string("kept"),
                        "samplerate": .string("kept"),
                    ]),
                DecodedEvent(
                    time: 1_773_151_200_500_000_000, fields: ["name": .string("c")]),
                DecodedEvent(
                    time: arrival,
                    fields: [
                        "name": .string("d"), "nested.x.y": .bool(true),
                        "list": .string(#"[1,{"k":"v w"}]"#),
                    ]),
            ])
    }

    @Test func `an event alone takes time and rate from its headers`() throws {
        let decoded = try decoder.event(
            #"{"time":"kept"}"#, time: "2026-03-10T14:00:00Z", sampleRate: "20")
        #expect(
            decoded.rows() == [
                DecodedEvent(
                    time: 1_773_151_200_000_000_000, rate: 20, fields: ["time": .string("kept")])
            ])
        #expect(try decoder.event(#"{"a":1}"#, sampleRate: "many").rows().map(\.rate) == [1])
        #expect(try decoder.event(#"{"a":1}"#, time: "").rows().map(\.time) == [arrival])
        #expect(
            try decoder.event(#"{"a":1}"#, time: "soon").messages == [
                "event time is neither RFC 3339 nor a Unix epoch: \"soon\""
            ])
    }

    @Test func `a byte order mark and spaces around a body are passed over`() throws {
        #expect(try decoder.event("\u{FEFF} \r\n\t{ \"a\" : 1 } \n").accepted == 1)
        #expect(try decoder.batch("\u{FEFF} [ ] ").events == 0)
    }

    @Test func `a body of more events than a batch holds becomes several batches`() throws {
        let count = EventLimits.rowsPerBatch + 10
        let text = "[" + (0..<count).map { "{\"data\":{\"n\":\($0)}}" }.joined(separator: ",") + "]"
        let decoded = try decoder.batch(text)
        #expect(decoded.batches.map(\.rows) == [EventLimits.rowsPerBatch, 10])
        #expect(decoded.batches.last?["n"]?.value(at: 9) == .int(Int64(count - 1)))
        #expect(decoded.accepted == count)
    }

    // MARK: - Refusals of a whole body

    @Test(arguments: [
        ("", BodyRefusal.Reason.empty, 0, 1, 1),
        ("[{\"data\":{\"a\":1}},\n {\"data\":{\"a\":01}}]", .malformed, 33, 2, 15),
        ("[{\"data\":{\"é\":1}} x", .malformed, 19, 1, 19),
        ("{\"data\":{}}", .malformed, 0, 1, 1),
        ("[]]", .malformed, 2, 1, 3),
        ("[1", .malformed, 2, 1, 3),
    ])
    func `a batch that is not well-formed is refused with its place`(
        text: String, reason: BodyRefusal.Reason, offset: Int, line: Int, column: Int
    ) throws {
        let refusal = try #require(throws: BodyRefusal.self) { try decoder.batch(text) }
        #expect(refusal.reason == reason)
        #expect(refusal.offset == offset)
        #expect(refusal.line == line)
        #expect(refusal.column == column)
        #expect(!refusal.message.isEmpty)
    }

    @Test func `nothing of a refused body is left behind`() throws {
        #expect(throws: BodyRefusal.self) {
            try decoder.batch(#"[{"data":{"a":1}},{"data":{"b":2,"c"}}]"#)
        }
        #expect(try decoder.batch(#"[{"data":{"z":1}}]"#).rows().map(\.fields) == [["z": .int(1)]])
    }

    @Test func `deep nesting neither traps nor is lost`() throws {
        let deep = String(repeating: "[", count: 20_000) + String(repeating: "]", count: 20_000)
        #expect(try value(deep) == .string(deep))
        let decoded = try decoder.batch(
            "[{\"data\":{\"a\":\(deep)\(deep.isEmpty ? "" : ",\"b\":[\(deep),\(deep)]")}},"
                + "{\"data\":{\"a\":1}}]")
        #expect(decoded.accepted == 1)
        for opening in ["[", "{\"a\":", "[{\"data\":", "[{\"data\":{\"a\":[", "[{\"x\":"] {
            #expect(throws: BodyRefusal.self) {
                try decoder.batch(String(repeating: opening, count: 100_000))
            }
        }
        #expect(throws: BodyRefusal.self) {
            try decoder.event("{\"a\":" + String(repeating: "[", count: 1_100_000))
        }
    }
}
