public import Events

/// Events of many small requests on their way into one batch, a record of the log at a time.
///
/// While one group is synced the small requests that arrive become one record of the next. Their
/// events are not made a batch for it: what is encoded is what they added, and the batch is made when
/// somebody looks at it or it is large. Each of them then costs no batch and no merge of its own.
///
/// Rows are kept, or closed and not yet known to be safe, or open, in this order. All calls are safe
/// from any thread.
public protocol GrowingBatch: AnyObject, Sendable {
    /// Ends the record and gives what it holds; requests that come later are of the next one.
    ///
    /// Called once for each `append`, by whoever writes the log; then `keepRecord` or `dropRecord`.
    /// - Parameter environment: that of the `append`. The requests it was for may have been dropped
    ///   since, and be followed by those of another environment, which are left alone.
    func closeRecord(environment: String) -> ClosedRecord

    /// The closed record is safe: its events are part of the batch, which may be looked at.
    func keepRecord()

    /// Whether the batch is so large that it should be taken.
    var isLarge: Bool { get }

    /// The closed record could not be written: takes back its events, and those of requests that came
    /// since, which are told so.
    func dropRecord(_ error: EventStoreError)

    /// The batch of all events that were kept; the later ones are the beginning of the next one.
    ///
    /// Called only when there are any.
    func takeKept() -> EventBatch
}

/// What a record of a growing batch held at its end.
public struct ClosedRecord: Sendable {
    /// Its events, which may be none.
    let rows: Int
    /// As `EventBatch.encoded()` would give them.
    let encoded: [UInt8]
    let completion: @Sendable (Result<Acceptance, EventStoreError>) -> Void

    /// Nothing to write, and nobody to tell.
    public static let empty = ClosedRecord(rows: 0, encoded: []) { _ in }

    /// - Parameters:
    ///   - encoded: the events of all its requests, as `EventBatch.encoded()` would give them.
    ///   - completion: tells all requests what has become of it; called once.
    public init(
        rows: Int, encoded: [UInt8],
        completion: @escaping @Sendable (Result<Acceptance, EventStoreError>) -> Void
    ) {
        self.rows = rows
        self.encoded = encoded
        self.completion = completion
    }
}
