public import Bytes
internal import Events

/// Turns MessagePack bodies into batches: one event, or a batch of events.
///
/// What JSON can say means the same here, with the same limits; `docs/limits.md` has what only
/// MessagePack can say. Made to be used again, as `JSONEventDecoder` is. Not thread-safe. A body that
/// is not well-formed throws and leaves nothing behind; an event that is well-formed but not valid is
/// a rejection, and its neighbours are kept.
public final class MessagePackEventDecoder {
    private let builder: EventBatchBuilder
    private var reader: MessagePackEventReader
    /// Events of an earlier time are rejected one by one, as past their dataset's retention;
    /// nanoseconds since 1970, nil for none.
    public var earliest: Int64?
    private let sharesBatches: Bool

    /// - Parameter sharesBatches: whether bodies leave their events in `shared`, to be one batch with
    ///   those of later bodies; a body that is refused takes back its own alone.
    public init(sharesBatches: Bool = false) {
        self.sharesBatches = sharesBatches
        builder = EventBatchBuilder()
        reader = MessagePackEventReader(builder)
    }

    /// Where the events are of a decoder that shares batches.
    public var shared: SharedBatch { SharedBatch(builder: builder) }

    /// Decodes a body that is one map of fields.
    ///
    /// - Parameters:
    ///   - time: the event's time as a header says it; nil or empty, the event has `receivedAt`.
    ///   - sampleRate: how many events it stands for as a header says it; 1 when it says nothing
    ///     that can be read.
    ///   - receivedAt: nanoseconds since 1970.
    /// - Throws: `BodyRefusal` when the body is not MessagePack.
    public func decodeEvent(
        _ body: PaddedBytes, dataset: String, receivedAt: Int64, time: String? = nil,
        sampleRate: String? = nil
    ) throws(BodyRefusal) -> Decoded {
        try decode(body, dataset, receivedAt) {
            (reader, collector) throws(MessagePackFault) in
            try reader.event()
            let head = EventHead(
                time: reader.fields.headerTime(time),
                sampleRate: SampleRate.rate(header: sampleRate))
            collector.collect(head, reader.fields.endEvent(), line: 0)
        }
    }

    /// Decodes an array of `{"time": …, "samplerate": …, "data": {…}}`.
    ///
    /// - Parameter receivedAt: nanoseconds since 1970; the time of events that have none.
    /// - Throws: `BodyRefusal` when the body is not MessagePack, no array, or has too many events.
    public func decodeBatch(
        _ body: PaddedBytes, dataset: String, receivedAt: Int64
    ) throws(BodyRefusal) -> Decoded {
        try decode(body, dataset, receivedAt) { (reader, collector) throws(MessagePackFault) in
            try reader.batch(into: &collector)
        }
    }

    private func decode(
        _ body: PaddedBytes, _ dataset: String, _ receivedAt: Int64,
        _ read: (
            inout MessagePackEventReader, inout EventCollector
        ) throws(MessagePackFault) -> Void
    ) throws(BodyRefusal) -> Decoded {
        try body.withBytes { (bytes) throws(BodyRefusal) in
            guard let base = bytes.baseAddress, bytes.count > 0 else {
                throw BodyRefusal(.empty, "the body is empty", atByte: 0)
            }
            reader.beginBody(MessagePackScanner(base, to: base + bytes.count))
            var collector = EventCollector(
                builder, dataset: dataset, receivedAt: receivedAt, earliest: earliest,
                isShared: sharesBatches)
            let rowsBefore = builder.rows
            do throws(MessagePackFault) {
                try read(&reader, &collector)
                guard reader.input.isAtEnd else {
                    throw MessagePackFault("bytes after the value's end", at: reader.input.place)
                }
            } catch {
                builder.removeRows(from: rowsBefore)
                throw BodyRefusal(error.reason, "\(error.message)", atByte: error.place - base)
            }
            return collector.finish()
        }
    }
}
