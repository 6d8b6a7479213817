internal import Ingest

/// What decodes the body of a request into a dataset.
protocol IncomingEventsDecoder: AnyObject {
    /// Events of an earlier time are past their dataset's retention; nanoseconds since 1970.
    var earliest: Int64? { get set }
    /// Where the events are of a decoder that shares batches.
    var shared: SharedBatch { get }

    /// - Parameter receivedAt: nanoseconds since 1970.
    func decode(
        _ events: IncomingEvents, into dataset: String, receivedAt: Int64
    ) throws(BodyRefusal) -> Decoded
}

extension JSONEventDecoder: IncomingEventsDecoder {
    func decode(
        _ events: IncomingEvents, into dataset: String, receivedAt: Int64
    ) throws(BodyRefusal) -> Decoded {
        switch events.form {
        case .event(let time, let sampleRate):
            try decodeEvent(
                events.body, dataset: dataset, receivedAt: receivedAt, time: time,
                sampleRate: sampleRate)
        case .batch:
            try decodeBatch(events.body, dataset: dataset, receivedAt: receivedAt)
        case .lines(let timeField):
            try decodeLines(
                events.body, dataset: dataset, receivedAt: receivedAt, timeField: timeField)
        case .records:
            try decodeLines(events.body, dataset: dataset, receivedAt: receivedAt)
        }
    }
}

extension MessagePackEventDecoder: IncomingEventsDecoder {
    func decode(
        _ events: IncomingEvents, into dataset: String, receivedAt: Int64
    ) throws(BodyRefusal) -> Decoded {
        switch events.form {
        case .event(let time, let sampleRate):
            try decodeEvent(
                events.body, dataset: dataset, receivedAt: receivedAt, time: time,
                sampleRate: sampleRate)
        case .batch, .lines, .records:
            try decodeBatch(events.body, dataset: dataset, receivedAt: receivedAt)
        }
    }
}
