internal import Bytes
internal import CMicrohttpd
internal import Synchronization

/// One request and its answer, from the first byte of its line until the answer is sent.
///
/// SENDABLE: everything but `answer` belongs to the connection's epoll thread; a worker touches
/// only `answer`, and only between the suspension of the connection and its resumption.
final class HTTPExchange: @unchecked Sendable {
    enum Phase {
        /// The request line is read, the headers are not.
        case begun
        /// The body arrives.
        case receiving(HTTPRequestHead)
        /// Refused before the end of the body; what still comes is thrown away.
        case refusing(HTTPResponse)
        /// A worker has it; the connection is suspended.
        case handling
        /// The answer is queued.
        case answered
    }

    let target: String
    let began = ContinuousClock.now
    var phase = Phase.begun
    /// Nil before the head is accepted and after a refusal.
    var body: PaddedBytes?
    /// Bytes of the body that the server counts as in flight.
    var bytesReceived = 0
    /// Bytes of the answer that the server counts as in flight.
    var bytesAnswered = 0
    /// Bytes read and thrown away after a refusal.
    var bytesDiscarded = 0
    private let answer = Mutex<HTTPResponse?>(nil)

    init(target: String) { self.target = target }

    /// Leaves the answer for the epoll thread; the first one stands.
    ///
    /// Returns false when there was one already.
    func leave(_ response: HTTPResponse) -> Bool {
        answer.withLock { answer in
            guard answer == nil else { return false }
            answer = response
            return true
        }
    }

    /// The answer that was left; nil when there is none yet.
    ///
    /// Its body can be taken once.
    func takeAnswer() -> HTTPResponse? {
        answer.withLock { answer in
            defer { answer?.body = [] }
            return answer
        }
    }

    /// Whether the body comes slower than anyone honest sends.
    var isTooSlow: Bool { isSlowBody(since: began, bytes: bytesReceived + bytesDiscarded) }
}
