internal import Bytes
internal import CKernels
internal import Events

/// A span's own fields, and where its events and links lie.
private struct SpanFields {
    var traceID = UnsafeBufferPointer<UInt8>.none
    var spanID = UnsafeBufferPointer<UInt8>.none
    var parentID = UnsafeBufferPointer<UInt8>.none
    var traceState = UnsafeBufferPointer<UInt8>.none
    var name = UnsafeBufferPointer<UInt8>.none
    var kind: UInt64 = 0
    /// Nanoseconds since 1970.
    var start: UInt64 = 0
    var end: UInt64 = 0
    var statusMessage = UnsafeBufferPointer<UInt8>.none
    var statusCode: UInt64 = 0
    var events: Int64 = 0
    var links: Int64 = 0

    var isError: Bool { statusCode == 2 }

    var kindText: StaticString {
        switch kind {
        case 1: "internal"
        case 2: "server"
        case 3: "client"
        case 4: "producer"
        case 5: "consumer"
        default: "unspecified"
        }
    }

    /// Milliseconds from the start to `end`; nil when one of them is 0, which is unknown, alone.
    ///
    /// A time before the start wraps around, as in Honeycomb's own translation.
    func milliseconds(to end: UInt64) -> Double? {
        (start == 0) == (end == 0) ? Double(end &- start) / 1e6 : nil
    }

    /// A number that differs from span to span, for rounding rates.
    var chance: UInt64 {
        guard let base = spanID.baseAddress else { return 0 }
        return wf_hash(base, spanID.count, 0)
    }
}

/// Spans, their events and their links, each an event of its own.
extension OTLPReader {
    mutating func span(
        _ message: ProtobufReader, into collector: inout EventCollector
    ) throws(ProtobufFault) {
        try beginEvent(takesRate: true, at: message.place, collector)
        let span = try spanFields(message)
        if span.events > 0 { try promoteExceptions(message) }
        giveFields(of: span)
        let rate = sampleRate(of: span)
        if !endEvent(at: span.start, sampleRate: rate, into: &collector) { rejectedItems += 1 }
        if span.events + span.links > 0 {
            try annotations(message, span, sampleRate: rate, into: &collector)
        }
    }

    /// Reads a `Span` once, writing its attributes.
    @inline(__always)
    private mutating func spanFields(_ message: ProtobufReader) throws(ProtobufFault) -> SpanFields
    {
        var message = message
        var span = SpanFields()
        var previous: Int32 = -1
        while case let tag = try message.nextTag(), tag != 0 {
            switch tag {
            case 0x4A:
                previous = try attributes.put(
                    try message.message(), after: previous, in: KeyTrie.dataRoot)
            case 0x0A: span.traceID = try message.bytes()
            case 0x12: span.spanID = try message.bytes()
            case 0x1A: span.traceState = try message.bytes()
            case 0x22: span.parentID = try message.bytes()
            case 0x2A: span.name = try message.bytes()
            case 0x30: span.kind = try message.varint()
            case 0x39: span.start = try message.fixed64()
            case 0x41: span.end = try message.fixed64()
            case 0x5A:
                _ = try message.message()
                span.events += 1
            case 0x6A:
                _ = try message.message()
                span.links += 1
            case 0x7A:
                var status = try message.message()
                while case let tag = try status.nextTag(), tag != 0 {
                    switch tag {
                    case 0x12: span.statusMessage = try status.bytes()
                    case 0x18: span.statusCode = try status.varint()
                    default: try status.skip(tag)
                    }
                }
            default: try message.skip(tag)
            }
        }
        return span
    }

    @inline(__always)
    private mutating func giveFields(of span: SpanFields) {
        give(.traceID, traceID: span.traceID)
        give(.spanID, spanID: span.spanID)
        if span.parentID.count > 0 { give(.parentID, spanID: span.parentID) }
        if span.traceState.count > 0 { give(.traceState, sent: span.traceState) }
        give(.name, sent: span.name)
        let kind = bytes(span.kindText)
        give(.type, kind)
        give(.spanKind, kind)
        let duration = span.milliseconds(to: span.end)
        give(.duration, duration ?? 0)
        if duration == nil { give(.invalidDuration, true) }
        give(.statusCode, Int64(Int32(truncatingIfNeeded: span.statusCode)))
        if span.statusMessage.count > 0 { give(.statusMessage, sent: span.statusMessage) }
        if span.isError { give(.error, true) }
        give(.eventCount, span.events)
        give(.linkCount, span.links)
        give(.signal, bytes("trace"))
    }

    private mutating func sampleRate(of span: SpanFields) -> UInt32 {
        if let rate = attributes.takeRate() { return rate }
        if span.traceState.count == 0 { return 1 }
        let state = String(decoding: span.traceState, as: UTF8.self)
        return SampleRate.rate(traceState: state, chance: span.chance) ?? 1
    }

    // MARK: - Events and links of a span

    private mutating func annotations(
        _ message: ProtobufReader, _ span: SpanFields, sampleRate: UInt32,
        into collector: inout EventCollector
    ) throws(ProtobufFault) {
        var message = message
        while case let tag = try message.nextTag(), tag != 0 {
            switch tag {
            case 0x5A:
                try event(try message.message(), of: span, sampleRate, into: &collector)
            case 0x6A:
                try link(try message.message(), of: span, sampleRate, into: &collector)
            default: try message.skip(tag)
            }
        }
    }

    private mutating func event(
        _ message: ProtobufReader, of span: SpanFields, _ sampleRate: UInt32,
        into collector: inout EventCollector
    ) throws(ProtobufFault) {
        try beginEvent(takesRate: false, at: message.place, collector)
        var message = message
        var time: UInt64 = 0
        var name = UnsafeBufferPointer<UInt8>.none
        var previous: Int32 = -1
        while case let tag = try message.nextTag(), tag != 0 {
            switch tag {
            case 0x09: time = try message.fixed64()
            case 0x12: name = try message.bytes()
            case 0x1A:
                previous = try attributes.put(
                    try message.message(), after: previous, in: KeyTrie.lineRoot)
            default: try message.skip(tag)
            }
        }
        give(.name, sent: name)
        let delay = span.milliseconds(to: time)
        give(.sinceStart, delay ?? 0)
        if delay == nil { give(.invalidSinceStart, true) }
        give(.annotation, bytes("span_event"))
        giveSpan(span)
        _ = endEvent(at: time, sampleRate: sampleRate, into: &collector)
    }

    private mutating func link(
        _ message: ProtobufReader, of span: SpanFields, _ sampleRate: UInt32,
        into collector: inout EventCollector
    ) throws(ProtobufFault) {
        try beginEvent(takesRate: false, at: message.place, collector)
        var message = message
        var traceID = UnsafeBufferPointer<UInt8>.none
        var spanID = UnsafeBufferPointer<UInt8>.none
        var previous: Int32 = -1
        while case let tag = try message.nextTag(), tag != 0 {
            switch tag {
            case 0x0A: traceID = try message.bytes()
            case 0x12: spanID = try message.bytes()
            case 0x22:
                previous = try attributes.put(
                    try message.message(), after: previous, in: KeyTrie.lineRoot)
            default: try message.skip(tag)
            }
        }
        give(.linkTraceID, traceID: traceID)
        give(.linkSpanID, spanID: spanID)
        give(.annotation, bytes("link"))
        giveSpan(span)
        _ = endEvent(at: span.start, sampleRate: sampleRate, into: &collector)
    }

    /// What a span's event or link says of its span.
    private mutating func giveSpan(_ span: SpanFields) {
        give(.traceID, traceID: span.traceID)
        give(.parentID, spanID: span.spanID)
        give(.parentName, sent: span.name)
        give(.signal, bytes("trace"))
        if span.isError { insist(.error, true) }
    }

    // MARK: - Exceptions

    private static let exceptionFields: [(name: StaticString, GeneratedField, KeyRole)] = [
        ("exception.type", .exceptionType, .exceptionType),
        ("exception.message", .exceptionMessage, .exceptionMessage),
        ("exception.stacktrace", .exceptionStacktrace, .exceptionStacktrace),
        ("exception.escaped", .exceptionEscaped, .exceptionEscaped),
    ]

    /// Writes what the span's events named `exception` tell to the span itself, unless it tells that
    /// already; of several the first counts.
    private mutating func promoteExceptions(_ message: ProtobufReader) throws(ProtobufFault) {
        var message = message
        while case let tag = try message.nextTag(), tag != 0 {
            guard tag == 0x5A else {
                try message.skip(tag)
                continue
            }
            let event = try message.message()
            if try OTLPReader.isException(event) { try promote(event) }
        }
    }

    private static func isException(_ event: ProtobufReader) throws(ProtobufFault) -> Bool {
        var event = event
        var isException = false
        while case let tag = try event.nextTag(), tag != 0 {
            if tag == 0x12 {
                isException = try event.bytes().elementsEqual(bytes("exception"))
            } else {
                try event.skip(tag)
            }
        }
        return isException
    }

    private mutating func promote(_ event: ProtobufReader) throws(ProtobufFault) {
        var event = event
        while case let tag = try event.nextTag(), tag != 0 {
            guard tag == 0x1A else {
                try event.skip(tag)
                continue
            }
            let attribute = try KeyValue(try event.message())
            for (name, field, role) in OTLPReader.exceptionFields {
                guard attribute.key.elementsEqual(bytes(name)), let value = attribute.value,
                    !attributes.noteException(role)
                else { continue }
                // A value of another type counts as none: an empty text, or false.
                switch (role, try AnyValue(value)) {
                case (.exceptionEscaped, .bool(let flag)): give(field, flag)
                case (.exceptionEscaped, _): give(field, false)
                case (_, .text(let text)): give(field, sent: text)
                default: give(field, bytes(""))
                }
            }
        }
    }
}
