internal import Bytes

/// What is answered to a request.
struct HTTPResponse: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body: [UInt8]
    /// Why a request was refused, in words; nil in other answers.
    private(set) var message: String?
    /// What follows `body`, written while it is sent; nil when `body` is all.
    var stream: StreamedBody?
    /// It was refused only because there is too much to do at the moment.
    private(set) var isOverload = false
    /// The connection is closed after the answer, as when a body was left unread.
    var closesConnection = false
    /// What the route tells of the request, for whoever observes the server; not sent.
    var notes: [RequestNote] = []

    init(status: Int, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// A body of JSON text.
    static func json(_ body: [UInt8], status: Int = 200) -> HTTPResponse {
        HTTPResponse(status: status, headers: ["Content-Type": "application/json"], body: body)
    }

    /// A body of one JSON value.
    static func json(_ value: JSONValue, status: Int = 200) -> HTTPResponse {
        var writer = JSONWriter()
        writer.value(value)
        return .json(writer.bytes, status: status)
    }

    /// A body of plain text.
    static func text(_ text: String, status: Int = 200) -> HTTPResponse {
        HTTPResponse(
            status: status, headers: ["Content-Type": "text/plain; charset=utf-8"],
            body: Array(text.utf8))
    }

    /// `{"error": message}`, the shape of every refusal.
    static func error(_ status: Int, _ message: String) -> HTTPResponse {
        var response = HTTPResponse.json(["error": .string(message)], status: status)
        response.message = message
        return response
    }

    /// A refusal for the moment; the client may come again after so many seconds or up to twice as
    /// many and two, drawn at random: those who were refused together do not come back together.
    static func busy(
        _ status: Int, _ message: String, retryAfterSeconds: Int
    ) -> HTTPResponse {
        var response = error(status, message)
        let seconds = Int.random(in: retryAfterSeconds...2 * retryAfterSeconds + 2)
        response.headers["Retry-After"] = String(seconds)
        return response
    }

    /// A refusal because more is asked than can be done at once: 503, to come again in some seconds.
    static func overloaded(_ message: String) -> HTTPResponse {
        var response = busy(503, message, retryAfterSeconds: 1)
        response.isOverload = true
        return response
    }

    /// The same answer, after which the connection is closed.
    static func closing(_ response: HTTPResponse) -> HTTPResponse {
        var response = response
        response.closesConnection = true
        return response
    }

    /// Sent with every answer, refusals included.
    static let securityHeaders: [(name: String, value: String)] = [
        (
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                + "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
                + "form-action 'self'"
        ),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ]
}
