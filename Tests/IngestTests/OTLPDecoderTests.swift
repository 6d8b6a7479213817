import Bytes
import Events
import Foundation
import Testing

@testable import Ingest

@Suite struct OTLPDecoderTests {
    /// A file of `fixtures/requests/otlp`.
    struct Fixture {
        let signal: OTLPSignal
        let header: String?
        let request: PaddedBytes
        let events: [OTLPEvent]

        init(_ name: String) throws {
            let file = packageRoot.appending(path: "fixtures/requests/otlp/\(name).json")
            let document = try JSONValue(parsing: Array(Data(contentsOf: file)))
            signal = try #require(OTLPSignal(rawValue: document["signal"]?.string ?? ""))
            header = document["header"]?.string
            request = PaddedBytes(try #require(document["request"]).text.utf8)
            events = try #require(document["events"]?.array).map { event in
                var fields: [String: FieldValue] = [:]
                for member in event["fields"]?.object?.members ?? [] {
                    fields[member.key] = Fixture.value(member.value)
                }
                return OTLPEvent(
                    dataset: event["dataset"]?.string ?? "",
                    event: DecodedEvent(
                        time: event["time"]?.integer ?? arrival,
                        rate: UInt32(event["rate"]?.integer ?? 0), fields: fields))
            }
        }

        private static func value(_ value: JSONValue) -> FieldValue {
            switch value {
            case .string(let text): .string(text)
            case .bool(let flag): .bool(flag)
            case .int(let number): .int(number)
            case .double(let number): FieldValue(number: number)
            case .null, .array, .object: .missing
            }
        }

        func decode(
            _ body: PaddedBytes, _ encoding: OTLPDecoder.Encoding, with decoder: OTLPDecoder
        ) throws(OTLPRefusal) -> OTLPDecoded {
            try decoder.decode(
                body, encoding, signal, routing: .init(header: header), receivedAt: arrival
            ) { .open(name: $0, earliest: nil) }
        }

        /// The request as protobuf.
        func protobuf() throws -> [UInt8] {
            var transcoder = OTLPTranscoder()
            return try transcoder.transcode(request).withBytes { Array($0) }
        }
    }

    static let fixtures = ["traces", "logs", "metrics"]

    @Test(arguments: fixtures)
    func `a request becomes its events, whatever was decoded before`(name: String) throws {
        let fixture = try Fixture(name)
        let decoder = OTLPDecoder()
        // The second time keys are found by prediction, and columns are there already.
        for _ in 0..<3 {
            for (body, encoding) in [
                (fixture.request, OTLPDecoder.Encoding.json),
                (PaddedBytes(try fixture.protobuf()), .protobuf),
            ] {
                let result = try fixture.decode(body, encoding, with: decoder)
                #expect(result.decoded.messages == [])
                #expect(result.rejectedItems == 0)
                let rows = result.decoded.routedRows()
                #expect(rows.count == fixture.events.count)
                for event in fixture.events where !rows.contains(event) {
                    let near = rows.first { $0.event.time == event.event.time }
                    Issue.record("wanted \(event), found \(String(describing: near))")
                }
            }
        }
    }

    @Test(arguments: fixtures)
    func `a request cut off anywhere or with any bit turned is refused or decoded, no more`(
        name: String
    ) throws {
        let fixture = try Fixture(name)
        let bytes = try fixture.protobuf()
        let decoder = OTLPDecoder()
        for end in 0..<bytes.count {
            _ = try? fixture.decode(PaddedBytes(bytes[..<end]), .protobuf, with: decoder)
        }
        for bit in 0..<bytes.count * 8 {
            var turned = bytes
            turned[bit / 8] ^= 1 << UInt8(bit % 8)
            _ = try? fixture.decode(PaddedBytes(turned), .protobuf, with: decoder)
        }
        let text = fixture.request.withBytes { Array($0) }
        for end in 0..<text.count {
            #expect(throws: OTLPRefusal.self) {
                try fixture.decode(PaddedBytes(text[..<end]), .json, with: decoder)
            }
        }
        let after = try fixture.decode(PaddedBytes(bytes), .protobuf, with: decoder)
        #expect(after.decoded.routedRows().count == fixture.events.count)
    }

    /// A request of spans in one resource and scope.
    private func spans(
        of resource: (inout ProtobufWriter) -> Void = { _ in },
        _ spans: [(inout ProtobufWriter) -> Void]
    ) -> PaddedBytes {
        var writer = ProtobufWriter()
        writer.message(1) { writer in
            writer.message(1, resource)
            writer.message(2) { writer in for span in spans { writer.message(2, span) } }
        }
        return PaddedBytes(writer.bytes)
    }

    private func decode(_ body: PaddedBytes) throws(OTLPRefusal) -> OTLPDecoded {
        try OTLPDecoder().decode(
            body, .protobuf, .traces, routing: .init(), receivedAt: arrival
        ) { .open(name: $0, earliest: nil) }
    }

    private static func text(
        _ key: String, _ value: String
    ) -> (inout ProtobufWriter) -> Void {
        { writer in
            writer.string(1, key)
            writer.message(2) { $0.string(1, value) }
        }
    }

    @Test func `a span that cannot be kept costs itself`() throws {
        let long = String(repeating: "x", count: EventLimits.stringBytes + 1)
        let result = try decode(
            spans([
                { $0.string(5, "a") },
                { $0.message(9, OTLPDecoderTests.text("k", long)) },
                { $0.message(9, OTLPDecoderTests.text(String(repeating: "k", count: 257), "v")) },
                { $0.fixed64(7, UInt64.max) },
                { $0.string(5, "b") },
            ]))
        #expect(result.rejectedItems == 3)
        #expect(result.decoded.rejections.map(\.index) == [1, 2, 3])
        #expect(
            result.decoded.rows().map { $0.fields["name"] } == [.string("a"), .string("b")])
    }

    /// Times in nanoseconds; 0 is unknown.
    @Test(
        arguments: [
            (5_000_000, 8_000_000, 3.0, false), (5_000_000, 0, 0, true), (0, 5_000_000, 0, true),
            (0, 0, 0, false),
        ] as [(UInt64, UInt64, Double, Bool)])
    func `a span with one time unknown has no duration that means anything`(
        start: UInt64, end: UInt64, milliseconds: Double, isInvalid: Bool
    ) throws {
        let body = spans([
            { span in
                span.fixed64(7, start)
                span.fixed64(8, end)
                span.message(11) { event in event.fixed64(1, end) }
            }
        ])
        let rows = try decode(body).decoded.routedRows()
        let flag: FieldValue? = isInvalid ? .bool(true) : nil
        let span = try #require(rows.first { $0.event.fields["duration_ms"] != nil }).event.fields
        #expect(span["duration_ms"] == FieldValue(number: milliseconds))
        #expect(span["meta.invalid_duration"] == flag)
        let event = try #require(rows.first { $0.event.fields["parent_name"] != nil }).event.fields
        #expect(event["meta.time_since_span_start_ms"] == FieldValue(number: milliseconds))
        #expect(event["meta.invalid_time_since_span_start"] == flag)
    }

    @Test func `a resource that cannot be kept costs its spans`() throws {
        let long = String(repeating: "x", count: EventLimits.stringBytes + 1)
        let resource = { (writer: inout ProtobufWriter) in
            writer.message(1, OTLPDecoderTests.text("k", long))
        }
        let result = try decode(spans(of: resource, [{ $0.string(5, "a") }]))
        #expect(result.rejectedItems == 1)
        #expect(result.decoded.batches.isEmpty)
    }

    @Test func `a small body does not stand for endless copies of its resource`() throws {
        let resource = { (writer: inout ProtobufWriter) in
            for key in 0..<15 {
                writer.message(
                    1, OTLPDecoderTests.text("k\(key)", String(repeating: "x", count: 60_000)))
            }
        }
        let body = spans(of: resource, (0..<400).map { _ in { $0.string(5, "a") } })
        let refusal = try #require(throws: OTLPRefusal.self) { try decode(body) }
        #expect(refusal.isTooLarge)
    }

    @Test func `texts that are not UTF-8 are repaired, ids of any length are kept`() throws {
        let result = try decode(
            spans([
                { writer in
                    [0x61, 0xFF, 0x62].withUnsafeBufferPointer { writer.blob(5, $0) }
                    [1, 2, 3].withUnsafeBufferPointer { writer.blob(1, $0) }
                }
            ]))
        let fields = try #require(result.decoded.rows().first?.fields)
        #expect(fields["name"] == .string("a\u{FFFD}b"))
        #expect(fields["trace.trace_id"] == .string("010203"))
    }

    @Test func `a text is as long as it is when repaired`() throws {
        // Each byte becomes the three of U+FFFD.
        let broken = [UInt8](repeating: 0xFF, count: EventLimits.stringBytes / 3 + 1)
        func text(_ field: UInt32, _ count: Int) -> (inout ProtobufWriter) -> Void {
            { writer in broken[..<count].withUnsafeBufferPointer { writer.blob(field, $0) } }
        }
        func attribute(_ count: Int) -> (inout ProtobufWriter) -> Void {
            { writer in
                writer.string(1, "k")
                writer.message(2, text(1, count))
            }
        }
        var spans: [(inout ProtobufWriter) -> Void] = []
        for count in [broken.count - 1, broken.count] {
            spans.append(text(5, count))
            spans.append { $0.message(9, attribute(count)) }
        }
        let result = try decode(self.spans(spans))
        #expect(result.decoded.rejections.map(\.index) == [2, 3])
        let resource = { (writer: inout ProtobufWriter) in
            writer.message(1, attribute(broken.count))
        }
        #expect(try decode(self.spans(of: resource, [{ $0.string(5, "a") }])).rejectedItems == 1)
    }

    @Test func `values nested too deeply are refused`() throws {
        func nested(_ levels: Int, _ writer: inout ProtobufWriter) {
            if levels == 0 { return writer.string(1, "x") }
            writer.message(5) { $0.message(1) { nested(levels - 1, &$0) } }
        }
        for (levels, isKept) in [(100, true), (101, false), (5_000, false)] {
            let body = spans([
                { writer in
                    writer.message(9) { writer in
                        writer.string(1, "k")
                        writer.message(2) { nested(levels, &$0) }
                    }
                }
            ])
            #expect(((try? decode(body)) != nil) == isKept, "\(levels)")
        }
    }

    @Test(arguments: [
        ("", "the body is empty"),
        ("{", "expected a field name in quotes at /, byte 1"),
        (#"{"resourceSpans":{}}"#, "expected an array at /resourceSpans, byte 17"),
        (
            #"{"resourceSpans":[{},{"scopeSpans":[{"spans":[{"traceId":"x z"}]}]}]}"#,
            "an id is neither hexadecimal digits nor 8 or 16 bytes of base64 at "
                + "/resourceSpans/1/scopeSpans/0/spans/0/traceId, byte 57"
        ),
        (
            #"{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"zz"}]}]}]}"#,
            "an id is neither hexadecimal digits nor 8 or 16 bytes of base64 at "
                + "/resourceSpans/0/scopeSpans/0/spans/0/spanId, byte 53"
        ),
        (
            #"{"resourceSpans":[{"resource":{"attributes":[{"value":{"bytesValue":"?"}}]}}]}"#,
            "expected base64 at "
                + "/resourceSpans/0/resource/attributes/0/value/bytesValue, byte 68"
        ),
        (
            #"{"resource_spans":[{"scope_spans":[{"spans":[{"kind":"SPAN_KIND_X"}]}]}]}"#,
            "expected a whole number at /resourceSpans/0/scopeSpans/0/spans/0/kind, byte 53"
        ),
        (#"{"x":[1,{"y":null}]} z"#, "bytes after the request's end at /, byte 21"),
    ])
    func `a JSON request that goes wrong is told with path and byte`(
        text: String, message: String
    ) throws {
        let refusal = try #require(throws: OTLPRefusal.self) {
            try OTLPDecoder().decode(
                PaddedBytes(text.utf8), .json, .traces, routing: .init(), receivedAt: arrival
            ) { .open(name: $0, earliest: nil) }
        }
        #expect(refusal.description == message)
    }

    @Test func `sampling thresholds are rates, rounded as often as their fraction says`() {
        for (state, rate) in [
            ("ot=th:0", 1), ("ot=th:8", 2), ("a=b,ot=p:8;th:c", 4), ("th=e", 8),
            ("ot=th:ff", 256), ("ot=th:db6db6db6db6dc", 7),
            ("ot=th:ffffffffffffff", Int(Int32.max)),
        ] {
            #expect(
                SampleRate.rate(traceState: state, chance: .max / 2) == UInt32(rate), "\(state)")
        }
        for state in ["", "ot=th:", "ot=th:x", "ot=th:123456789012345", "rojo=1", "ot=rv:8"] {
            #expect(SampleRate.rate(traceState: state, chance: 0) == nil, "\(state)")
        }
        // 1 / (1 − 0.6) = 2.5
        #expect(SampleRate.rate(traceState: "ot=th:9999999999999a", chance: 0) == 3)
        #expect(SampleRate.rate(traceState: "ot=th:9999999999999a", chance: .max) == 2)
    }
}
