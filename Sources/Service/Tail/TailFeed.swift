internal import Bytes
internal import EventQuery
internal import EventStore
internal import Events
internal import Host

/// Sends one client what it watches, on a thread of its own, until it leaves.
///
/// The feed looks at what is there at its own pace: nothing waits for it, and the store does not know of
/// it. A client that reads slowly misses events, which are counted for it, and one that reads nothing is
/// let go.
struct TailFeed: Sendable {
    let question: TailQuestion
    let service: QueryService
    let ending: TailEnding

    /// Writes server-sent events; returns when the client or the server ends it.
    func run(to stream: ResponseStream, of client: ClientConnection) {
        var sender = TailSender(stream, to: client, service.clock)
        switch question.kind {
        case .events(let limit): sendEvents(limit, &sender)
        case .answers(let every): sendAnswers(every: every, &sender)
        }
    }

    // MARK: - Events

    private func sendEvents(_ limit: Int?, _ sender: inout TailSender) {
        let store = service.store
        var place = store.arrivals(environment: question.environment, since: nil).end
        var left = limit ?? .max
        while left > 0 {
            if ending.wait(atMost: ServiceLimits.tailPollNanoseconds) {
                return sender.end("the server stops")
            }
            let arrivals = store.arrivals(environment: question.environment, since: place)
            place = arrivals.end
            sender.skipped += Int(clamping: arrivals.missed)
            if !arrivals.batches.isEmpty {
                do throws(HTTPRefusal) {
                    left -= try send(arrivals.sources, most: left, &sender)
                } catch {
                    return sender.end(error.response.message ?? "the query failed")
                }
            }
            if !sender.goesOn() { return }
        }
        sender.end("that was the limit")
    }

    /// Sends what is new and wanted; returns how many events were sent.
    private func send(
        _ sources: [any EventSource], most: Int, _ sender: inout TailSender
    ) throws(HTTPRefusal) -> Int {
        var question = Question(self.question.query)
        question.query.limit = min(most, ServiceLimits.tailEventsPerPoll)
        question.options.listingLimit = ServiceLimits.tailBytesPerPoll
        let options = service.options(
            of: question.options, for: question.query, in: self.question.environment)
        let answer: QueryAnswer
        do throws(QueryFailure) {
            answer = try service.engine.answer(
                question.query, over: sources, now: service.clock.wallNanoseconds(),
                options: options)
        } catch {
            if case .tooLarge = error {
                sender.skipped += sources.reduce(0) { $0 + $1.rows }
                return 0
            }
            throw HTTPRefusal(error.response)
        }
        guard case .events(let rows) = answer.content else { return 0 }
        guard sender.hasRoom else {
            sender.skipped += answer.meta.events
            return 0
        }
        for row in rows {
            var writer = JSONWriter()
            writer.event(row)
            sender.send("event", writer.bytes)
        }
        if rows.count < most { sender.skipped += answer.meta.events - rows.count }
        return rows.count
    }

    // MARK: - Answers

    private func sendAnswers(every: Int64, _ sender: inout TailSender) {
        var next = service.clock.monotonicNanoseconds()
        while sender.goesOn() {
            do throws(HTTPRefusal) {
                if sender.hasRoom {
                    let answer = try service.answer(
                        Question(question.query), environment: question.environment)
                    var document = ResultDocument(answer)
                    sender.send("answer", document.document())
                }
            } catch {
                return sender.end(error.response.message ?? "the query failed")
            }
            // An answer that took long is not followed by others at once.
            next = max(next + every, service.clock.monotonicNanoseconds() + every / 2)
            while next > service.clock.monotonicNanoseconds() {
                let left = next - service.clock.monotonicNanoseconds()
                if ending.wait(atMost: min(left, ServiceLimits.tailPollNanoseconds)) {
                    return sender.end("the server stops")
                }
                if !sender.goesOn() { return }
            }
        }
    }
}

/// Tells all feeds that the server stops.
final class TailEnding: Sendable {
    private let isEnding = Monitor(false)

    func end() { isEnding.update { $0 = true } }

    /// Waits, at most so many nanoseconds; answers whether the server stops.
    func wait(atMost nanoseconds: Int64) -> Bool {
        isEnding.wait(atMost: nanoseconds) { $0 ? true : nil } ?? false
    }
}
