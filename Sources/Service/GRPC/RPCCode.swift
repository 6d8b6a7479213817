/// A code of `google.rpc.Code`, as gRPC tells it and OTLP over HTTP too.
enum RPCCode: Int, Sendable {
    case ok = 0
    case invalidArgument = 3
    case deadlineExceeded = 4
    case notFound = 5
    case permissionDenied = 7
    case resourceExhausted = 8
    case unimplemented = 12
    case `internal` = 13
    case unavailable = 14
    case unauthenticated = 16

    /// Whether it is the server's failure and not the caller's.
    var isServerFailure: Bool {
        switch self {
        case .deadlineExceeded, .internal, .unavailable, .unimplemented: true
        default: false
        }
    }

    /// The code that says what an HTTP status does.
    init(ofStatus status: Int) {
        self =
            switch status {
            case 200..<300: .ok
            case 401: .unauthenticated
            case 403: .permissionDenied
            case 404: .notFound
            case 413, 429: .resourceExhausted
            case 415: .unimplemented
            case 400..<500: .invalidArgument
            case 503: .unavailable
            default: .internal
            }
    }
}
