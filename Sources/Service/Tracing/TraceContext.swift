internal import Glibc

/// Where a request stands in a trace, as its sender tells it: W3C Trace Context, level 2.
///
/// ```
/// traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
///              │  │                                │                └ flags, bit 0: sampled
///              │  └ trace-id, 16 bytes, not all 0  └ parent-id, 8 bytes, not all 0
///              └ version; ff is none
/// ```
/// Digits are lower-case hexadecimal. Of a version above 00 the same 55 bytes are read, and what
/// follows them after a `-` is passed over.
struct TraceContext: Sendable, Equatable {
    /// 32 lower-case hexadecimal digits.
    let traceID: String
    /// The sender's span: 16 lower-case hexadecimal digits.
    let parentID: String
    /// The bits that version 00 knows: 1 sampled, 2 random trace-id.
    let flags: UInt8
    /// What tracing systems on the way had to say; empty when nothing, or nothing well-formed.
    let state: TraceState

    /// Whether the sender may have recorded its part.
    var isSampled: Bool { flags & 1 == 1 }

    /// Reads the headers of these names, each value as it was sent.
    ///
    /// Returns nil when there is not exactly one well-formed `traceparent`: a new trace begins then
    /// and `tracestate` is worth nothing. A malformed `tracestate` costs itself only.
    init?(traceparents: [String], tracestates: [String]) {
        guard traceparents.count == 1, let parent = traceparents.first,
            let fields = TraceContext.fields(of: parent)
        else { return nil }
        (traceID, parentID, flags) = fields
        state = TraceState(headers: tracestates) ?? TraceState()
    }

    /// A trace that begins here, with the span of one outgoing request.
    static func beginning() -> TraceContext {
        var identifiers = TraceIdentifiers(seed: .random(in: .min ... .max))
        return TraceContext(
            traceID: identifiers.nextTraceID(), parentID: identifiers.nextSpanID(), flags: 1)
    }

    private init(traceID: String, parentID: String, flags: UInt8) {
        (self.traceID, self.parentID, self.flags) = (traceID, parentID, flags)
        state = TraceState()
    }

    /// What a header of an outgoing request of this trace says, always in version 00.
    var traceparent: String { "00-\(traceID)-\(parentID)-0\(flags)" }

    /// The headers of an outgoing request of this trace.
    var headers: HTTPHeaders {
        var headers: HTTPHeaders = ["traceparent": traceparent]
        if !state.isEmpty { headers["tracestate"] = state.text }
        return headers
    }

    private static func fields(
        of header: String
    ) -> (traceID: String, parentID: String, flags: UInt8)? {
        let text = header.utf8.trimmingOptionalSpace
        guard text.count >= 55, let version = byte(of: text.prefix(2)), version != 0xFF else {
            return nil
        }
        let bytes = Array(text.prefix(56))
        guard bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            text.count == 55 || (version > 0 && bytes[55] == dash),
            isIdentifier(bytes[3..<35]), isIdentifier(bytes[36..<52]),
            let flags = byte(of: bytes[53..<55])
        else { return nil }
        return (
            String(decoding: bytes[3..<35], as: UTF8.self),
            String(decoding: bytes[36..<52], as: UTF8.self), flags & 3
        )
    }

    private static let dash = UInt8(ascii: "-")

    private static func isIdentifier(_ digits: ArraySlice<UInt8>) -> Bool {
        digits.allSatisfy { lowerCaseDigit($0) != nil } && digits.contains { $0 != 0x30 }
    }

    private static func byte(of digits: some Collection<UInt8>) -> UInt8? {
        let values = digits.compactMap(lowerCaseDigit)
        return values.count == 2 ? values[0] << 4 | values[1] : nil
    }

    private static func lowerCaseDigit(_ byte: UInt8) -> UInt8? {
        (0x41...0x46).contains(byte) ? nil : hexadecimalValue(byte)
    }
}

extension TraceContext {
    /// The trace in which a command was started, from `TRACEPARENT` and `TRACESTATE`.
    ///
    /// Returns nil when there is none.
    static func ofProcess() -> TraceContext? {
        func variable(_ name: String) -> [String] {
            getenv(name).map { [String(cString: $0)] } ?? []
        }
        return TraceContext(
            traceparents: variable("TRACEPARENT"), tracestates: variable("TRACESTATE"))
    }
}
