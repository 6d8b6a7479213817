internal import Events

/// Counts the events of one body and gathers those that are kept into batches.
struct EventCollector: ~Copyable {
    private let builder: EventBatchBuilder
    private var dataset: String
    private let receivedAt: Int64
    /// Nanoseconds since 1970 before which an event is past its dataset's retention; nil for never.
    private var earliest: Int64?
    /// The builder's code of `dataset`; 0 until an event of it is kept.
    private var datasetCode: UInt32 = 0
    private var decoded = Decoded()
    private var spareCells = EventLimits.spareCells
    /// Whether the events stay in the builder, with those of other bodies.
    private let isShared: Bool
    /// Whether the builder's batch is full and may not be ended, because others have events in it.
    private(set) var hasNoRoom = false

    /// - Parameters:
    ///   - receivedAt: nanoseconds since 1970.
    ///   - isShared: whether the events stay in the builder, with those of other bodies.
    init(
        _ builder: EventBatchBuilder, dataset: String, receivedAt: Int64, earliest: Int64?,
        isShared: Bool = false
    ) {
        self.builder = builder
        self.isShared = isShared
        self.dataset = dataset
        self.receivedAt = receivedAt
        self.earliest = earliest
    }

    /// Events that were not kept.
    var rejected: Int { decoded.rejections.count }

    /// The events to come are of another dataset.
    mutating func turn(to dataset: String, earliest: Int64?) {
        self.dataset = dataset
        self.earliest = earliest
        datasetCode = 0
    }

    /// Whether no further event may come: the body has as many as one may have, or there is no room.
    var isFull: Bool { decoded.events == IngestLimits.eventsPerBody || hasNoRoom }

    /// Keeps the event whose fields the builder holds, unless it has a fault.
    mutating func collect(_ head: EventHead, _ fault: EventFault?, line: Int) {
        if let fault {
            reject(fault, line: line)
        } else {
            keep(at: head.time, sampleRate: head.sampleRate, line: line)
        }
    }

    /// Keeps the event whose fields the builder holds; without a time of its own it has the time
    /// at which it was received.
    mutating func keep(at timestamp: Int64?, sampleRate: UInt32, line: Int) {
        if let earliest, let timestamp, timestamp < earliest {
            return reject(.expired, line: line)
        }
        if datasetCode == 0 { datasetCode = builder.datasetCode(dataset) }
        builder.finishEvent(
            timestamp: timestamp ?? receivedAt, received: receivedAt, sampleRate: sampleRate,
            dataset: datasetCode)
        decoded.events += 1
        if builder.rows & 1023 == 0 && mustEndBatch {
            if isShared { hasNoRoom = true } else { endBatch() }
        }
    }

    /// Drops the event whose fields the builder holds, if any.
    mutating func reject(_ fault: EventFault, line: Int) {
        builder.dropEvent()
        var message = fault.message
        if let detail = fault.detail, decoded.rejections.count < IngestLimits.quotedRejections {
            message += ": " + detail
        }
        decoded.rejections.append(
            Rejection(index: decoded.events, line: line, message: message))
        decoded.events += 1
    }

    /// All of the body; the builder is empty afterwards, unless it is shared.
    consuming func finish() -> Decoded {
        if builder.rows > 0 && !isShared { endBatch() }
        return decoded
    }

    private var mustEndBatch: Bool {
        builder.isFull || builder.rows * builder.columnsInUse >= IngestLimits.cellsPerBatch
    }

    private mutating func endBatch() {
        decoded.batches.append(builder.finish(spareCells: &spareCells))
        datasetCode = 0
    }
}
