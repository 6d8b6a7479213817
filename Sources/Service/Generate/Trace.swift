/// One visit to the shop: spans that call each other, with the time each took.
struct Trace {
    /// What a span did, for the fields that only its kind has.
    enum Work {
        case page(method: String, route: String, path: String)
        case call(method: String)
        case query(operation: String, table: String, rows: Int)
        case cache(key: String, isHit: Bool, size: Int)
        case publish(topic: String)
        case consume(topic: String, lag: Int)
        case compute
    }

    struct Span {
        let service: Shop.ServiceName
        let name: String
        let work: Work
        /// Index of the caller in `spans`; nil for the root.
        let parent: Int?
        /// Microseconds since the start of the trace.
        let start: Int
        /// Microseconds, once it has ended.
        var duration = 0
        var failure: Failure?
        var retries = 0
    }

    /// Why a span failed.
    enum Failure {
        case poolExhausted
        case timeout
        case invalidInput

        var type: String {
            switch self {
            case .poolExhausted: "PoolExhaustedException"
            case .timeout: "DeadlineExceeded"
            case .invalidInput: "ValidationError"
            }
        }

        var message: String {
            switch self {
            case .poolExhausted: "no connection to card-gateway within 200 ms, pool size 2"
            case .timeout: "deadline of 800 ms exceeded"
            case .invalidInput: "postal code does not match country"
            }
        }
    }

    struct Cart {
        let items: Int
        /// Cents.
        let total: Int
    }

    let user: User
    /// Nanoseconds since 1970.
    let start: Int64
    var cart: Cart?
    var searchTerm: String?
    private(set) var spans: [Span] = []
    private var clock = 0
    private var current: Int?

    init(user: User, start: Int64) {
        self.user = user
        self.start = start
    }

    /// Lets time pass in the span that is open; milliseconds.
    mutating func spend(_ milliseconds: Double) { clock += Int(milliseconds * 1000) }

    /// Opens a span, does what happens within it, and closes it.
    mutating func span(
        _ service: Shop.ServiceName, _ name: String, _ work: Work, _ body: (inout Trace) -> Void
    ) {
        let index = spans.count
        let caller = current
        spans.append(Span(service: service, name: name, work: work, parent: caller, start: clock))
        current = index
        body(&self)
        spans[index].duration = clock - spans[index].start
        current = caller
    }

    /// A span that a closed one caused, as a message it sent; it begins when everything else is
    /// over.
    mutating func follow(
        _ cause: Int, _ service: Shop.ServiceName, _ name: String, _ work: Work,
        _ body: (inout Trace) -> Void
    ) {
        current = cause
        span(service, name, work, body)
        current = nil
    }

    /// Marks the open span as failed.
    mutating func fail(_ failure: Failure) {
        if let current { spans[current].failure = failure }
    }

    /// Counts a repeated attempt in the open span.
    mutating func retry() {
        if let current { spans[current].retries += 1 }
    }
}
