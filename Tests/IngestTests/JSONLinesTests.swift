import Bytes
import Events
import Ingest
import Testing

@Suite struct JSONLinesTests {
    let decoder = JSONEventDecoder()

    @Test func `each line is a document of its own`() throws {
        let decoded = try decoder.lines(
            "{\"a\":1}\n\n  \r\n{\"a\":2} \r\n{\"a\":\n3}\n[1]\n{\"a\":4} x\n{\"a\":\"\t\"}\n{\"é\" 1}\n"
                + "{\"a\":5}")
        #expect(decoded.rows().map(\.fields) == [1, 2, 5].map { ["a": .int($0)] })
        #expect(decoded.events == 9)
        #expect(decoded.accepted == 3)
        #expect(
            decoded.rejections.map(\.line) == [5, 6, 7, 8, 9, 10],
            "lines count from one, empty ones too")
        #expect(decoded.rejections.map(\.index) == [2, 3, 4, 5, 6, 7])
        #expect(
            decoded.messages == [
                "line is not JSON: expected a value at column 6",
                "line is not JSON: bytes after the value's end at column 2",
                "event is not an object",
                "line is not JSON: bytes after the value's end at column 9",
                "line is not JSON: a control character in a string at column 7",
                "line is not JSON: expected a colon at column 6",
            ])
    }

    @Test func `bytes that are not UTF-8 cost their line`() throws {
        var body = Array("{\"a\":\"".utf8)
        body +=
            [0xFF] + Array("\"}\n{\"a\":1}\n{\"".utf8) + [0xED, 0xA0, 0x80] + Array("\":1}".utf8)
        let decoded = try decoder.decodeLines(
            PaddedBytes(body), dataset: "shop", receivedAt: arrival)
        #expect(decoded.rejections.map(\.line) == [1, 3])
        #expect(decoded.rows().map(\.fields) == [["a": .int(1)]])
    }

    @Test(
        arguments: [
            (#"{"time":1773151200,"a":1}"#, ["a": .int(1)]),
            (#"{"a":1,"timestamp":"2026-03-10T14:00:00Z"}"#, ["a": .int(1)]),
            (#"{"@timestamp":"1773151200"}"#, [:]),
            (#"{"_time":1773151200000}"#, [:]),
            // The preferred one is the time, the others are fields.
            (
                #"{"timestamp":5,"_time":"x","time":1773151200}"#,
                ["timestamp": .int(5), "_time": .string("x")]
            ),
            (#"{"time":null,"timestamp":1773151200}"#, [:]),
            (#"{"_time":{"a":1},"timestamp":1773151200}"#, ["_time.a": .int(1)]),
            (#"{"time":1,"time":1773151200}"#, [:]),
            (#"{"n":{"time":7},"time":1773151200}"#, ["n.time": .int(7)]),
        ] as [(String, [String: FieldValue])])
    func `the time stands in one of the usual fields`(
        line: String, fields: [String: FieldValue]
    ) throws {
        let decoded = try decoder.lines(line)
        #expect(decoded.messages == [])
        #expect(
            decoded.rows() == [DecodedEvent(time: 1_773_151_200_000_000_000, fields: fields)])
    }

    @Test func `the time stands in the field that was named`() throws {
        let line = #"{"ts":1773151200,"time":3,"a":1}"#
        for _ in 0..<2 {
            let named = try decoder.lines(line, timeField: "ts")
            #expect(
                named.rows() == [
                    DecodedEvent(
                        time: 1_773_151_200_000_000_000, fields: ["time": .int(3), "a": .int(1)])
                ])
            let usual = try decoder.lines(line)
            #expect(
                usual.rows() == [
                    DecodedEvent(
                        time: 3_000_000_000, fields: ["ts": .int(1_773_151_200), "a": .int(1)])
                ])
        }
        #expect(
            try decoder.lines(#"{"time":3}"#, timeField: "ts").rows() == [
                DecodedEvent(time: arrival, fields: ["time": .int(3)])
            ])
    }

    @Test func `the sample rate stands in one of two fields`() throws {
        let decoded = try decoder.lines(
            """
            {"samplerate":5,"a":1}
            {"SampleRate":"6","a":1}
            {"SampleRate":7,"samplerate":8}
            {"a":1}
            {"samplerate":0}
            {"samplerate":"often"}
            """)
        #expect(decoded.rows().map(\.rate) == [5, 6, 8, 1, 1])
        #expect(
            decoded.rows().map(\.fields) == [
                ["a": .int(1)], ["a": .int(1)], ["SampleRate": .int(7)], ["a": .int(1)], [:],
            ])
        #expect(decoded.rejections.map(\.line) == [6])
    }

    @Test func `a line that is too long costs only itself`() throws {
        let piece = String(repeating: "x", count: 60_000)
        let long = (0..<18).map { "\"a\($0)\":\"\(piece)\"" }.joined(separator: ",")
        let decoded = try decoder.lines("{\"a\":1}\n{\(long)}\n{\"a\":2}\n")
        #expect(decoded.rows().map(\.fields) == [["a": .int(1)], ["a": .int(2)]])
        #expect(decoded.rejections.map(\.line) == [2])
    }
}
