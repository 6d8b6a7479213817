internal import Bytes

/// The ways a body may be compressed on its way.
enum ContentEncoding {
    case identity
    case gzip
    case deflate
    case zstd

    /// Reads the header's value; nil for an encoding nobody knows.
    ///
    /// No header means identity.
    init?(header: String?) {
        switch header?.lowercased() {
        case nil, "", "identity": self = .identity
        case "gzip", "x-gzip": self = .gzip
        case "deflate": self = .deflate
        case "zstd": self = .zstd
        default: return nil
        }
    }

    /// The body as it was before it was compressed, at most `limit` bytes.
    func open(_ body: PaddedBytes, limit: Int) throws(CompressionError) -> PaddedBytes {
        switch self {
        case .identity: body
        case .gzip: try Deflate.decompress(body, as: .gzip, limit: limit)
        case .deflate: try Deflate.decompress(body, as: .zlib, limit: limit)
        case .zstd: try Zstd.decompress(body, limit: limit)
        }
    }
}

extension HTTPRequest {
    /// The body as it was before `Content-Encoding`, at most `limit` bytes.
    ///
    /// Throws 415 for an unknown encoding, 413 for a bomb, 400 for damaged bytes.
    func openedBody(
        limit: Int = ServiceLimits.inflatedBytesMax
    ) throws(HTTPRefusal) -> PaddedBytes {
        let header = head.headers["Content-Encoding"]
        guard let encoding = ContentEncoding(header: header) else {
            throw HTTPRefusal(
                .error(
                    415,
                    "unknown Content-Encoding '\(header?.prefix(40) ?? "")': "
                        + "send none, gzip, deflate or zstd"))
        }
        do throws(CompressionError) {
            return try encoding.open(body, limit: limit)
        } catch {
            switch error {
            case .tooLarge: throw HTTPRefusal(MessageFraming.bodyTooLarge)
            case .malformed(let reason):
                throw HTTPRefusal(
                    .error(400, "Request body is malformed and cannot be read. \(reason)"))
            }
        }
    }
}

extension HTTPRequest {
    /// The body of a question as a JSON value.
    ///
    /// Throws 400 when it is none, and what `openedBody` throws.
    func json() throws(HTTPRefusal) -> JSONValue {
        let body = try openedBody(limit: ServiceLimits.questionBytesMax)
        guard body.count <= ServiceLimits.questionBytesMax else {
            throw HTTPRefusal(MessageFraming.bodyTooLarge)
        }
        do throws(JSONError) {
            return try JSONValue(parsing: body.withBytes { Array($0) })
        } catch {
            throw HTTPRefusal(.error(400, "the body is not JSON: \(error)"))
        }
    }
}

/// An answer that ends a request early, as an error that can be thrown.
struct HTTPRefusal: Error {
    let response: HTTPResponse

    init(_ response: HTTPResponse) { self.response = response }
}
