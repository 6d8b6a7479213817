/// A growing array of plain values with no checks and no reference counts, for the loops that build
/// columns; the owner keeps counts within bounds.
struct GrowingBuffer<Element: BitwiseCopyable>: ~Copyable {
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var capacity: Int
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = max(capacity, 8)
        base = .allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    @inline(__always)
    mutating func append(_ value: Element) {
        if count == capacity { grow(toHold: count + 1) }
        base[count] = value
        count &+= 1
    }

    mutating func append(_ source: UnsafePointer<Element>, count added: Int) {
        if count + added > capacity { grow(toHold: count + added) }
        (base + count).update(from: source, count: added)
        count += added
    }

    mutating func removeLast() { count -= 1 }
    mutating func truncate(to length: Int) { count = min(count, length) }
    mutating func removeAll() { count = 0 }

    @inline(__always)
    subscript(index: Int) -> Element {
        get { base[index] }
        nonmutating set { base[index] = newValue }
    }

    func array() -> [Element] { Array(UnsafeBufferPointer(start: base, count: count)) }

    private mutating func grow(toHold needed: Int) {
        let wider = max(needed, capacity * 2)
        let moved = UnsafeMutablePointer<Element>.allocate(capacity: wider)
        moved.update(from: base, count: count)
        base.deallocate()
        base = moved
        capacity = wider
    }
}
