internal import Bytes
internal import SeriesStore

/// The parameters of a request, of its address and of its form together.
public struct PrometheusRequest: Sendable {
    private let parameters: [(name: String, value: String)]
    /// Milliseconds since 1970.
    let now: Int64
    /// Milliseconds that a query may take.
    let timeLimit: Int64
    /// Milliseconds of a clock that only goes forward.
    let clock: @Sendable () -> Int64
    /// Whether nobody waits for the answer any more.
    let isCanceled: @Sendable () -> Bool

    public init(
        parameters: [(name: String, value: String)], now: Int64, timeLimit: Int64 = 120_000,
        clock: @escaping @Sendable () -> Int64,
        isCanceled: @escaping @Sendable () -> Bool = { false }
    ) {
        self.parameters = parameters
        self.now = now
        self.timeLimit = timeLimit
        self.clock = clock
        self.isCanceled = isCanceled
    }

    func values(_ name: String) -> [String] {
        parameters.filter { $0.name == name }.map(\.value)
    }

    /// The first value; an empty one is none.
    func value(_ name: String) -> String? {
        values(name).first.flatMap { $0.isEmpty ? nil : $0 }
    }

    // MARK: - Kinds of values

    func query() throws(PrometheusFault) -> PromQLQuery {
        do throws(PromQLError) {
            return try PromQLQuery(value("query") ?? "")
        } catch {
            throw PrometheusFault("query", error.message)
        }
    }

    /// The conditions of each `match[]`.
    func matchers() throws(PrometheusFault) -> [[LabelMatcher]] {
        var all: [[LabelMatcher]] = []
        for text in values("match[]") {
            do throws(PromQLError) {
                all.append(try PromQLQuery.matchers(text))
            } catch {
                throw PrometheusFault("match[]", error.message)
            }
        }
        return all
    }

    /// The most that is wanted; nil for all.
    func limit() throws(PrometheusFault) -> Int? {
        guard let text = value("limit") else { return nil }
        guard let limit = Int(text) else {
            throw PrometheusFault("limit", "cannot parse \(QuotedText.quoted(text)) to a number")
        }
        guard limit >= 0 else { throw PrometheusFault("limit", "limit must be non-negative") }
        return limit == 0 ? nil : limit
    }

    func number(_ name: String) throws(PrometheusFault) -> Int? {
        guard let text = value(name) else { return nil }
        guard let number = Int(text) else {
            throw PrometheusFault(.badData, "\(name) must be a number")
        }
        return number
    }

    /// Milliseconds since 1970.
    func time(_ name: String) throws(PrometheusFault) -> Int64? {
        guard let text = value(name) else { return nil }
        guard let time = PrometheusRequest.time(of: text) else {
            throw PrometheusFault(
                name,
                "invalid time value for '\(name)': cannot parse \(QuotedText.quoted(text)) "
                    + "to a valid timestamp")
        }
        return time
    }

    func neededTime(_ name: String) throws(PrometheusFault) -> Int64 {
        let text = value(name) ?? ""
        guard let time = PrometheusRequest.time(of: text) else {
            throw PrometheusFault(
                name, "cannot parse \(QuotedText.quoted(text)) to a valid timestamp")
        }
        return time
    }

    /// From `start` to `end`, both included; all times when they are not given.
    func timeRange() throws(PrometheusFault) -> (start: Int64, end: Int64) {
        (try time("start") ?? .min, try time("end") ?? .max)
    }

    /// Milliseconds since 1970 of seconds with a fraction, or of what RFC 3339 has.
    public static func time(of text: String) -> Int64? {
        if let seconds = Double(text) {
            // Far beyond all calendars, and far from where milliseconds would not fit.
            guard seconds.magnitude <= 9e12 else { return nil }
            return Int64((seconds * 1000).rounded())
        }
        guard let nanoseconds = RFC3339.nanoseconds(text) else { return nil }
        // Rounded down, also before 1970.
        return nanoseconds >= 0
            ? nanoseconds / 1_000_000 : (nanoseconds + 1) / 1_000_000 - 1
    }

    /// Milliseconds of a number of seconds or of a duration.
    func duration(_ name: String) throws(PrometheusFault) -> Int64? {
        let text = value(name) ?? ""
        if text.isEmpty && name != "step" { return nil }
        if let seconds = Double(text), seconds.magnitude <= 9e9 { return Int64(seconds * 1000) }
        if let milliseconds = DurationText.milliseconds(text) { return milliseconds }
        throw PrometheusFault(
            name, "cannot parse \(QuotedText.quoted(text)) to a valid duration")
    }
}

/// Why a request has no answer.
struct PrometheusFault: Error {
    let code: PromQLError.Code
    let message: String

    init(_ code: PromQLError.Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// A parameter that is wrong.
    init(_ parameter: String, _ message: String) {
        self.init(.badData, "invalid parameter \(QuotedText.quoted(parameter)): \(message)")
    }

    /// Runs a query; its faults become those of the request.
    static func mapping<Value>(
        _ work: () throws(PromQLError) -> Value
    ) throws(PrometheusFault) -> Value {
        do throws(PromQLError) {
            return try work()
        } catch {
            if error.code == .badData { throw PrometheusFault("query", error.message) }
            throw PrometheusFault(error.code, error.message)
        }
    }

    var status: Int {
        switch code {
        case .badData: 400
        case .execution: 422
        case .timeout, .canceled: 503
        }
    }

    /// As Prometheus calls it.
    var type: String {
        switch code {
        case .badData: "bad_data"
        default: code.rawValue
        }
    }
}
