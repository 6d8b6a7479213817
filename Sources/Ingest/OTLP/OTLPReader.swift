internal import Bytes
internal import Events

/// Reads the messages of an export into the columns of a batch builder.
///
/// The three signals have one shape: resources, their scopes, and items in each: spans, log records,
/// metrics. What resource and scope say is read first, wherever it stands, and written to each item.
struct OTLPReader: ~Copyable {
    let builder: EventBatchBuilder
    var attributes: AttributeColumns
    /// The builder's columns of `GeneratedField`s.
    private var columns: [Int] = []
    /// Where events of a resource go; asked once a resource.
    var route: (_ serviceName: String?) -> OTLPDestination = { _ in .refused("") }
    /// Bytes that values of resources may still take in the events of this body.
    private var sharedBytesLeft = 0
    /// Spans, log records or data points that were not kept.
    var rejectedItems = 0

    init(_ builder: EventBatchBuilder) {
        self.builder = builder
        attributes = AttributeColumns(builder)
    }

    mutating func beginBody() {
        attributes.fields.beginBody()
        sharedBytesLeft = IngestLimits.sharedBytesPerBody
        rejectedItems = 0
        columns = GeneratedField.allCases.map { field in
            var name = field.text
            // Made before any other, so the builder has room for them.
            return name.withUTF8 { builder.column(named: $0) } ?? 0
        }
    }

    /// Reads an `Export…ServiceRequest`.
    mutating func export(
        _ message: ProtobufReader, _ signal: OTLPSignal, into collector: inout EventCollector
    ) throws(ProtobufFault) {
        var message = message
        while case let tag = try message.nextTag(), tag != 0 {
            guard tag == 0x0A else {
                try message.skip(tag)
                continue
            }
            try resource(try message.message(), signal, into: &collector)
        }
    }

    /// Reads a `Resource…`: resource (1), scopes (2), URL of the schema (3).
    private mutating func resource(
        _ message: ProtobufReader, _ signal: OTLPSignal, into collector: inout EventCollector
    ) throws(ProtobufFault) {
        attributes.beginResource()
        var members = message
        var previous: Int32 = -1
        var schema: UnsafeBufferPointer<UInt8>?
        while case let tag = try members.nextTag(), tag != 0 {
            switch tag {
            case 0x0A:
                var resource = try members.message()
                while case let tag = try resource.nextTag(), tag != 0 {
                    if tag == 0x0A {
                        previous = try attributes.put(
                            try resource.message(), after: previous, in: KeyTrie.lineRoot)
                    } else {
                        try resource.skip(tag)
                    }
                }
            case 0x1A: schema = try members.bytes()
            default: try members.skip(tag)
            }
        }
        if let schema, schema.count > 0 { attributes.put(schema, named: "resource.schema_url") }
        switch route(attributes.shared.serviceName) {
        case .dataset(let name, let earliest): collector.turn(to: name, earliest: earliest)
        case .refused(let reason): attributes.fields.reject(.dataset(reason))
        }
        attributes.endShared()
        let resourceCount = attributes.shared.count
        let resourceFault = attributes.shared.fault
        members = message
        while case let tag = try members.nextTag(), tag != 0 {
            guard tag == 0x12 else {
                try members.skip(tag)
                continue
            }
            attributes.beginScope(keeping: resourceCount, fault: resourceFault)
            try scope(try members.message(), signal, into: &collector)
        }
    }

    /// Reads a `Scope…`: scope (1), items (2), URL of the schema (3).
    private mutating func scope(
        _ message: ProtobufReader, _ signal: OTLPSignal, into collector: inout EventCollector
    ) throws(ProtobufFault) {
        var members = message
        var schema: UnsafeBufferPointer<UInt8>?
        while case let tag = try members.nextTag(), tag != 0 {
            switch tag {
            case 0x0A: try library(try members.message())
            case 0x1A: schema = try members.bytes()
            default: try members.skip(tag)
            }
        }
        if let schema, schema.count > 0 { attributes.put(schema, named: "scope.schema_url") }
        attributes.endShared()
        if signal == .metrics { return try metrics(message, into: &collector) }
        members = message
        while case let tag = try members.nextTag(), tag != 0 {
            guard tag == 0x12 else {
                try members.skip(tag)
                continue
            }
            let item = try members.message()
            if signal == .traces {
                try span(item, into: &collector)
            } else {
                try logRecord(item, into: &collector)
            }
        }
    }

    /// Reads an `InstrumentationScope`: name (1), version (2), attributes (3).
    private mutating func library(_ message: ProtobufReader) throws(ProtobufFault) {
        var fields = message
        // Attributes win, so they come last.
        while case let tag = try fields.nextTag(), tag != 0 {
            switch tag {
            case 0x0A:
                let name = try fields.bytes()
                if name.count > 0 {
                    attributes.put(name, named: "library.name")
                    if OTLPReader.isInstrumentation(name) {
                        attributes.put(true, named: "telemetry.instrumentation_library")
                    }
                }
            case 0x12:
                let version = try fields.bytes()
                if version.count > 0 { attributes.put(version, named: "library.version") }
            default: try fields.skip(tag)
            }
        }
        fields = message
        var previous: Int32 = -1
        while case let tag = try fields.nextTag(), tag != 0 {
            if tag == 0x1A {
                previous = try attributes.put(
                    try fields.message(), after: previous, in: KeyTrie.lineRoot)
            } else {
                try fields.skip(tag)
            }
        }
    }

    /// How names of the instrumentation libraries begin that OpenTelemetry's projects publish.
    private static let instrumentationPrefixes: [StaticString] = [
        "io.opentelemetry", "opentelemetry.instrumentation", "OpenTelemetry.Instrumentation",
        "OpenTelemetry::Instrumentation", "go.opentelemetry.io/contrib/instrumentation",
        "@opentelemetry/instrumentation", "io.opentelemetry.contrib.php",
        "github.com/open-telemetry/opentelemetry-collector", "@honeycombio/",
    ]

    private static func isInstrumentation(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        instrumentationPrefixes.contains { name.starts(with: bytes($0)) }
    }
}

// MARK: - Events

extension OTLPReader {
    /// Begins an event with what its resource and scope say.
    @inline(__always)
    mutating func beginEvent(
        takesRate: Bool, at place: Cursor, _ collector: borrowing EventCollector
    ) throws(ProtobufFault) {
        sharedBytesLeft -= attributes.shared.byteCount
        guard sharedBytesLeft >= 0, !collector.isFull else {
            throw ProtobufFault(OTLPReader.tooMuch, at: place)
        }
        attributes.beginEvent(takesRate: takesRate)
    }

    /// What `ProtobufFault`s say that are no fault of the bytes.
    static let tooMuch: StaticString = "more events than one body may hold"

    /// Keeps the event under way if it can be; gives whether it was.
    ///
    /// - Parameter time: nanoseconds since 1970; 0, as OTLP has it, for none.
    mutating func endEvent(
        at time: UInt64, sampleRate: UInt32, into collector: inout EventCollector
    ) -> Bool {
        let rejected = collector.rejected
        if let fault = attributes.endEvent() {
            collector.reject(fault, line: 0)
        } else if let exact = Int64(exactly: time) {
            collector.keep(at: exact == 0 ? nil : exact, sampleRate: sampleRate, line: 0)
        } else {
            collector.reject(.timeTooLate, line: 0)
        }
        return collector.rejected == rejected
    }

    // MARK: - Fields besides attributes, which win over them

    @inline(__always)
    func give(_ field: GeneratedField, _ text: UnsafeBufferPointer<UInt8>) {
        let column = columns[field.rawValue]
        if !builder.hasValue(in: column) { builder.append(text, to: column) }
    }

    @inline(__always)
    func give(_ field: GeneratedField, _ value: Int64) {
        let column = columns[field.rawValue]
        if !builder.hasValue(in: column) { builder.append(value, to: column) }
    }

    @inline(__always)
    func give(_ field: GeneratedField, _ value: Double) {
        let column = columns[field.rawValue]
        if !builder.hasValue(in: column) { builder.append(value, to: column) }
    }

    /// Writes what no attribute may change.
    func insist(_ field: GeneratedField, _ value: Bool) {
        builder.append(value, to: columns[field.rawValue])
    }

    func give(_ field: GeneratedField, _ value: Bool) {
        let column = columns[field.rawValue]
        if !builder.hasValue(in: column) { builder.append(value, to: column) }
    }

    /// A text of the client's, which may be no UTF-8.
    @inline(__always)
    mutating func give(_ field: GeneratedField, sent text: UnsafeBufferPointer<UInt8>) {
        // Not repaired before it is known to be short; what is repaired may be long.
        guard text.count <= EventLimits.stringBytes else { return rejectLong(field) }
        SentText.withUTF8(text) { text in
            if text.count > EventLimits.stringBytes { return rejectLong(field) }
            give(field, text)
        }
    }

    private mutating func rejectLong(_ field: GeneratedField) {
        var name = field.text
        name.withUTF8 { attributes.fields.reject(.stringTooLong($0)) }
    }

    /// An id of a trace: 16 bytes, of which the first 8 are left out when they are zero.
    @inline(__always)
    mutating func give(_ field: GeneratedField, traceID id: UnsafeBufferPointer<UInt8>) {
        var id = id
        if id.count == 16, id[..<8].allSatisfy({ $0 == 0 }) {
            id = UnsafeBufferPointer(rebasing: id[8...])
        }
        give(field, spanID: id)
    }

    /// An id of a span as hexadecimal digits; one so long that it is none is left out.
    @inline(__always)
    mutating func give(_ field: GeneratedField, spanID id: UnsafeBufferPointer<UInt8>) {
        guard id.count <= OTLPReader.idBytesMax else { return }
        give(field, attributes.digits(of: id))
    }

    /// Bytes of an id; OTLP's have 8 or 16.
    private static var idBytesMax: Int { 64 }
}

/// Where the events of a resource go.
enum OTLPDestination {
    /// `earliest`: nanoseconds since 1970 before which events are past the dataset's retention.
    case dataset(String, earliest: Int64?)
    case refused(String)
}
