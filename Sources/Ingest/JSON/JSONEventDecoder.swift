public import Bytes
internal import Events

/// Turns JSON bodies into batches: one event, a batch of events, or NDJSON.
///
/// Made to be used again: it keeps the columns and the keys it has met, so a worker thread has one
/// for all its requests. Not thread-safe. A body that is not well-formed throws and leaves nothing
/// behind; an event that is well-formed but not valid is a rejection, and its neighbours are kept.
/// What is valid stands in `docs/limits.md`.
public final class JSONEventDecoder {
    private let builder: EventBatchBuilder
    private var reader: JSONEventReader
    /// Events of an earlier time are rejected one by one, as past their dataset's retention;
    /// nanoseconds since 1970, nil for none.
    public var earliest: Int64?
    private let sharesBatches: Bool

    /// - Parameter sharesBatches: whether bodies leave their events in `shared`, to be one batch with
    ///   those of later bodies; a body that is refused takes back its own alone.
    public init(sharesBatches: Bool = false) {
        self.sharesBatches = sharesBatches
        builder = EventBatchBuilder()
        reader = JSONEventReader(builder)
    }

    /// Where the events are of a decoder that shares batches.
    public var shared: SharedBatch { SharedBatch(builder: builder) }

    /// Decodes a body that is one object of fields.
    ///
    /// - Parameters:
    ///   - time: the event's time as a header says it; nil or empty, the event has `receivedAt`.
    ///   - sampleRate: how many events it stands for as a header says it; 1 when it says nothing
    ///     that can be read.
    ///   - receivedAt: nanoseconds since 1970.
    /// - Throws: `BodyRefusal` when the body is not JSON.
    public func decodeEvent(
        _ body: PaddedBytes, dataset: String, receivedAt: Int64, time: String? = nil,
        sampleRate: String? = nil
    ) throws(BodyRefusal) -> Decoded {
        try decode(body, dataset, receivedAt, newlineIsSpace: true) {
            (reader, collector, start, end) throws(JSONFault) in
            let place = reader.skipSpaces(try reader.event(start))
            guard place == end else { throw JSONFault("bytes after the event's end", at: place) }
            let head = EventHead(
                time: reader.fields.headerTime(time),
                sampleRate: SampleRate.rate(header: sampleRate))
            collector.collect(head, reader.fields.endEvent(), line: 0)
        }
    }

    /// Decodes an array of `{"time": …, "samplerate": …, "data": {…}}`.
    ///
    /// - Parameter receivedAt: nanoseconds since 1970; the time of events that have none.
    /// - Throws: `BodyRefusal` when the body is not JSON, no array, or has too many events.
    public func decodeBatch(
        _ body: PaddedBytes, dataset: String, receivedAt: Int64
    ) throws(BodyRefusal) -> Decoded {
        try decode(body, dataset, receivedAt, newlineIsSpace: true) {
            (reader, collector, start, end) throws(JSONFault) in
            let place = reader.skipSpaces(try reader.batch(start, into: &collector))
            guard place == end else { throw JSONFault("bytes after the batch's end", at: place) }
        }
    }

    /// Decodes lines, each an object of fields; a line that is not JSON costs only itself.
    ///
    /// - Parameters:
    ///   - timeField: the field that is the event's time; nil for the usual ones (`time`,
    ///     `timestamp`, `@timestamp`, `_time`, the first of them that the line has).
    ///   - receivedAt: nanoseconds since 1970; the time of events that have none.
    /// - Throws: `BodyRefusal` when the body has too many lines.
    public func decodeLines(
        _ body: PaddedBytes, dataset: String, receivedAt: Int64, timeField: String? = nil
    ) throws(BodyRefusal) -> Decoded {
        if reader.roles.setTimeField(timeField) { reader.forgetKeys() }
        return try decode(body, dataset, receivedAt, newlineIsSpace: false) {
            (reader, collector, start, end) throws(JSONFault) in
            try reader.lines(start, end, into: &collector)
        }
    }

    /// Prepares for a body, runs `read` from its first byte that is no space, and gathers what came
    /// of it.
    private func decode(
        _ body: PaddedBytes, _ dataset: String, _ receivedAt: Int64, newlineIsSpace: Bool,
        _ read: (
            inout JSONEventReader, inout EventCollector, _ start: Cursor, _ end: Cursor
        ) throws(JSONFault) -> Void
    ) throws(BodyRefusal) -> Decoded {
        try body.withBytes { (bytes) throws(BodyRefusal) in
            guard let base = bytes.baseAddress, bytes.count > 0 else {
                throw BodyRefusal(.empty, "the body is empty", in: bytes, at: 0)
            }
            reader.beginBody()
            let end = base + bytes.count
            reader.scanner.begin(end: end, newlineIsSpace: newlineIsSpace)
            var collector = EventCollector(
                builder, dataset: dataset, receivedAt: receivedAt, earliest: earliest,
                isShared: sharesBatches)
            let rowsBefore = builder.rows
            do throws(JSONFault) {
                let start = reader.skipSpaces(base + JSONEventDecoder.byteOrderMark(bytes))
                try read(&reader, &collector, start, end)
            } catch {
                builder.removeRows(from: rowsBefore)
                throw BodyRefusal(
                    error.reason, "\(error.message)", in: bytes, at: error.place - base)
            }
            return collector.finish()
        }
    }

    /// Bytes of a byte order mark, which some systems put before UTF-8.
    private static func byteOrderMark(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    }
}
