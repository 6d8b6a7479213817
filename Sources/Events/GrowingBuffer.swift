internal import CKernels

/// A growing array of plain values with no checks and no reference counts, for the loops that build
/// columns; the owner keeps counts within bounds.
package struct GrowingBuffer<Element: BitwiseCopyable>: ~Copyable {
    @usableFromInline package private(set) var base: UnsafeMutablePointer<Element>
    @usableFromInline package private(set) var capacity: Int
    @usableFromInline package private(set) var count = 0

    package init(capacity: Int) {
        self.capacity = max(capacity, 8)
        base = .allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    @inlinable @inline(__always)
    package mutating func append(_ value: Element) {
        if count == capacity { grow(toHold: count + 1) }
        base[count] = value
        count &+= 1
    }

    /// Brings the cache line behind the last element's near, which is written some appends later.
    ///
    /// The columns of wide events are too many streams for the processor to foresee: where the caches
    /// had been used for other things between two bodies, decoding took 0.94 of the time.
    @inline(__always)
    func fetchNextLine() { wf_prefetch(UnsafeRawPointer(base + count) + 56) }

    @inlinable
    package mutating func append(_ source: UnsafePointer<Element>, count added: Int) {
        if count + added > capacity { grow(toHold: count + added) }
        (base + count).update(from: source, count: added)
        count += added
    }

    /// Makes room for `added` elements at the end and counts them; they are the caller's to write.
    @inlinable @inline(__always)
    package mutating func extend(by added: Int) -> UnsafeMutablePointer<Element> {
        if count + added > capacity { grow(toHold: count + added) }
        defer { count += added }
        return base + count
    }

    @inlinable package mutating func removeLast() { count -= 1 }
    @inlinable package mutating func truncate(to length: Int) { count = min(count, length) }

    /// Keeps the memory, unless it is more than `bytesKept`.
    @inlinable
    package mutating func removeAll() {
        count = 0
        if capacity * MemoryLayout<Element>.stride > Self.bytesKept { shrink() }
    }

    /// Above it an emptied buffer begins small again: one large body must not hold memory for ever.
    @usableFromInline package static var bytesKept: Int { 256 << 10 }

    @usableFromInline
    package mutating func shrink() {
        base.deallocate()
        capacity = 8
        base = .allocate(capacity: capacity)
    }

    @inlinable
    package subscript(index: Int) -> Element {
        @inline(__always) get { base[index] }
        @inline(__always) nonmutating set { base[index] = newValue }
    }

    // Not `Array(UnsafeBufferPointer(…))`: where the result was not used, the optimizer of Swift 6.3 let
    // go of the array before it was copied into, and the copy went to memory of others.
    package func array() -> [Element] { array(first: count) }

    /// The first `length` elements.
    package func array(first length: Int) -> [Element] {
        [Element](unsafeUninitializedCapacity: length) { target, initialized in
            if let start = target.baseAddress { start.initialize(from: base, count: length) }
            initialized = length
        }
    }

    /// The elements from `first` on, valid until the buffer changes.
    @inlinable @inline(__always)
    package func elements(from first: Int) -> UnsafeBufferPointer<Element> {
        UnsafeBufferPointer(start: base + first, count: count - first)
    }

    /// Takes the first `removed` elements away.
    package mutating func removeFirst(_ removed: Int) {
        base.update(from: base + removed, count: count - removed)
        count -= removed
    }

    @usableFromInline
    package mutating func grow(toHold needed: Int) {
        let wider = max(needed, capacity * 2)
        let moved = UnsafeMutablePointer<Element>.allocate(capacity: wider)
        moved.update(from: base, count: count)
        base.deallocate()
        base = moved
        capacity = wider
    }
}
