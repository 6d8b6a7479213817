internal import Bytes
internal import EventQuery

/// What somebody watches: events as they arrive, or an answer that is given anew every so often.
struct TailQuestion: Sendable {
    enum Kind: Sendable {
        case events(limit: Int?)
        /// Nanoseconds between two answers.
        case answers(every: Int64)
    }

    let kind: Kind
    let query: Query
    let environment: String

    /// Reads `?q=` and `?every=` of a request.
    ///
    /// Throws the refusal to send for what cannot be watched.
    init(_ call: RouteCall) throws(HTTPRefusal) {
        let target = call.head.target
        if let name = target.unknownItem(besides: ["q", "every"]) {
            throw HTTPRefusal(.error(400, "there is no parameter ?\(name)="))
        }
        guard let text = target.queryValue("q") else {
            throw HTTPRefusal(.error(400, "expected the query in ?q="))
        }
        var query: Query
        do throws(QueryError) {
            query = try Query(
                parsing: text, defaultRange: ServiceLimits.tailWindowSeconds * 1_000_000_000)
        } catch {
            throw HTTPRefusal(error.response)
        }
        guard case .last = query.timeRange else {
            throw HTTPRefusal(
                .error(400, "what arrives has no range of time; take last, or leave it out"))
        }
        switch query.shape {
        case .events:
            guard query.sort.isEmpty else {
                throw HTTPRefusal(.error(400, "events come as they arrive and cannot be sorted"))
            }
            // Relatives of an event are not all there when it arrives.
            guard !query.speaksOfRelatives else {
                throw HTTPRefusal(
                    .error(
                        400,
                        "events are sent as they arrive, before others of their traces are "
                            + "known: root., parent., child., any. and none. cannot be asked; "
                            + "with stats they can"))
            }
            kind = .events(limit: query.limit)
            query.timeRange = .between(.absolute(.min), .absolute(.max))
            query.sort = [
                SortKey("received", descending: false), SortKey("timestamp", descending: false),
            ]
        case .statistics, .bubbleUp:
            let every = try TailQuestion.seconds(target.queryValue("every"))
            kind = .answers(every: Int64(every) * 1_000_000_000)
        }
        self.query = query
        environment = call.principal.environment
    }

    private static func seconds(_ text: String?) throws(HTTPRefusal) -> Int {
        guard let text else { return ServiceLimits.tailEverySeconds }
        guard let seconds = Int(text), 1...ServiceLimits.tailEverySecondsMax ~= seconds else {
            throw HTTPRefusal(
                .error(400, "?every= must be 1 to \(ServiceLimits.tailEverySecondsMax) seconds"))
        }
        return seconds
    }
}
