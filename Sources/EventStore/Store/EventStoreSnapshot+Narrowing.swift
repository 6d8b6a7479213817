internal import Events

extension EventStoreSnapshot {
    /// The same without events of the head that happened outside a range; segments stay whole.
    ///
    /// For those who ask many questions about a short time: a condition is worked out for all rows of a
    /// batch, however few of them the time leaves. Throws what reading the rows throws.
    ///
    /// - Parameter range: nanoseconds since 1970.
    public func narrowingHead(to range: Range<Int64>) throws -> EventStoreSnapshot {
        var batches: [EventBatch] = []
        for batch in head where batch.rows > 0 && batch.timeBounds.overlaps(range) {
            let rows = batch.timestamps.indices.filter { range.contains(batch.timestamps[$0]) }
            if rows.isEmpty { continue }
            // Slow path for few questions: to copy most of a batch with all its columns.
            let isSmall = rows.count * 4 < batch.rows
            batches.append(isSmall ? try EventBatch(selecting: rows, of: batch) : batch)
        }
        return EventStoreSnapshot(head: batches, segments: segments)
    }
}
