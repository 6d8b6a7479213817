/// Puts an HTTP/1.1 response together from the bytes that have come so far.
///
/// Fed until it has a response; whatever follows the response's end is an error, since one request
/// is under way at a time.
struct ResponseReader {
    private var bytes: [UInt8] = []
    private var head: Head?
    /// What the chunks so far hold, and where the next one begins among `bytes`.
    private var chunks: (body: [UInt8], place: Int)?

    private struct Head {
        let status: Int
        let headers: HTTPHeaders
        let bodyStart: Int
    }

    /// The answer's status; nil before its head has come.
    var status: Int? { head?.status }

    /// What has come of a chunked body since the last call, which is forgotten here.
    mutating func takeBody() -> [UInt8] {
        guard let (body, place) = chunks else { return [] }
        bytes.removeFirst(place - bytes.startIndex)
        chunks = ([], bytes.startIndex)
        return body
    }

    /// Bytes of an answer at most.
    static let answerBytesMax = 256 << 20

    /// Nothing has come yet, so the server may not have seen the request.
    var isEmpty: Bool { bytes.isEmpty }

    /// Takes bytes as they come; gives the response once it is whole.
    ///
    /// Throws `HTTPClientError` when the bytes are no response.
    mutating func feed(_ more: ArraySlice<UInt8>) throws(HTTPClientError) -> HTTPResponse? {
        bytes.append(contentsOf: more)
        guard bytes.count <= ResponseReader.answerBytesMax else {
            throw .malformed("the answer is larger than \(ResponseReader.answerBytesMax) bytes")
        }
        return try response(isEnd: false)
    }

    /// The connection has ended; an answer that lasts until then is whole now.
    mutating func finish() throws(HTTPClientError) -> HTTPResponse {
        guard let response = try response(isEnd: true) else {
            throw .malformed("the connection ended in the middle of the answer")
        }
        return response
    }

    private mutating func response(isEnd: Bool) throws(HTTPClientError) -> HTTPResponse? {
        if head == nil { head = try readHead() }
        guard let head else { return nil }
        let body: [UInt8]
        if head.status == 204 || head.status == 304 {
            body = []
        } else if let coding = head.headers["Transfer-Encoding"] {
            guard equalsIgnoringCase(coding, "chunked") else {
                throw .malformed("unknown transfer encoding '\(coding)'")
            }
            guard let joined = try joinChunks(from: head.bodyStart) else { return nil }
            body = joined
        } else if let length = head.headers["Content-Length"] {
            guard let count = Int(length), count >= 0 else {
                throw .malformed("the Content-Length is not a number")
            }
            guard bytes.count - head.bodyStart >= count else { return nil }
            body = Array(bytes[head.bodyStart..<head.bodyStart + count])
        } else {
            guard isEnd else { return nil }
            body = Array(bytes[head.bodyStart...])
        }
        return HTTPResponse(status: head.status, headers: head.headers, body: body)
    }

    private func readHead() throws(HTTPClientError) -> Head? {
        guard let end = firstRange(of: "\r\n\r\n", in: bytes[...]) else {
            guard bytes.count <= 1 << 16 else {
                throw .malformed("the head of the answer is too long")
            }
            return nil
        }
        let text = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
        var lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)[...]
        let parts = (lines.popFirst() ?? "").split(separator: " ", maxSplits: 2)
        guard parts.count >= 2, parts[0].hasPrefix("HTTP/1."), let status = Int(parts[1]) else {
            throw .malformed("this is no HTTP server")
        }
        var headers = HTTPHeaders()
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            headers.add(String(line[..<colon]), String(value))
        }
        return Head(status: status, headers: headers, bodyStart: end.upperBound)
    }

    /// Takes the chunks that are whole by now; gives the body once the last one is there.
    private mutating func joinChunks(from start: Int) throws(HTTPClientError) -> [UInt8]? {
        var (body, place) = chunks ?? ([], start)
        // Out of the property meanwhile, so that appending does not copy what there is.
        chunks = nil
        defer { chunks = (body, place) }
        while let end = firstRange(of: "\r\n", in: bytes[place...]) {
            let line = String(decoding: bytes[place..<end.lowerBound], as: UTF8.self)
            guard let count = Int(line.prefix { $0 != ";" }, radix: 16), count >= 0 else {
                throw .malformed("a chunk without a size")
            }
            guard bytes.endIndex - end.upperBound - 2 >= count else { return nil }
            if count == 0 { return body }
            body += bytes[end.upperBound..<end.upperBound + count]
            place = end.upperBound + count + 2
        }
        return nil
    }
}

private func firstRange(of text: StaticString, in bytes: ArraySlice<UInt8>) -> Range<Int>? {
    let count = text.utf8CodeUnitCount
    guard bytes.count >= count else { return nil }
    return text.withUTF8Buffer { wanted in
        for start in bytes.startIndex...bytes.endIndex - count
        where bytes[start..<start + count].elementsEqual(wanted) {
            return start..<start + count
        }
        return nil
    }
}
