internal import Bytes

/// How a call ended, as its trailers tell it.
struct GRPCStatus: Error, Equatable, Sendable {
    let code: RPCCode
    let message: String
    /// When the client may come again; nil where that is not said.
    private(set) var retryAfterSeconds: Int?

    static let ok = GRPCStatus(.ok, "")

    init(_ code: RPCCode, _ message: String) {
        self.code = code
        self.message = message
    }

    /// What a route's refusal says; a path that is not there is a method that is not there, and who
    /// sends more than can be taken is told so.
    init(of response: HTTPResponse) {
        code =
            switch response.status {
            case 404, 405: .unimplemented
            case _ where response.isOverload: .resourceExhausted
            default: RPCCode(ofStatus: response.status)
            }
        message = response.message ?? ""
        retryAfterSeconds = response.headers["Retry-After"].flatMap { Int($0) }
    }

    /// The header fields at the end of a call.
    ///
    /// With a time to come again there is a `google.rpc.RetryInfo`, in `grpc-status-details-bin` as
    /// most clients look for it and under its own name as OpenTelemetry's for Python does.
    var trailers: [(name: String, value: String)] {
        var fields = [(name: "grpc-status", value: String(code.rawValue))]
        if !message.isEmpty {
            fields.append((name: "grpc-message", value: GRPCStatus.percentEncoded(message)))
        }
        if let retryAfterSeconds {
            let info = GRPCStatus.retryInfo(seconds: retryAfterSeconds)
            fields.append((name: "grpc-status-details-bin", value: base64(details(info))))
            fields.append((name: "google.rpc.retryinfo-bin", value: base64(info)))
        }
        return fields
    }

    /// `google.rpc.Status` with one detail.
    private func details(_ retryInfo: [UInt8]) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.varint(1, UInt64(code.rawValue))
        writer.string(2, message)
        writer.message(3) { detail in
            detail.string(1, "type.googleapis.com/google.rpc.RetryInfo")
            retryInfo.withUnsafeBufferPointer { detail.blob(2, $0) }
        }
        return writer.bytes
    }

    /// `google.rpc.RetryInfo`: a `retry_delay` of whole seconds.
    private static func retryInfo(seconds: Int) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) { delay in delay.varint(1, UInt64(max(0, seconds))) }
        return writer.bytes
    }

    /// Metadata in bytes go without padding.
    private func base64(_ bytes: [UInt8]) -> String {
        let text = bytes.withUnsafeBufferPointer { Base64.text(of: $0) }
        return String(text.prefix { $0 != "=" })
    }

    /// A text as `grpc-message` has it: printable ASCII, everything else and `%` as `%XX`; at most
    /// `GRPCLimits.messageTextMax` Unicode scalars of it.
    static func percentEncoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var encoded: [UInt8] = []
        for byte in String(text.unicodeScalars.prefix(GRPCLimits.messageTextMax)).utf8 {
            if (0x20...0x7E).contains(byte), byte != UInt8(ascii: "%") {
                encoded.append(byte)
            } else {
                encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }
}
