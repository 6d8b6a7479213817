internal import Bytes

/// Writes generated events, lines of JSON, as OTLP requests of spans, as a collector would that
/// receives them from all pods of the shop.
///
/// Spans of one pod share a resource. Each request begins with its length as a varint, as protobuf
/// writes several messages into one file.
struct OTLPRequests {
    /// Spans of one request; exporters send this many at most, unless told otherwise.
    static let spansPerRequest = 512

    /// Fields that say where a span ran, not what it did.
    private static let resourceFields: Set<String> = [
        "service.name", "service.version", "sdk.lang", "sdk.ver", "runtime", "process.pid", "env",
        "deployment_id", "git.sha", "build_id", "team", "host.arch", "os.type", "cloud.provider",
        "cloud.region", "cloud.az", "k8s.cluster", "k8s.namespace", "k8s.node.name",
        "k8s.pod.name",
    ]

    private struct Resource {
        let attributes: [JSONObject.Member]
        let library: [JSONObject.Member]
        var spans: [JSONObject] = []
    }

    private var resources: [Resource] = []
    private var places: [String: Int] = [:]
    private var count = 0
    private var writer = ProtobufWriter()

    /// The requests that the lines fill, the last one when `isLast`; each without its length.
    mutating func requests(of lines: [UInt8], isLast: Bool) throws(JSONError) -> [[UInt8]] {
        var requests: [[UInt8]] = []
        for line in lines.split(separator: UInt8(ascii: "\n")) {
            guard let object = try JSONValue(parsing: Array(line)).object else { continue }
            add(object)
            if count == OTLPRequests.spansPerRequest { requests.append(request()) }
        }
        if isLast, count > 0 { requests.append(request()) }
        return requests
    }

    /// A request as it stands in a file of several.
    static func delimited(_ request: [UInt8]) -> [UInt8] {
        var length = ByteWriter()
        length.writeVarint(request.count)
        return length.bytes + request
    }

    private mutating func add(_ event: JSONObject) {
        count += 1
        let pod = event["k8s.pod.name"]?.string ?? ""
        let place =
            places[pod]
            ?? {
                resources.append(
                    Resource(
                        attributes: event.members.filter {
                            OTLPRequests.resourceFields.contains($0.key)
                        }, library: event.members.filter { $0.key.hasPrefix("library.") }))
                places[pod] = resources.count - 1
                return resources.count - 1
            }()
        resources[place].spans.append(event)
    }

    private mutating func request() -> [UInt8] {
        writer.removeAll()
        for resource in resources {
            writer.message(1) { writer in
                writer.message(1) { writer in
                    for member in resource.attributes { writer.attribute(1, member) }
                }
                writer.message(2) { writer in
                    writer.message(1) { writer in
                        for (index, member) in resource.library.enumerated() {
                            writer.string(UInt32(index + 1), member.value.string ?? "")
                        }
                    }
                    for span in resource.spans {
                        writer.message(2) { OTLPRequests.write(span, to: &$0) }
                    }
                }
            }
        }
        resources.removeAll(keepingCapacity: true)
        places.removeAll(keepingCapacity: true)
        count = 0
        return writer.bytes
    }

    private static func write(_ span: JSONObject, to writer: inout ProtobufWriter) {
        for (field, name) in [
            (UInt32(1), "trace.trace_id"), (2, "trace.span_id"), (4, "trace.parent_id"),
        ] {
            guard let text = span[name]?.string else { continue }
            bytes(ofDigits: text).withUnsafeBufferPointer { writer.blob(field, $0) }
        }
        writer.string(5, span["name"]?.string ?? "")
        let kinds = ["internal", "server", "client", "producer", "consumer"]
        let kind = kinds.firstIndex(of: span["span.kind"]?.string ?? "") ?? 0
        writer.varint(6, UInt64(kind + 1))
        let start = span["time"]?.string.flatMap { RFC3339.nanoseconds($0) } ?? 0
        writer.fixed64(7, UInt64(start))
        let milliseconds = span["duration_ms"]?.number ?? 0
        writer.fixed64(8, UInt64(start + Int64(milliseconds * 1e6)))
        for member in span.members where !ownFields.contains(member.key) {
            writer.attribute(9, member)
        }
        writer.message(15) { writer in
            if span["error"]?.bool == true { writer.varint(3, 2) }
        }
    }

    /// Fields that are no attribute of a span in OTLP.
    private static let ownFields = resourceFields.union([
        "library.name", "library.ver", "trace.trace_id", "trace.span_id", "trace.parent_id", "name",
        "span.kind", "time", "duration_ms", "error", "status_code",
    ])

    private static func bytes(ofDigits text: String) -> [UInt8] {
        let digits = Array(text.utf8)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
    }
}

extension ProtobufWriter {
    /// Writes a member of an event as a `KeyValue`.
    fileprivate mutating func attribute(_ field: UInt32, _ member: JSONObject.Member) {
        minimalMessage(field) { writer in
            writer.string(1, member.key)
            writer.minimalMessage(2) { writer in
                switch member.value {
                case .bool(let flag): writer.varint(2, flag ? 1 : 0)
                case .int(let number): writer.varint(3, UInt64(bitPattern: number))
                case .double(let number): writer.double(4, number)
                case .string(let text): writer.string(1, text)
                case .null, .array, .object: break
                }
            }
        }
    }

    /// Writes a message with its length in as few bytes as it takes, as exporters do.
    private mutating func minimalMessage(
        _ field: UInt32, _ body: (inout ProtobufWriter) -> Void
    ) {
        var message = ProtobufWriter()
        body(&message)
        message.bytes.withUnsafeBufferPointer { blob(field, $0) }
    }
}
