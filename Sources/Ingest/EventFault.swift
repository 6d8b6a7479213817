internal import Events

/// Why one event of a well-formed body cannot be kept.
struct EventFault {
    let message: String
    /// What was sent, to be quoted; nil where there is nothing to quote.
    let detail: String?

    private init(_ message: String, _ detail: String? = nil) {
        self.message = message
        self.detail = detail
    }

    // MARK: - In Honeycomb's words

    static var tooManyFields: EventFault { EventFault("Event has too many columns.") }
    static var emptyData: EventFault { EventFault("empty event data") }

    // MARK: - In ours

    static var notAnObject: EventFault { EventFault("event is not an object") }
    static var noData: EventFault { EventFault("event has no data") }
    static var dataNotAnObject: EventFault { EventFault("event data is not an object") }

    static var expired: EventFault {
        EventFault("event is older than the retention of its dataset")
    }

    static var timeTooLate: EventFault { EventFault("event time is after 2262-04-11") }

    /// The resource names no dataset that can be.
    static func dataset(_ reason: String) -> EventFault {
        EventFault("service.name names no dataset", reason)
    }

    static func tooLarge(_ bytes: Int) -> EventFault {
        EventFault(
            "event exceeds the limit of \(EventLimits.eventBytes) bytes", "it has \(bytes)")
    }

    static func stringTooLong(_ field: UnsafeBufferPointer<UInt8>) -> EventFault {
        EventFault(
            "string value exceeds the limit of \(EventLimits.stringBytes) bytes",
            "field \(quote(field))")
    }

    static func nameTooLong(_ name: UnsafeBufferPointer<UInt8>) -> EventFault {
        EventFault(
            "field name exceeds the limit of \(EventLimits.nameBytes) bytes",
            "it begins with \(quote(name))")
    }

    static var reservedName: EventFault { EventFault("field name begins with NUL") }

    static var unusableName: EventFault {
        EventFault("field name is an array, a map or an extension")
    }

    static func unreadableTime(_ text: UnsafeBufferPointer<UInt8>) -> EventFault {
        EventFault("event time is neither RFC 3339 nor a Unix epoch", quote(text))
    }

    /// An extension of MessagePack other than its timestamp, or one that is damaged.
    static func timeExtension(type: Int8, bytes: Int) -> EventFault {
        EventFault(
            type == -1
                ? "event time is a timestamp that MessagePack does not have"
                : "event time is an extension that is no timestamp",
            "type \(type) with \(bytes) bytes")
    }

    static func timeOutOfRange(_ text: UnsafeBufferPointer<UInt8>) -> EventFault {
        EventFault("event time is not between 1677-09-21 and 2262-04-11", quote(text))
    }

    static func sampleRate(_ text: UnsafeBufferPointer<UInt8>) -> EventFault {
        EventFault("sample rate is not a whole number from 0 to \(UInt32.max)", quote(text))
    }

    /// A line that is no JSON document; `column` is its character, from 1.
    static func malformed(_ message: StaticString, column: Int) -> EventFault {
        EventFault("line is not JSON", "\(message) at column \(column)")
    }

    private static func quote(_ text: UnsafeBufferPointer<UInt8>) -> String {
        let shown = String(decoding: text.prefix(IngestLimits.quotedBytes), as: UTF8.self)
        return "\"\(shown)\(text.count > IngestLimits.quotedBytes ? "…" : "")\""
    }
}
