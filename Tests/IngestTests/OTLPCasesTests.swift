import Bytes
import Events
import Foundation
import Ingest
import Testing

/// Requests with the events that Honeycomb's own translation makes of them, and OpenTelemetry's
/// examples, which lie beside the project or where `WIDEFIELD_CASES` says.
@Suite struct OTLPCasesTests {
    struct Case: Decodable {
        struct Batch: Decodable {
            let dataset: String
            let events: [Event]
        }

        struct Event: Decodable {
            let attributes: [String: OTLPExpectedValue]
            let sample_rate: UInt32
            let time_unix_nano: Int64
        }

        let signal: String
        let via: String
        let content_type: String
        let content_encoding: String
        let api_key: String
        let dataset_header: String
        let body_b64: String
        let batches: [Batch]?
        let http_status: Int?
        /// False where the answer was an accident of the run.
        let replayed_identically: Bool
    }

    @Test func `requests become the events that Honeycomb makes of them`() throws {
        guard let text = CaseCollection.text("otlp-to-events/cases.jsonl") else { return }
        var count = 0
        for (index, line) in text.split(separator: "\n").enumerated() {
            let expected = try JSONDecoder().decode(Case.self, from: Data(line.utf8))
            // The service refuses what is of no known type before it is decoded.
            guard expected.http_status != 415, expected.replayed_identically else { continue }
            count += 1
            try check(expected, index)
        }
        #expect(count >= 79)
    }

    private func check(_ expected: Case, _ index: Int) throws {
        let sent = PaddedBytes(try #require(Data(base64Encoded: expected.body_b64)))
        let body: PaddedBytes
        do throws(CompressionError) {
            body =
                switch expected.content_encoding {
                case "gzip": try Deflate.decompress(sent, as: .gzip, limit: 1 << 20)
                case "zstd": try Zstd.decompress(sent, limit: 1 << 20)
                default: sent
                }
        } catch {
            #expect(expected.http_status == 400, "case \(index)")
            return
        }
        let isJSON = expected.content_type == "application/json" && expected.via == "http"
        let routing = OTLPDecoder.Routing(
            header: expected.dataset_header.isEmpty ? nil : expected.dataset_header,
            isClassic: expected.api_key.count == 32)
        let signal = try #require(OTLPSignal(rawValue: expected.signal))
        guard let batches = expected.batches else {
            #expect(throws: OTLPRefusal.self, "case \(index)") {
                try OTLPDecoder().decode(
                    body, isJSON ? .json : .protobuf, signal, routing: routing, receivedAt: arrival
                ) { .open(name: $0, earliest: nil) }
            }
            return
        }
        let result = try OTLPDecoder().decode(
            body, isJSON ? .json : .protobuf, signal, routing: routing, receivedAt: arrival
        ) { .open(name: $0, earliest: nil) }
        #expect(result.decoded.messages == [], "case \(index)")
        let wanted = batches.flatMap { batch in
            batch.events.map { event in
                let fields = event.attributes.mapValues { $0.value }
                // Time 0 means unknown in OTLP; here that is when the event came.
                let time = event.time_unix_nano == 0 ? arrival : event.time_unix_nano
                return OTLPEvent(
                    dataset: batch.dataset,
                    event: DecodedEvent(time: time, rate: event.sample_rate, fields: fields))
            }
        }
        let found = result.decoded.routedRows()
        #expect(found.count == wanted.count, "case \(index)")
        for event in wanted where !found.contains(event) {
            let near = found.first { $0.event.fields["name"] == event.event.fields["name"] }
            Issue.record("case \(index): wanted \(event), found \(String(describing: near))")
        }
    }

    @Test func `the examples of OpenTelemetry are kept whole`() throws {
        let examples: [(file: String, OTLPSignal, events: Int)] = [
            ("trace", .traces, 1), ("logs", .logs, 1), ("events", .logs, 1),
            ("metrics", .metrics, 4),
        ]
        for (file, signal, events) in examples {
            guard
                let text = CaseCollection.text("otlp-proto-examples/examples/\(file).json")
            else { return }
            let result = try OTLPDecoder().decode(
                PaddedBytes(text.utf8), .json, signal, routing: .init(), receivedAt: arrival
            ) { .open(name: $0, earliest: nil) }
            #expect(result.decoded.messages == [])
            let rows = result.decoded.routedRows()
            #expect(rows.count == events, "\(file)")
            #expect(rows.allSatisfy { $0.dataset == "my.service" })
            #expect(
                rows.allSatisfy {
                    $0.event.fields["my.scope.attribute"] == .string("some scope attribute")
                })
        }
    }
}

/// A value of a case's attributes.
struct OTLPExpectedValue: Decodable {
    let value: FieldValue

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let flag = try? container.decode(Bool.self) {
            value = .bool(flag)
        } else if let number = try? container.decode(Int64.self) {
            value = .int(number)
        } else if let number = try? container.decode(Double.self) {
            value = FieldValue(number: number)
        } else {
            value = .string(try container.decode(String.self))
        }
    }
}

/// An event and where it went.
struct OTLPEvent: Equatable {
    let dataset: String
    let event: DecodedEvent
}

extension Decoded {
    /// All events kept, in order, with their datasets.
    func routedRows() -> [OTLPEvent] {
        let datasets = batches.flatMap { batch in
            (0..<batch.rows).map { row -> String in
                let lane = batch.datasets
                let column = Column(rows: batch.rows, coded: lane)
                guard case .string(let name) = column.value(at: row) else { return "" }
                return name
            }
        }
        return zip(datasets, rows()).map { OTLPEvent(dataset: $0, event: $1) }
    }
}
