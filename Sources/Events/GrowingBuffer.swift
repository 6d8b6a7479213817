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

    @inlinable
    package mutating func append(_ source: UnsafePointer<Element>, count added: Int) {
        if count + added > capacity { grow(toHold: count + added) }
        (base + count).update(from: source, count: added)
        count += added
    }

    package mutating func removeLast() { count -= 1 }
    package mutating func truncate(to length: Int) { count = min(count, length) }
    package mutating func removeAll() { count = 0 }

    @inlinable @inline(__always)
    package subscript(index: Int) -> Element {
        get { base[index] }
        nonmutating set { base[index] = newValue }
    }

    package func array() -> [Element] { Array(UnsafeBufferPointer(start: base, count: count)) }

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
