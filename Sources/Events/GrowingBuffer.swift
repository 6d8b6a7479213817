internal import CKernels

/// A growing array of plain values with no checks and no reference counts, for the loops that build
/// columns; the owner keeps counts within bounds.
public struct GrowingBuffer<Element: BitwiseCopyable>: ~Copyable {
    @usableFromInline var start: UnsafeMutablePointer<Element>
    @usableFromInline var capacity: Int
    @usableFromInline var length = 0

    /// An empty buffer with room for so many elements.
    public init(capacity: Int) {
        self.capacity = max(capacity, 8)
        start = .allocate(capacity: self.capacity)
    }

    deinit { start.deallocate() }

    /// The first element; another place after the buffer has grown.
    @inlinable public var base: UnsafeMutablePointer<Element> {
        @inline(__always) get { start }
    }

    /// The elements that were appended.
    @inlinable public var count: Int {
        @inline(__always) get { length }
    }

    /// Appends an element.
    @inlinable @inline(__always)
    public mutating func append(_ value: Element) {
        if length == capacity { grow(toHold: length + 1) }
        start[length] = value
        length &+= 1
    }

    /// Brings the cache line behind the last element's near, which is written some appends later.
    ///
    /// The columns of wide events are too many streams for the processor to foresee: where the caches
    /// had been used for other things between two bodies, decoding took 0.94 of the time.
    @inline(__always)
    func fetchNextLine() { wf_prefetch(UnsafeRawPointer(base + count) + 56) }

    /// Appends `added` elements.
    @inlinable
    public mutating func append(_ source: UnsafePointer<Element>, count added: Int) {
        if length + added > capacity { grow(toHold: length + added) }
        (start + length).update(from: source, count: added)
        length += added
    }

    /// Makes room for `added` elements at the end and counts them; they are the caller's to write.
    @inlinable @inline(__always)
    public mutating func extend(by added: Int) -> UnsafeMutablePointer<Element> {
        if length + added > capacity { grow(toHold: length + added) }
        defer { length += added }
        return start + length
    }

    /// Takes the last element away.
    @inlinable public mutating func removeLast() { length -= 1 }

    /// Takes away what is behind the first `kept` elements.
    @inlinable public mutating func truncate(to kept: Int) { length = min(length, kept) }

    /// Keeps the memory, unless it is more than `bytesKept`.
    @inlinable
    public mutating func removeAll() {
        length = 0
        if capacity * MemoryLayout<Element>.stride > Self.bytesKept { shrink() }
    }

    /// Above it an emptied buffer begins small again: one large body must not hold memory for ever.
    @usableFromInline static var bytesKept: Int { 256 << 10 }

    @usableFromInline
    mutating func shrink() {
        start.deallocate()
        capacity = 8
        start = .allocate(capacity: capacity)
    }

    /// The element at an index below `count`.
    @inlinable
    public subscript(index: Int) -> Element {
        @inline(__always) get { start[index] }
        @inline(__always) nonmutating set { start[index] = newValue }
    }

    /// The elements as an array.
    public func array() -> [Element] { array(first: count) }

    /// The first `length` elements as an array.
    public func array(first length: Int) -> [Element] {
        // Not `Array(UnsafeBufferPointer(…))`: where the result was not used, the optimizer of Swift 6.3
        // let go of the array before it was copied into, and the copy went to memory of others.
        [Element](unsafeUninitializedCapacity: length) { target, initialized in
            if let start = target.baseAddress { start.initialize(from: base, count: length) }
            initialized = length
        }
    }

    /// The elements from `first` on, valid until the buffer changes.
    @inlinable @inline(__always)
    public func elements(from first: Int) -> UnsafeBufferPointer<Element> {
        UnsafeBufferPointer(start: base + first, count: count - first)
    }

    /// Takes the first `removed` elements away.
    public mutating func removeFirst(_ removed: Int) {
        start.update(from: start + removed, count: length - removed)
        length -= removed
    }

    @usableFromInline
    mutating func grow(toHold needed: Int) {
        let wider = max(needed, capacity * 2)
        let moved = UnsafeMutablePointer<Element>.allocate(capacity: wider)
        moved.update(from: start, count: length)
        start.deallocate()
        start = moved
        capacity = wider
    }
}
