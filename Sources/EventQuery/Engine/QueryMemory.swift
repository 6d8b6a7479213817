internal import Synchronization

/// The memory that all questions share: what they hold of it is counted, and none may take it all.
///
/// Every question has a share of its own besides (`QueryOptions.memoryLimit`).
public final class QueryMemory: Sendable {
    /// Bytes that all questions may hold together.
    public let bytesMax: Int
    private let held = Atomic<Int>(0)

    public init(bytesMax: Int = .max) { self.bytesMax = bytesMax }

    /// Bytes held now.
    public var heldBytes: Int { held.load(ordering: .relaxed) }

    /// Notes that so many bytes more are held; answers whether they fit.
    func hold(_ bytes: Int) -> Bool {
        let all = held.wrappingAdd(bytes, ordering: .relaxed).newValue
        return bytes <= 0 || all <= bytesMax
    }
}

/// What one question holds for the events of its answer, until they are there.
final class MemoryShare: Sendable {
    private let memory: QueryMemory
    private let held = Atomic<Int>(0)

    init(_ memory: QueryMemory) { self.memory = memory }

    deinit { _ = memory.hold(-held.load(ordering: .relaxed)) }

    /// Throws `QueryFailure.memoryIsShort` when so many bytes more do not fit.
    func hold(_ bytes: Int) throws(QueryFailure) {
        held.wrappingAdd(bytes, ordering: .relaxed)
        if !memory.hold(bytes) { throw .memoryIsShort }
    }
}
