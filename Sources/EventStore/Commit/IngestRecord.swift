public import Events

/// What one request brings: all of it is stored, or nothing.
public struct IngestRecord: Sendable {
    /// The tenant; 1 to 128 bytes.
    public var environment: String
    /// Names the request, so that a repeat of it is known; nil: a repeat is stored again.
    public var idempotency: Idempotency?
    public var batches: [EventBatch]

    public init(environment: String, idempotency: Idempotency? = nil, batches: [EventBatch]) {
        self.environment = environment
        self.idempotency = idempotency
        self.batches = batches
    }
}

/// What an answer promises.
public enum Durability: Hashable, Sendable {
    /// The events survive a power cut.
    case synced
    /// The events survive the end of the process, and a power cut a moment later.
    case buffered
}

/// A request that was taken.
public struct Acceptance: Hashable, Sendable {
    /// The answer kept under the idempotency key, the first one's for a repeat; nil without a key.
    public let answer: [UInt8]?
    /// Whether the request was here before and nothing was stored now.
    public let isDuplicate: Bool
    public let durability: Durability

    /// A request whose events are stored now.
    static func stored(_ durability: Durability, answer: [UInt8]? = nil) -> Acceptance {
        Acceptance(answer: answer, isDuplicate: false, durability: durability)
    }
}
