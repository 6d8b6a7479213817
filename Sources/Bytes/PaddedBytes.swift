/// Bytes followed by `padding` zero bytes that may be read, as scanners that look 16 bytes ahead need.
///
/// Layout: `count` bytes, then at least 64 zeros. Filled by one owner, then handed on and only read.
// SENDABLE: whoever fills it is its only owner until it is handed on; afterwards nobody writes.
public final class PaddedBytes: @unchecked Sendable {
    /// Zero bytes after the last one.
    public static let padding = 64

    private var base: UnsafeMutablePointer<UInt8>
    /// Bytes it can hold before it moves.
    private var capacity: Int
    public private(set) var count = 0

    /// Room for `capacity` bytes in one allocation; more may come.
    public init(capacity: Int) {
        self.capacity = max(capacity, 0)
        base = .allocate(capacity: self.capacity + PaddedBytes.padding)
        clearPadding()
    }

    public convenience init(_ bytes: some Sequence<UInt8>) {
        let bytes = ContiguousArray(bytes)
        self.init(capacity: bytes.count)
        bytes.withUnsafeBytes { append($0) }
    }

    deinit { base.deallocate() }

    public func append(_ source: UnsafeRawBufferPointer) {
        append(upTo: source.count) { target in
            if source.count > 0 { target.copyMemory(from: source) }
            return source.count
        }
    }

    /// Lets `body` write up to `room` bytes at the end; it returns how many it wrote.
    public func append<E: Error>(
        upTo room: Int, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> Int
    ) throws(E) {
        if count + room > capacity { grow(toHold: count + room) }
        let free = UnsafeMutableRawBufferPointer(start: base + count, count: room)
        defer { clearPadding() }
        let written = try body(free)
        precondition(written >= 0 && written <= room, "BUG: more written than there was room")
        count += written
    }

    /// The bytes alone, valid during the call; the padding follows them.
    public func withBytes<R, E: Error>(
        _ body: (UnsafeBufferPointer<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        try body(UnsafeBufferPointer(start: base, count: count))
    }

    private func grow(toHold needed: Int) {
        let wider = max(needed, capacity * 2)
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: wider + PaddedBytes.padding)
        moved.update(from: base, count: count)
        base.deallocate()
        base = moved
        capacity = wider
    }

    private func clearPadding() {
        (base + count).update(repeating: 0, count: PaddedBytes.padding)
    }
}
