import Bytes
import EventQuery
import EventStore
import Events
import Ingest

@testable import Service

/// Readers of bytes that strangers send, and of files that rot, for the corpora in
/// `fixtures/hostile/`.
///
/// A reader may refuse whatever it likes. It must not trap, and what it takes must be whole: a batch
/// can be written and read again, a query's text is that of the same query, and a decoder that has met
/// other bodies reads one as a new decoder does.
final class HostileReader {
    /// What the bytes are taken for; its name is the folder of its corpus.
    enum Kind: String, CaseIterable, Sendable {
        /// A body of events: a batch, one event, lines; and a question's body.
        case json
        case messagePack = "msgpack"
        case otlpProtobuf = "otlp-protobuf"
        case otlpJSON = "otlp-json"
        /// A target and header lines, without the method.
        case http
        /// A body, whose first byte chooses how it is compressed.
        case coding
        case query
        case specification
        /// What a log file holds, and what a record of it does.
        case log
        case batch
        case segment
    }

    private let json = JSONEventDecoder()
    private let messagePack = MessagePackEventDecoder()
    private let otlp = OTLPDecoder()
    private let receivedAt: Int64 = 1_773_151_200_000_000_000

    /// Reads the bytes as what they are taken for.
    func read(_ bytes: [UInt8], as kind: Kind) {
        switch kind {
        case .json: readJSON(bytes)
        case .messagePack: readMessagePack(bytes)
        case .otlpProtobuf: readOTLP(bytes, .protobuf)
        case .otlpJSON: readOTLP(bytes, .json)
        case .http: readHead(bytes)
        case .coding: readBody(bytes)
        case .query: readQuery(bytes)
        case .specification: readSpecification(bytes)
        case .log: StoredBytes.readLog(bytes)
        case .batch: StoredBytes.readBatch(bytes)
        case .segment: StoredBytes.readSegment(bytes)
        }
    }

    // MARK: - Events

    private func readJSON(_ bytes: [UInt8]) {
        let body = PaddedBytes(bytes)
        let batch = try? json.decodeBatch(body, dataset: "d", receivedAt: receivedAt)
        let event = try? json.decodeEvent(body, dataset: "d", receivedAt: receivedAt)
        let lines = try? json.decodeLines(body, dataset: "d", receivedAt: receivedAt)
        for decoded in [batch, event, lines].compactMap(\.self) { check(decoded) }
        agree(
            batch, try? JSONEventDecoder().decodeBatch(body, dataset: "d", receivedAt: receivedAt))
        agree(
            lines, try? JSONEventDecoder().decodeLines(body, dataset: "d", receivedAt: receivedAt))
        if let value = try? JSONValue(parsing: bytes) {
            let again = try? JSONValue(parsing: Array(value.text.utf8))
            precondition(again?.text == value.text, "BUG: JSON that is written differs")
        }
    }

    private func readMessagePack(_ bytes: [UInt8]) {
        let body = PaddedBytes(bytes)
        let batch = try? messagePack.decodeBatch(body, dataset: "d", receivedAt: receivedAt)
        let event = try? messagePack.decodeEvent(body, dataset: "d", receivedAt: receivedAt)
        for decoded in [batch, event].compactMap(\.self) { check(decoded) }
    }

    private func readOTLP(_ bytes: [UInt8], _ encoding: OTLPDecoder.Encoding) {
        for signal in OTLPSignal.allCases {
            let result = try? otlp.decode(
                PaddedBytes(bytes), encoding, signal, routing: OTLPDecoder.Routing(),
                receivedAt: receivedAt
            ) { .open(name: $0, earliest: nil) }
            if let result { check(result.decoded) }
        }
    }

    private func check(_ decoded: Decoded) {
        for batch in decoded.batches {
            let encoded = batch.encoded()
            let again = try? EventBatch(decoding: encoded[...])
            precondition(again?.rows == batch.rows, "BUG: a batch cannot be read again")
            precondition(again?.encoded() == encoded, "BUG: a batch is another when read again")
        }
    }

    /// What a decoder that has met other bodies makes of one must be what a new one makes of it.
    private func agree(_ kept: Decoded?, _ fresh: Decoded?) {
        precondition(
            kept?.events == fresh?.events && kept?.rejections == fresh?.rejections,
            "BUG: earlier bodies decide what is kept of this one")
        for (batch, other) in zip(kept?.batches ?? [], fresh?.batches ?? []) {
            precondition(
                batch.rows == other.rows && Set(batch.names) == Set(other.names),
                "BUG: earlier bodies decide which fields this one has")
            for name in batch.names {
                let (column, same) = (batch[name], other[name])
                for row in 0..<batch.rows where column?.value(at: row) != same?.value(at: row) {
                    preconditionFailure("BUG: a value is another because of earlier bodies")
                }
            }
        }
    }

    // MARK: - Requests

    private func readHead(_ bytes: [UInt8]) {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        var headers = HTTPHeaders()
        for line in lines.dropFirst() {
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            headers.add(String(line[..<colon]), String(line[colon...].dropFirst()))
        }
        _ = MessageFraming.judge(headers, version: "HTTP/1.1")
        _ = ContentEncoding(header: headers["Content-Encoding"])
        _ = ListenAddress(headers["Host"] ?? "")
        let context = TraceContext(
            traceparents: headers.all("traceparent"), tracestates: headers.all("tracestate"))
        if let context {
            let again = TraceContext(
                traceparents: [context.traceparent], tracestates: [context.state.text])
            precondition(again?.traceID == context.traceID, "BUG: a trace is another when sent on")
            precondition(again?.state.text == context.state.text, "BUG: a trace's state changes")
        }
        guard let target = RequestTarget(lines.first ?? "") else { return }
        let head = HTTPRequestHead(method: "GET", target: target, headers: headers)
        _ = AccessControl(KeyRing()).principal(of: head, for: .askQuestions)
        _ = try? AnswerFormat(head)
        let kept = AnsweredRequest(method: "GET", target: "", head)
        precondition(kept.byteCount < 32_768, "BUG: a request takes too much")
    }

    private func readBody(_ bytes: [UInt8]) {
        let codings = ["gzip", "deflate", "zstd", "identity"]
        guard let first = bytes.first,
            let coding = ContentEncoding(header: codings[Int(first) % codings.count])
        else { return }
        let limit = 1 << 20
        let opened = try? coding.open(PaddedBytes(bytes.dropFirst()), limit: limit)
        precondition(
            coding == .identity || (opened?.count ?? 0) <= limit, "BUG: a body outgrows its bound")
    }

    // MARK: - Questions

    private func readQuery(_ bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self),
            let query = try? Query(parsing: text)
        else { return }
        let again = try? Query(parsing: query.text)
        precondition(again?.text == query.text, "BUG: a query's text is another's: \(query.text)")
    }

    private func readSpecification(_ bytes: [UInt8]) {
        guard let value = try? JSONValue(parsing: bytes) else { return }
        if let query = try? Query(specification: value, dataset: "d") {
            let again = try? Query(parsing: query.text)
            precondition(again?.text == query.text, "BUG: a query's text is another's")
        }
        _ = try? Question(body: value)
    }
}
