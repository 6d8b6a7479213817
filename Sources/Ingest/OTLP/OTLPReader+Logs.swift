internal import Bytes
internal import Events

/// A log record's own fields.
private struct LogFields {
    /// Nanoseconds since 1970; 0 for unknown.
    var time: UInt64 = 0
    var observed: UInt64 = 0
    var severity: UInt64 = 0
    var severityText = UnsafeBufferPointer<UInt8>.none
    var body: ProtobufReader?
    var flags: UInt32 = 0
    var traceID = UnsafeBufferPointer<UInt8>.none
    var spanID = UnsafeBufferPointer<UInt8>.none
    var eventName = UnsafeBufferPointer<UInt8>.none

    init(_ message: ProtobufReader) throws(ProtobufFault) {
        var message = message
        while case let tag = try message.nextTag(), tag != 0 {
            switch tag {
            case 0x09: time = try message.fixed64()
            case 0x10: severity = try message.varint()
            case 0x1A: severityText = try message.bytes()
            case 0x2A: body = try message.message()
            case 0x45: flags = try message.fixed32()
            case 0x4A: traceID = try message.bytes()
            case 0x52: spanID = try message.bytes()
            case 0x59: observed = try message.fixed64()
            case 0x62: eventName = try message.bytes()
            default: try message.skip(tag)
            }
        }
    }

    var severityName: StaticString {
        switch severity {
        case 1...4: "trace"
        case 5...8: "debug"
        case 9...12: "info"
        case 13...16: "warn"
        case 17...20: "error"
        case 21...24: "fatal"
        default: "unspecified"
        }
    }
}

/// Log records; one that belongs to a span is shown as an event of it.
extension OTLPReader {
    mutating func logRecord(
        _ message: ProtobufReader, into collector: inout EventCollector
    ) throws(ProtobufFault) {
        let record = try LogFields(message)
        try beginEvent(takesRate: true, at: message.place, collector)
        if let body = record.body { try putBody(body) }
        var message = message
        var previous: Int32 = -1
        while case let tag = try message.nextTag(), tag != 0 {
            if tag == 0x32 {
                previous = try attributes.put(
                    try message.message(), after: previous, in: KeyTrie.dataRoot)
            } else {
                try message.skip(tag)
            }
        }
        giveFields(of: record)
        let rate = attributes.takeRate() ?? 1
        let time = record.time > 0 ? record.time : record.observed
        if !endEvent(at: time, sampleRate: rate, into: &collector) { rejectedItems += 1 }
    }

    /// The body as the field `body`; a list also as fields of its own below it.
    private mutating func putBody(_ body: ProtobufReader) throws(ProtobufFault) {
        if try !attributes.put(body, named: "body") {
            try attributes.putText(of: body, named: "body")
        }
    }

    private mutating func giveFields(of record: LogFields) {
        give(.severity, bytes(record.severityName))
        give(.severityCode, Int64(Int32(truncatingIfNeeded: record.severity)))
        if record.severityText.count > 0 { give(.severityText, sent: record.severityText) }
        give(.flags, Int64(record.flags))
        if record.eventName.count > 0 { give(.eventName, sent: record.eventName) }
        if record.traceID.count > 0 {
            give(.traceID, traceID: record.traceID)
            give(.annotation, bytes("span_event"))
        }
        if record.spanID.count > 0 { give(.parentID, spanID: record.spanID) }
        give(.signal, bytes("log"))
    }
}
