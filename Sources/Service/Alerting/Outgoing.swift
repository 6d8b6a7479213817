internal import Alerting
internal import CCurl

/// Sends messages through libcurl.
enum Outgoing {
    /// Why a message was not taken.
    struct Failure: Error, CustomStringConvertible {
        let description: String
        /// Whether what the message says was refused, so that others may be taken.
        var isRefusal = false
    }

    /// Answers that are about a message, not about who sends it or when.
    private static let refusals: Set<Int> = [400, 413, 422]

    /// Prepares libcurl; call once, before threads are started.
    static func prepare() { wf_curl_prepare() }

    /// What keeps a URL from being sent to; nil where that is seen when it is tried.
    ///
    /// A name may lead anywhere by then, so the address is looked at again when it is connected to.
    static func fault(of url: String, schemes: (String, String)) -> String? {
        switch wf_url_fault(url, schemes.0, schemes.1) {
        case 0: nil
        case 2:
            "is at an address that is never spoken to: link-local, multicast or a cloud's metadata"
        default: "is no \(schemes.0) or \(schemes.1) URL"
        }
    }

    /// Sends a message and waits until it is taken, at most ten seconds.
    ///
    /// A POST is a span of a trace that begins with it, for what its receiver records.
    /// Throws `Failure` when it was not: an answer that is no success, or none.
    ///
    /// - Parameter names: `host:port:address`, for names of a POST that are not asked for.
    static func send(
        _ message: OutgoingMessage, resolving names: [String] = []
    ) throws(Failure) {
        let sent: wf_sent
        switch message.road {
        case .post(let url, let headers):
            let context = "traceparent: \(TraceContext.beginning().traceparent)"
            sent = withStrings(headers + [context]) { headers in
                withStrings(names) { names in
                    wf_curl_post(
                        url, headers, headers.count, message.body, message.body.count, names,
                        names.count, timeout)
                }
            }
        case .mail(let server, let from, let to, let user, let password):
            sent = withStrings(to) { to in
                wf_curl_mail(
                    server, user, password, from, to, to.count, message.body, message.body.count,
                    timeout)
            }
        }
        guard sent.status >= 200 && sent.status < 300 else {
            guard sent.status == 0 else {
                throw Failure(
                    description: "it answered with status \(sent.status)",
                    isRefusal: refusals.contains(Int(sent.status)))
            }
            let reason = withUnsafeBytes(of: sent.error) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            throw Failure(description: reason)
        }
    }

    /// Milliseconds.
    private static let timeout = 10_000

    /// Texts as C has them, for as long as `body` runs.
    private static func withStrings<Result>(
        _ texts: [String], _ body: ([UnsafePointer<CChar>?]) -> Result
    ) -> Result {
        var bytes: [CChar] = []
        var starts: [Int] = []
        for text in texts {
            starts.append(bytes.count)
            bytes += text.utf8CString
        }
        return bytes.withUnsafeBufferPointer { buffer in
            body(starts.map { start in buffer.baseAddress.map { $0 + start } })
        }
    }
}
