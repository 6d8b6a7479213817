public import Events

/// The events of several small bodies on their way into one batch.
///
/// A batch costs about as much as decoding a hundred events, whatever it holds; a decoder made with
/// `sharesBatches` therefore leaves its events here until the batch is taken. Not thread-safe, as
/// the decoder itself.
public struct SharedBatch {
    let builder: EventBatchBuilder

    /// Events that were kept so far; a body's own are those beyond the count before it.
    public var rows: Int { builder.rows }

    /// Whether another body may be decoded: in a large batch it is better off by itself.
    public var hasRoom: Bool {
        rows == 0
            || rows * builder.columnsInUse < IngestLimits.sharedCells
                && builder.columnCount <= IngestLimits.rememberedColumns
                && rows < EventLimits.rowsPerBatch / 2
    }

    /// Whether the events from `row` on may be encoded as they are, however many fields they have.
    public func mayEncode(from row: Int) -> Bool {
        (rows - row) * builder.columnsInUse <= EventLimits.spareCells
    }

    /// Takes back the events of the last body, or of the last ones.
    ///
    /// - Parameter row: how many events were there before it.
    public func removeRows(from row: Int) { builder.removeRows(from: row) }

    /// The bytes of a batch of the events from `row` on, as `EventBatch.encoded()` gives them.
    public func encoded(from row: Int) -> [UInt8] { builder.encoded(from: row) }

    /// The first `rows` events; the others are the first of the next batch.
    public func take(_ rows: Int) -> EventBatch { builder.take(rows) }

    /// All events; none are left.
    public func take() -> EventBatch { builder.finish() }
}
