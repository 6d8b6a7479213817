import Bytes
import Events
import Ingest
import Testing

/// Events that are well-formed and not valid: each costs only itself.
@Suite struct RejectionTests {
    let decoder = JSONEventDecoder()

    /// Sends the element between two good ones, which must be kept, twice through one decoder.
    func rejection(of element: String) throws -> String? {
        var message: String?
        for _ in 0..<2 {
            let decoded = try decoder.batch(
                "[{\"data\":{\"n\":1,\"s\":\"x\"}},\(element),{\"data\":{\"n\":2,\"s\":\"x\"}}]")
            #expect(decoded.events == 3)
            let neighbours = decoded.rows().filter { $0.fields["s"] == .string("x") }
            #expect(
                neighbours.map(\.fields) == [1, 2].map { ["n": .int($0), "s": .string("x")] })
            #expect(decoded.rejections.allSatisfy { $0.index == 1 && $0.line == 0 })
            message = decoded.messages.first
        }
        return message
    }

    static func fields(_ count: Int, _ prefix: String = "f") -> String {
        (0..<count).map { "\"\(prefix)\($0)\":\($0)" }.joined(separator: ",")
    }

    static let longString = String(repeating: "x", count: EventLimits.stringBytes)
    static let longName = String(repeating: "n", count: EventLimits.nameBytes)

    @Test(arguments: [
        ("1", "event is not an object"), ("\"a\"", "event is not an object"),
        ("null", "event is not an object"), ("[]", "event is not an object"),
        ("{}", "event has no data"), (#"{"time":1}"#, "event has no data"),
        (#"{"data":null}"#, "event has no data"),
        (#"{"data":{"a":1},"data":null}"#, "event has no data"),
        (#"{"data":[]}"#, "event data is not an object"),
        (#"{"data":"x"}"#, "event data is not an object"),
        (#"{"data":{}}"#, "empty event data"), (#"{"data": { } }"#, "empty event data"),
        ("{\"data\":{\(fields(2001))}}", "Event has too many columns."),
        ("{\"data\":{\"o\":{\(fields(1000))},\(fields(1001))}}", "Event has too many columns."),
        (
            "{\"data\":{\"a\":1,\"big\":\"\(longString)x\",\"b\":[1,{}]}}",
            "string value exceeds the limit of 65535 bytes: field \"big\""
        ),
        (
            "{\"data\":{\"big\":[\"\(longString)\"]}}",
            "string value exceeds the limit of 65535 bytes: field \"big\""
        ),
        (
            "{\"data\":{\"\(longName)n\":1}}",
            "field name exceeds the limit of 256 bytes: it begins with \"\(longName.prefix(64))…\""
        ),
        (
            "{\"data\":{\"\(longName)\":{\"a\":1},\"b\":2}}",
            "field name exceeds the limit of 256 bytes: it begins with \"\(longName.prefix(64))…\""
        ),
        (
            "{\"data\":{\"\(String(repeating: longName, count: 10))\":{\"a\":1},\"b\":2}}",
            "field name exceeds the limit of 256 bytes: it begins with \"\(longName.prefix(64))…\""
        ),
        (#"{"data":{"\u0000a":1,"b":2}}"#, "field name begins with NUL"),
        (
            #"{"time":"0001-01-01T00:00:00Z","data":{"a":1}}"#,
            "event time is not between 1677-09-21 and 2262-04-11: \"0001-01-01T00:00:00Z\""
        ),
        (
            #"{"time":"9999-12-31T23:59:59Z","data":{"a":1}}"#,
            "event time is not between 1677-09-21 and 2262-04-11: \"9999-12-31T23:59:59Z\""
        ),
        (
            #"{"time":"yesterday","data":{"a":1}}"#,
            "event time is neither RFC 3339 nor a Unix epoch: \"yesterday\""
        ),
        (
            #"{"time":true,"data":{"a":1}}"#,
            "event time is neither RFC 3339 nor a Unix epoch: \"true\""
        ),
        (
            #"{"time":{"s":1},"data":{"a":1}}"#,
            #"event time is neither RFC 3339 nor a Unix epoch: "{"s":1}""#
        ),
        (
            #"{"samplerate":-1,"data":{"a":1}}"#,
            "sample rate is not a whole number from 0 to 4294967295: \"-1\""
        ),
        (
            #"{"samplerate":1.5,"data":{"a":1}}"#,
            "sample rate is not a whole number from 0 to 4294967295: \"1.5\""
        ),
        (
            #"{"samplerate":4294967296,"data":{"a":1}}"#,
            "sample rate is not a whole number from 0 to 4294967295: \"4294967296\""
        ),
    ])
    func `an invalid event is told why, its neighbours are kept`(
        element: String, message: String
    ) throws {
        #expect(try rejection(of: element) == message)
    }

    @Test(arguments: [
        "{\"data\":{\(fields(2000))}}", "{\"data\":{\(fields(2000)),\"f0\":1,\"f1\":{\"x\":null}}}",
        "{\"data\":{\"s2\":\"\(longString)\"}}", "{\"data\":{\"\(longName)\":1}}",
        #"{"data":{"a":null}}"#, #"{"data":{"a":{}}}"#, #"{"data":{"a":"\u0000"}}"#,
        #"{"data":{"a":1},"time":null,"samplerate":null}"#,
        #"{"data":{"a":1},"time":"","samplerate":0}"#,
    ])
    func `an event at a limit is kept`(element: String) throws {
        #expect(try rejection(of: element) == nil)
    }

    @Test func `an event larger than a mebibyte costs only itself`() throws {
        let piece = String(repeating: "x", count: 60_000)
        let fits = (0..<17).map { "\"a\($0)\":\"\(piece)\"" }.joined(separator: ",")
        #expect(try rejection(of: "{\"data\":{\(fits)}}") == nil)
        let bytes = "{\"data\":{\(fits),\"b\":\"\(piece)\"}}".utf8.count
        #expect(
            try rejection(of: "{\"data\":{\(fits),\"b\":\"\(piece)\"}}")
                == "event exceeds the limit of 1048576 bytes: it has \(bytes)")
    }

    @Test func `an event of nothing but new empty objects is bounded`() throws {
        let many = (0..<200_000).map { "\"k\($0)\":{}" }.joined(separator: ",")
        let message = try #require(try rejection(of: "{\"data\":{\(many)}}"))
        #expect(message.hasPrefix("event exceeds the limit of 1048576 bytes"))
    }

    @Test func `the first reason is told, whatever else is wrong`() throws {
        let message = try rejection(
            of: "{\"time\":\"x\",\"data\":{\"\\u0000\":\"\(Self.longString)x\"}}")
        #expect(message == "field name begins with NUL")
    }

    @Test func `names beyond what a batch holds are kept with their events`() throws {
        let events = (0..<30).map { "{\"data\":{\(Self.fields(200, "id\($0)."))}}" }
        let decoded = try decoder.batch("[" + events.joined(separator: ",") + "]")
        #expect(decoded.messages == [])
        let rows = decoded.rows()
        #expect(rows.count == 30)
        for (number, row) in rows.enumerated() {
            #expect(
                row.fields
                    == Dictionary(
                        uniqueKeysWithValues: (0..<200).map {
                            ("id\(number).\($0)", FieldValue.int(Int64($0)))
                        }))
        }
        // A later body of the same decoder has columns again.
        let later = try decoder.batch(#"[{"data":{"fresh":1}}]"#)
        #expect(later.batches.first?.names == ["fresh"])
    }

    @Test func `a body of too many events is refused`() throws {
        let count = IngestLimits.eventsPerBody
        let fits = "[" + String(repeating: "0,", count: count - 1) + "0]"
        let decoded = try decoder.batch(fits)
        #expect(decoded.rejections.count == count)
        #expect(Set(decoded.messages) == ["event is not an object"])
        let refusal = try #require(throws: BodyRefusal.self) {
            try decoder.batch("[" + String(repeating: "0,", count: count) + "0]")
        }
        #expect(refusal.reason == .tooManyEvents)
    }
}
