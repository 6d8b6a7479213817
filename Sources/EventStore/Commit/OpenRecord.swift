public import Events

/// A record that takes further requests until the writer gets to it.
///
/// While one group is synced the small requests that arrive become one record of the next: each then
/// costs no batch, no frame and no merge of its own.
public protocol OpenRecord: Sendable {
    /// Ends the record and gives what it holds; requests that come later are of the next one.
    ///
    /// Called once for each `append`, on the writer's thread.
    func close() -> ClosedRecord
}

/// What an open record held at its end.
public struct ClosedRecord: Sendable {
    let batches: [EventBatch]
    let completion: @Sendable (Result<Acceptance, EventStoreError>) -> Void

    /// - Parameters:
    ///   - batches: the events of all its requests.
    ///   - completion: tells all of them what has become of it; called once.
    public init(
        batches: [EventBatch],
        completion: @escaping @Sendable (Result<Acceptance, EventStoreError>) -> Void
    ) {
        self.batches = batches
        self.completion = completion
    }
}
