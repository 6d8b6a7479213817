public import Bytes
public import Events
internal import Synchronization

/// Events that are to leave an environment without a trace, whatever keeps them.
public struct Erasure: Sendable {
    public var environment: String
    /// As in the receipt.
    public var id: String
    public var condition: String
    public var digest: [UInt8]
    /// Idempotency keys that hold one of these texts, or whose answers do, are forgotten.
    public var texts: [[UInt8]]
    /// The rows to erase of each source, which are all of the environment's; nil for none.
    public var rows: @Sendable (_ sources: [any EventSource]) throws -> [Bitmap?]

    /// - Parameters:
    ///   - id: names the receipt; 1 to 64 bytes.
    ///   - condition: what is asked, without values; at most 64 KiB.
    ///   - digest: at most 64 bytes, kept as they are.
    ///   - texts: none of them empty.
    ///   - rows: answers one entry a source; called once.
    public init(
        environment: String, id: String, condition: String, digest: [UInt8], texts: [[UInt8]],
        rows: @escaping @Sendable (_ sources: [any EventSource]) throws -> [Bitmap?]
    ) {
        self.environment = environment
        self.id = id
        self.condition = condition
        self.digest = digest
        self.texts = texts
        self.rows = rows
    }
}

extension EventStore {
    /// Takes events out of every file for ever, and waits for it.
    ///
    /// What was acknowledged before is looked at; what arrives meanwhile may stay. First everything is
    /// sealed, then the segments that hold such events are written anew without them: until all of
    /// these stand nothing has changed, and one edit of the manifest puts them in place. Then the log
    /// is emptied. A power cut in between is made good by the next process.
    ///
    /// Throws with nothing erased: `outOfSpace` when there is no room for the new files, what reading
    /// a segment throws. An error after the edit leaves the receipt unfinished, and each round of
    /// maintenance tries again.
    public func erase(_ erasure: Erasure) throws(EventStoreError) -> ErasureReceipt {
        guard (1...FormatLimits.receiptBytes).contains(erasure.id.utf8.count),
            erasure.digest.count <= FormatLimits.receiptBytes,
            erasure.condition.utf8.count <= FormatLimits.conditionBytes
        else { throw EventStoreError(.tooLarge, "the condition of an erasure is too long") }
        return try maintaining { maintenance throws(EventStoreError) in
            try maintenance.erase(erasure)
        }
    }

    /// What was erased from an environment, in its order.
    public func receipts(environment: String) throws(EventStoreError) -> [ErasureReceipt] {
        try maintaining { maintenance in
            maintenance.context.environment(environment)?.state.receipts ?? []
        }
    }

    /// Lets the maintaining thread do something, and gives what comes of it.
    func maintaining<Result: Sendable>(
        _ body: @escaping @Sendable (Maintenance) throws(EventStoreError) -> Result
    ) throws(EventStoreError) -> Result {
        let result = Mutex<Swift.Result<Result, EventStoreError>?>(nil)
        onMaintenance { maintenance in
            let value = Swift.Result { () throws(EventStoreError) in try body(maintenance) }
            result.withLock { $0 = value }
        }
        guard let result = result.withLock({ $0 }) else {
            throw EventStoreError(.closed, "the store is closed")
        }
        return try result.get()
    }
}
