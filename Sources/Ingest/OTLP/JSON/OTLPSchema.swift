/// The messages of OTLP as far as events are made of them: how fields are called in JSON and which
/// number and type they have in protobuf.
///
/// From opentelemetry-proto 1.7; what is not here, as exemplars, makes no event and is passed over.
enum OTLPSchema {
    enum Message: Int, CaseIterable {
        case export, tracesResource, logsResource, metricsResource, resource
        case tracesScope, logsScope, metricsScope, scope
        case keyValue, anyValue, array, list
        case span, event, link, status, logRecord
        case metric, gauge, sum, histogram, exponentialHistogram, summary
        case numberPoint, histogramPoint, exponentialPoint, summaryPoint, buckets, quantile
    }

    enum Kind {
        case text
        /// Base64.
        case bytes
        /// Hexadecimal digits, or base64 as protobuf's own JSON has it.
        case identifier
        case bool
        /// A varint; negative numbers as 64 bits.
        case integer
        /// A varint, zigzag.
        case signed
        case fixed64
        case fixed32
        case double
        /// A number, or a name that begins with this and stands at its number in the list.
        case choice(prefix: String, names: [String])
        case message(Message)
    }

    struct Field {
        /// As JSON has it: lowerCamelCase.
        let name: [UInt8]
        /// As the `.proto` files have it.
        let snakeName: [UInt8]
        let number: UInt32
        let kind: Kind
        let isRepeated: Bool

        init(_ name: String, _ number: UInt32, _ kind: Kind, repeated isRepeated: Bool = false) {
            self.name = Array(name.utf8)
            snakeName = name.utf8.flatMap {
                (0x41...0x5A).contains($0) ? [UInt8(ascii: "_"), $0 | 0x20] : [$0]
            }
            self.number = number
            self.kind = kind
            self.isRepeated = isRepeated
        }
    }

    /// The fields of each message, in the order in which they usually come.
    static let fields: [[Field]] = Message.allCases.map { fields(of: $0) }

    private static func many(_ name: String, _ number: UInt32, _ message: Message) -> Field {
        Field(name, number, .message(message), repeated: true)
    }

    private static func attributes(_ number: UInt32) -> Field {
        many("attributes", number, .keyValue)
    }

    private static func fields(of message: Message) -> [Field] {
        switch message {
        case .export:
            [
                many("resourceSpans", 1, .tracesResource), many("resourceLogs", 1, .logsResource),
                many("resourceMetrics", 1, .metricsResource),
            ]
        case .tracesResource: resource(many("scopeSpans", 2, .tracesScope))
        case .logsResource: resource(many("scopeLogs", 2, .logsScope))
        case .metricsResource: resource(many("scopeMetrics", 2, .metricsScope))
        case .resource: [attributes(1)]
        case .tracesScope: scope(many("spans", 2, .span))
        case .logsScope: scope(many("logRecords", 2, .logRecord))
        case .metricsScope: scope(many("metrics", 2, .metric))
        case .scope: [Field("name", 1, .text), Field("version", 2, .text), attributes(3)]
        case .keyValue: [Field("key", 1, .text), Field("value", 2, .message(.anyValue))]
        case .anyValue:
            [
                Field("stringValue", 1, .text), Field("intValue", 3, .integer),
                Field("doubleValue", 4, .double), Field("boolValue", 2, .bool),
                Field("arrayValue", 5, .message(.array)), Field("kvlistValue", 6, .message(.list)),
                Field("bytesValue", 7, .bytes),
            ]
        case .array: [many("values", 1, .anyValue)]
        case .list: [many("values", 1, .keyValue)]
        case .span, .event, .link, .status: traces(message)
        case .logRecord: logRecord
        default: metrics(message)
        }
    }

    private static func resource(_ scopes: Field) -> [Field] {
        [Field("resource", 1, .message(.resource)), scopes, Field("schemaUrl", 3, .text)]
    }

    private static func scope(_ items: Field) -> [Field] {
        [Field("scope", 1, .message(.scope)), items, Field("schemaUrl", 3, .text)]
    }

    private static func traces(_ message: Message) -> [Field] {
        switch message {
        case .span:
            [
                Field("traceId", 1, .identifier), Field("spanId", 2, .identifier),
                Field("traceState", 3, .text), Field("parentSpanId", 4, .identifier),
                Field("name", 5, .text), Field("kind", 6, spanKind),
                Field("startTimeUnixNano", 7, .fixed64), Field("endTimeUnixNano", 8, .fixed64),
                attributes(9), many("events", 11, .event), many("links", 13, .link),
                Field("status", 15, .message(.status)),
            ]
        case .event:
            [Field("timeUnixNano", 1, .fixed64), Field("name", 2, .text), attributes(3)]
        case .link:
            [
                Field("traceId", 1, .identifier), Field("spanId", 2, .identifier),
                Field("traceState", 3, .text), attributes(4),
            ]
        default:
            [
                Field("message", 2, .text),
                Field("code", 3, .choice(prefix: "STATUS_CODE_", names: ["UNSET", "OK", "ERROR"])),
            ]
        }
    }

    private static let spanKind = Kind.choice(
        prefix: "SPAN_KIND_",
        names: ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"])

    private static let severity = Kind.choice(
        prefix: "SEVERITY_NUMBER_",
        names: ["UNSPECIFIED"]
            + ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"].flatMap {
                [$0, $0 + "2", $0 + "3", $0 + "4"]
            })

    private static let logRecord = [
        Field("timeUnixNano", 1, .fixed64), Field("observedTimeUnixNano", 11, .fixed64),
        Field("severityNumber", 2, severity), Field("severityText", 3, .text),
        Field("body", 5, .message(.anyValue)), attributes(6), Field("flags", 8, .fixed32),
        Field("traceId", 9, .identifier), Field("spanId", 10, .identifier),
        Field("eventName", 12, .text),
    ]

    private static func metrics(_ message: Message) -> [Field] {
        let times = [
            Field("startTimeUnixNano", 2, .fixed64), Field("timeUnixNano", 3, .fixed64),
        ]
        let counts = [Field("count", 4, .fixed64), Field("sum", 5, .double)]
        switch message {
        case .metric:
            return [
                Field("name", 1, .text), Field("gauge", 5, .message(.gauge)),
                Field("sum", 7, .message(.sum)), Field("histogram", 9, .message(.histogram)),
                Field("exponentialHistogram", 10, .message(.exponentialHistogram)),
                Field("summary", 11, .message(.summary)),
            ]
        case .gauge, .sum: return [many("dataPoints", 1, .numberPoint)]
        case .histogram: return [many("dataPoints", 1, .histogramPoint)]
        case .exponentialHistogram: return [many("dataPoints", 1, .exponentialPoint)]
        case .summary: return [many("dataPoints", 1, .summaryPoint)]
        case .numberPoint:
            return [attributes(7)] + times + [
                Field("asDouble", 4, .double), Field("asInt", 6, .fixed64),
                Field("flags", 8, .integer),
            ]
        case .histogramPoint:
            return [attributes(9)] + times + counts + [
                Field("bucketCounts", 6, .fixed64, repeated: true),
                Field("explicitBounds", 7, .double, repeated: true),
                Field("flags", 10, .integer), Field("min", 11, .double),
                Field("max", 12, .double),
            ]
        case .exponentialPoint:
            return [attributes(1)] + times + counts + [
                Field("scale", 6, .signed), Field("zeroCount", 7, .fixed64),
                Field("positive", 8, .message(.buckets)),
                Field("negative", 9, .message(.buckets)), Field("flags", 10, .integer),
                Field("min", 12, .double), Field("max", 13, .double),
                Field("zeroThreshold", 14, .double),
            ]
        case .summaryPoint:
            return [attributes(7)] + times + counts + [
                many("quantileValues", 6, .quantile), Field("flags", 8, .integer),
            ]
        case .buckets:
            return [
                Field("offset", 1, .signed),
                Field("bucketCounts", 2, .integer, repeated: true),
            ]
        default: return [Field("quantile", 1, .double), Field("value", 2, .double)]
        }
    }
}
