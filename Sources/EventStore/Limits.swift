/// Bounds of the store; tests make them small, servers may make some larger.
public struct StoreLimits: Hashable, Sendable {
    // MARK: - Log

    /// Bytes a log file is allocated with; a larger record gets a file of its own.
    public var logFileBytes = 64 << 20
    /// Bytes of one record: a request's batches, compressed, cannot reach it.
    public var recordBytes = 256 << 20
    /// Bytes of one group, above which the writer does not add to it: bounds the wait of the first.
    public var groupBytes = 16 << 20
    /// Nanoseconds that a record of small requests waits for others to be synced with it, unless
    /// `EventStore.commit` says that none are under way; four times as many when none had waited for
    /// long.
    public var groupWait: Int64 = 1_000_000
    /// Nanoseconds that writing and syncing a group may have taken, and bytes of requests in the next
    /// one, for it to be written by a thread of the requests' connections.
    public var quickWriting: Int64 = 1_000_000
    public var quickBytes = 256 << 10
    /// Bytes of all appends that wait, their batches in memory included; beyond them an append is
    /// refused as `overloaded`.
    public var waitingBytes = 256 << 20
    /// Appends that wait; beyond them an append is refused as `overloaded`.
    public var waitingRecords = 10_000
    /// Bytes kept free for seals, manifest and retention; at most `reserveShare` of the device.
    public var reserveBytes: UInt64 = 1 << 30
    /// The part of the device the reserve takes at most, in percent.
    public var reservePercent: UInt64 = 5

    // MARK: - Idempotency

    /// Keys remembered; the oldest goes first.
    public var keys = 1_000_000
    /// Bytes of remembered keys and answers; the oldest goes first.
    public var keyBytes = 256 << 20
    /// Nanoseconds a key is remembered.
    public var keyAge: Int64 = 24 * 3_600 * 1_000_000_000

    // MARK: - Head

    /// Rows of an environment's head at which it is sealed.
    public var headRows = 1_000_000
    /// Bytes of an environment's head at which it is sealed.
    public var headBytes = 256 << 20
    /// Nanoseconds after which the oldest batch of a head is sealed.
    public var headAge: Int64 = 3_600 * 1_000_000_000
    /// Bytes of log that one environment's head may hold back.
    public var heldLogBytes = 1 << 30
    /// Bytes of batches in all heads together above which the writer lets requests wait for seals.
    public var slowBytes = 512 << 20
    /// Nanoseconds one group waits for seals at most.
    public var slowWait: Int64 = 5_000_000_000
    /// Rows of batches in all heads together at which appends are refused as `overloaded`: sealing
    /// does not keep up, or fails.
    public var unsealedRows = 8_000_000
    /// Bytes of batches in all heads together at which appends are refused as `overloaded`.
    public var unsealedBytes = 1 << 30

    // MARK: - Segments

    /// Rows of one segment, about.
    public var segmentRows = 1_000_000
    /// Entries of footers (columns times row groups, a third of a kibibyte each) in the segments of
    /// an environment that are opened at the start, the latest first; others when they are asked for.
    public var openedFooterEntries = 200_000
    /// UTC days a seal writes segments of their own for; the rest share a mixed one.
    public var daysPerSeal = 8
    /// Segments of one day from which compaction makes one.
    public var compactionSegments = 4
    /// Bytes of the files of which compaction makes one: their columns are in memory one by one.
    public var compactionBytes: UInt64 = 256 << 20
    /// The part of a segment that must be dead for a rewrite, in percent.
    public var deadPercent = 30
    /// Runs that retention lets go of with one edit; what is to outlive them is counted before.
    public var runsPerDrop = 16
    /// Nanoseconds retention waits after a start or a jump of the clock.
    public var retentionCaution: Int64 = 600 * 1_000_000_000
    /// Nanoseconds by which the clocks may part before it counts as a jump.
    public var clockJump: Int64 = 3_600 * 1_000_000_000

    // MARK: - Manifest

    /// Bytes of edits after which the manifest is written anew, if that halves it.
    public var manifestBytes = 4 << 20
    /// Environments in one store.
    public var environments = 1_000

    public init() {}
}

/// Bounds that are part of a format: what a reader refuses to believe.
enum FormatLimits {
    /// Bytes of an environment's name, as UTF-8.
    static let environmentNameBytes = 128
    /// Bytes of an idempotency key.
    static let keyBytes = 1_024
    /// Bytes of a remembered answer.
    static let answerBytes = 4 << 20
    /// Batches of one record.
    static let batchesPerRecord = 4_096
    /// Bytes of a log file that a reader opens.
    static let logFileBytes = 1 << 30
    /// Bytes of a manifest that a reader opens.
    static let manifestBytes = 1 << 30
    /// Bytes of one manifest edit.
    static let editBytes = 512 << 20
    /// Receipts of erasures kept by an environment; the oldest go first.
    static let receipts = 10_000
    /// Bytes of a receipt's condition, without its values.
    static let conditionBytes = 64 << 10
    /// Bytes of a receipt's id and of its digest.
    static let receiptBytes = 64
    /// Bytes of a segment's file name.
    static let fileNameBytes = 64
}
