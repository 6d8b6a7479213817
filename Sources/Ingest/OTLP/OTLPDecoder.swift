public import Bytes
internal import Events

/// What an OTLP request holds.
public enum OTLPSignal: String, Sendable, CaseIterable {
    case traces, logs, metrics
}

/// An OTLP request of which nothing is kept, and where it goes wrong.
public struct OTLPRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// Well-formed, but more than one body may hold.
    public let isTooLarge: Bool
    /// What is wrong, with the place: `a length beyond the end of its message at byte 17`.
    public let description: String
}

/// What an OTLP request held.
public struct OTLPDecoded: Sendable {
    public let decoded: Decoded
    /// Spans, log records or data points that were not kept; span events and links, which are events
    /// too, are not counted here.
    public let rejectedItems: Int
}

/// Turns OTLP requests into batches: spans, span events, links, log records, metrics.
///
/// The mapping is Honeycomb's; `docs/otlp.md` has it as a table. Made to be used again, as
/// `JSONEventDecoder` is. Not thread-safe. A body that is not well-formed throws and leaves nothing
/// behind.
public final class OTLPDecoder {
    /// What tells the dataset besides the resource.
    public struct Routing: Sendable {
        /// The dataset that a header names, if one does.
        public var header: String?
        /// Whether only the header names the dataset of traces and metrics, as with Honeycomb's
        /// classic keys.
        public var isClassic: Bool

        public init(header: String? = nil, isClassic: Bool = false) {
            self.header = header
            self.isClassic = isClassic
        }
    }

    /// A dataset as it stands: its name as it was first written, and the time before which its
    /// events are past their retention (nanoseconds since 1970, nil for never).
    public enum Dataset: Sendable {
        case open(name: String, earliest: Int64?)
        /// Not the name of a dataset, and why.
        case refused(String)
    }

    private let builder: EventBatchBuilder
    private var reader: OTLPReader
    private var transcoder = OTLPTranscoder()

    public init() {
        builder = EventBatchBuilder()
        reader = OTLPReader(builder)
    }

    /// How a request is written.
    public enum Encoding: Sendable {
        case protobuf, json
    }

    /// Decodes an `Export…ServiceRequest`.
    ///
    /// - Parameters:
    ///   - receivedAt: nanoseconds since 1970; the time of events that have none.
    ///   - dataset: asked for each resource what is known of the dataset it names.
    /// - Throws: `OTLPRefusal`.
    public func decode(
        _ body: PaddedBytes, _ encoding: Encoding, _ signal: OTLPSignal, routing: Routing,
        receivedAt: Int64, dataset: (String) -> Dataset
    ) throws(OTLPRefusal) -> OTLPDecoded {
        let body =
            switch encoding {
            case .protobuf: body
            case .json: try transcoder.transcode(body)
            }
        return try withoutActuallyEscaping(dataset) { (dataset) throws(OTLPRefusal) in
            reader.route = { serviceName in
                switch dataset(routing.dataset(of: signal, serviceName: serviceName)) {
                case .open(let name, let earliest): .dataset(name, earliest: earliest)
                case .refused(let reason): .refused(reason)
                }
            }
            defer { reader.route = { _ in .refused("") } }
            return try decode(body, signal, receivedAt: receivedAt)
        }
    }

    private func decode(
        _ body: PaddedBytes, _ signal: OTLPSignal, receivedAt: Int64
    ) throws(OTLPRefusal) -> OTLPDecoded {
        try body.withBytes { (bytes) throws(OTLPRefusal) in
            guard let base = bytes.baseAddress else {
                return OTLPDecoded(decoded: Decoded(), rejectedItems: 0)
            }
            reader.beginBody()
            var collector = EventCollector(
                builder, dataset: "", receivedAt: receivedAt, earliest: nil)
            do throws(ProtobufFault) {
                let message = ProtobufReader(base, to: base + bytes.count)
                try reader.export(message, signal, into: &collector)
            } catch {
                builder.removeAll()
                throw OTLPRefusal(error, in: base)
            }
            return OTLPDecoded(
                decoded: collector.finish(), rejectedItems: reader.rejectedItems)
        }
    }
}

extension OTLPRefusal {
    init(_ fault: ProtobufFault, in base: Cursor) {
        let isTooLarge = fault.message.utf8Start == OTLPReader.tooMuch.utf8Start
        self.init(
            isTooLarge: isTooLarge, description: "\(fault.message) at byte \(fault.place - base)")
    }
}

extension OTLPDecoder.Routing {
    private static let unknownService = "unknown_service"

    /// The dataset of a resource: by its service, by the header, or by what neither says.
    func dataset(of signal: OTLPSignal, serviceName: String?) -> String {
        let service = serviceName.map { Self.trimmed($0) } ?? ""
        let isKnown = !service.isEmpty && serviceName?.hasPrefix(Self.unknownService) != true
        switch signal {
        case .traces:
            if isClassic { return header ?? "" }
            return isKnown ? service : Self.unknownService
        case .logs:
            if isKnown { return service }
            return header.flatMap { Self.trimmed($0).isEmpty ? nil : $0 } ?? "unknown_log_source"
        case .metrics:
            if let header, !header.isEmpty { return header }
            return isKnown ? service : "unknown_metrics"
        }
    }

    private static func trimmed(_ text: String) -> String {
        // Fast path: ASCII that is no space at either end.
        let plain: ClosedRange<UInt8> = 0x21...0x7E
        if let first = text.utf8.first, let last = text.utf8.last, plain.contains(first),
            plain.contains(last)
        {
            return text
        }
        guard let first = text.firstIndex(where: { !$0.isWhitespace }),
            let last = text.lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(text[first...last])
    }
}
