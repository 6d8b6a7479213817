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

    /// When each part of the exchange was over.
    struct Times {
        let began = ContinuousClock.now
        /// The request was whole and went to its lane.
        var dispatched: ContinuousClock.Instant?
        /// A worker took it.
        var taken: ContinuousClock.Instant?
        /// The answer was there.
        var answered: ContinuousClock.Instant?
    }

    let target: String
    var times = Times()
    var phase = Phase.begun
    /// Empty until the request line is read.
    var method = ""
    /// Nil until the headers are read and well-formed.
    var head: HTTPRequestHead?
    /// The answer's; 0 until there is one.
    var status = 0
    /// What the route told of the request.
    var notes: [RequestNote] = []
    /// Nil before the head is accepted and after a refusal.
    var body: PaddedBytes?
    var bytesReceived = 0
    /// Bytes of the body that the server counts as in flight.
    private(set) var bytesReserved = 0
    /// Bytes of the answer that the server counts as in flight.
    var bytesAnswered = 0
    /// Bytes of a streamed answer that were handed to the connection.
    var bytesStreamed = 0
    /// Bytes read and thrown away after a refusal.
    var bytesDiscarded = 0
    /// Whether the server counts it among the requests whose events others wait for.
    private var isUnderWay = false

    /// Where the answer is, seen from whoever leaves it.
    enum Waiting {
        /// The connection's thread looks for it by itself.
        case looking
        /// The connection is suspended.
        case suspended
        /// There is one already.
        case ended
    }

    private struct Answer {
        var waiting = Waiting.looking
        var response: HTTPResponse?
        var taken: ContinuousClock.Instant?
    }

    private let answer = Mutex(Answer())

    init(target: String) { self.target = target }

    /// Takes room for a body of so many bytes; returns false when there is none.
    func reserve(_ bytes: Int, _ counters: HTTPCounters) -> Bool {
        guard bytes > bytesReserved else { return true }
        guard counters.reserve(bytes - bytesReserved, ofBody: bytes) else { return false }
        bytesReserved = bytes
        return true
    }

    /// Lets go of the body and its room.
    func discardBody(_ counters: HTTPCounters) {
        body = nil
        counters.giveBack(bytesReserved)
        bytesReserved = 0
    }

    /// Counts it among the requests whose events others may wait for.
    func beginBeingUnderWay(_ counters: HTTPCounters) {
        isUnderWay = true
        counters.isUnderWay()
    }

    /// Counts it no longer; returns how many there were since there was none, if it was the last one.
    func endBeingUnderWay(_ counters: HTTPCounters) -> Int? {
        guard isUnderWay else { return nil }
        isUnderWay = false
        return counters.isNoLongerUnderWay()
    }

    /// Leaves the answer for the epoll thread; the first one stands.
    ///
    /// `taken` is when the work on it began. Returns where the connection was when it came.
    func leave(_ response: HTTPResponse, taken: ContinuousClock.Instant) -> Waiting {
        answer.withLock { answer in
            defer { answer.waiting = .ended }
            if answer.waiting != .ended { (answer.response, answer.taken) = (response, taken) }
            return answer.waiting
        }
    }

    /// The answer that was left; nil when there is none yet, or it was taken.
    func takeAnswer() -> HTTPResponse? {
        answer.withLock { answer in
            defer { answer.response = nil }
            times.taken = answer.taken
            return answer.response
        }
    }

    /// Has the connection resumed by whoever leaves the answer, now that it is suspended.
    ///
    /// Returns false when it was left meanwhile.
    func waitSuspended() -> Bool {
        answer.withLock { answer in
            guard answer.waiting == .looking else { return false }
            answer.waiting = .suspended
            return true
        }
    }

    /// Whether the body comes slower than anyone honest sends.
    var isTooSlow: Bool {
        isSlowBody(since: times.began, bytes: bytesReceived + bytesDiscarded)
    }
}

extension HTTPExchange {
    /// The whole of it, once it has ended.
    ///
    /// - Parameter isCutOff: whether the connection ended before the answer did.
    func account(isCutOff: Bool, wallNanoseconds: Int64) -> AnsweredRequest {
        let ended = ContinuousClock.now
        var request = AnsweredRequest(method: method, target: target, head)
        request.status = status
        request.isCutOff = isCutOff
        request.bytesReceived = bytesReceived
        request.bytesAnswered = bytesStreamed + bytesAnswered
        request.duration = ended - times.began
        request.beganAt = wallNanoseconds - Int64(request.duration / .nanoseconds(1))
        let answered = times.answered ?? ended
        let dispatched = times.dispatched ?? answered
        let taken = times.taken ?? dispatched
        request.receiving = dispatched - times.began
        request.waiting = taken - dispatched
        request.answering = answered - taken
        request.notes = notes
        return request
    }
}
