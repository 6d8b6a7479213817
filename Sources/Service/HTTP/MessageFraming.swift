/// How the end of a request's body is found, and which requests leave it in doubt.
///
/// Two readers that disagree on where a body ends let one request hide in another (RFC 9112,
/// §6.3 and §11.2), so whatever could be read in two ways is refused and the connection closed.
enum MessageFraming {
    enum BodyLength: Equatable {
        case none
        case bytes(Int)
        /// Chunks; the length is not known in advance.
        case chunked
    }

    struct Refusal: Error, Equatable {
        let status: Int
        let message: String
    }

    static let bodyTooLarge = HTTPResponse.error(413, "Request body is too large.")

    /// Checks the form of all headers, and Host, Content-Length and Transfer-Encoding.
    ///
    /// `version` is that of the request line.
    static func judge(
        _ headers: HTTPHeaders, version: String
    ) -> Result<BodyLength, Refusal> {
        for (name, value) in headers.fields {
            // Also `Content-Length : 5`, which some readers take for a length and others do not.
            guard isToken(name), all(of: value, { $0 != UInt8(ascii: "\r") }) else {
                return refuse(400, "a header is not well-formed")
            }
        }
        let hosts = headers.count(of: "Host")
        guard hosts == 1 || (hosts == 0 && version == "HTTP/1.0") else {
            return refuse(400, hosts == 0 ? "the Host header is missing" : "two Host headers")
        }
        guard headers.count(of: "Content-Length") <= 1 else {
            return refuse(400, "two Content-Length headers")
        }
        guard headers.count(of: "Transfer-Encoding") <= 1 else {
            return refuse(400, "two Transfer-Encoding headers")
        }
        let length = headers["Content-Length"]
        if let coding = headers["Transfer-Encoding"] {
            guard length == nil else {
                return refuse(400, "Transfer-Encoding and Content-Length together")
            }
            guard equalsIgnoringCase(coding, "chunked"), version != "HTTP/1.0" else {
                return refuse(501, "the transfer encoding is not supported")
            }
            return .success(.chunked)
        }
        guard let length else { return .success(.none) }
        let isDigits = !length.isEmpty && length.utf8.allSatisfy { 0x30...0x39 ~= $0 }
        guard isDigits else { return refuse(400, "the Content-Length is not a number") }
        guard let count = Int(length), count <= ServiceLimits.bodyBytesMax else {
            return refuse(413, "Request body is too large.")
        }
        return .success(count == 0 ? .none : .bytes(count))
    }

    /// Whether a header may have this name (RFC 9110, §5.6.2).
    private static func isToken(_ name: String) -> Bool {
        !name.isEmpty
            && all(of: name) { byte in
                switch byte {
                // ! # $ % & ' * + - . and the digits.
                case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x30...0x39: true
                // Letters, ^ _ ` and | ~.
                case 0x41...0x5A, 0x5E...0x7A, 0x7C, 0x7E: true
                default: false
                }
            }
    }

    /// Of every header of every request: as a buffer in a third of the instructions.
    private static func all(of text: String, _ isFine: (UInt8) -> Bool) -> Bool {
        text.utf8.withContiguousStorageIfAvailable { $0.allSatisfy(isFine) }
            ?? text.utf8.allSatisfy(isFine)
    }

    private static func refuse(
        _ status: Int, _ message: String
    ) -> Result<BodyLength, Refusal> {
        .failure(Refusal(status: status, message: message))
    }
}
