internal import CKernels
internal import Events

/// Numbers combinations of codes in the order in which they are met: a flat hash table.
///
/// Codes of all dimensions become one 64-bit key where their product fits, else rows of codes are
/// hashed and compared whole.
final class CellTable {
    private let width: Int
    private let strides: [UInt64]?
    private var slots: [UInt32]
    private var keys: [UInt64] = []
    /// `width` codes a cell.
    private var members: [UInt32] = []
    private(set) var count = 0

    init(width: Int, strides: [UInt64]?) {
        self.width = width
        self.strides = strides
        slots = [UInt32](repeating: 0, count: 1024)
    }

    /// Bytes held, about.
    var byteCount: Int { slots.count * 4 + keys.count * 8 + members.count * 4 }

    /// The cell of each row that is taken, 0 for the others.
    func cells(_ codes: [CodeArray], _ mask: RowMask) -> [UInt32] {
        var cells = [UInt32](repeating: 0, count: mask.rows)
        let keys = keys(codes, rows: mask.rows)
        var members = [UInt32](repeating: 0, count: width)
        cells.withUnsafeMutableBufferPointer { cells in
            keys.withUnsafeBufferPointer { keys in
                mask.forEach { row in
                    if strides != nil, let known = known(keys[row]) {
                        cells[row] = known
                        return
                    }
                    for dimension in 0..<width { members[dimension] = codes[dimension][row] }
                    cells[row] = UInt32(cell(members, key: keys[row]))
                }
            }
        }
        return cells
    }

    /// The cell of a key that is there; nil when it is new.
    @inline(__always)
    private func known(_ key: UInt64) -> UInt32? {
        slots.withUnsafeBufferPointer { slots in
            keys.withUnsafeBufferPointer { keys in
                let last = slots.count &- 1
                var slot = Int(truncatingIfNeeded: wf_hash64(key)) & last
                while slots[slot] != 0 {
                    if keys[Int(slots[slot]) &- 1] == key { return slots[slot] &- 1 }
                    slot = (slot &+ 1) & last
                }
                return nil
            }
        }
    }

    /// The cell of one combination, made when it is new.
    func cell(_ row: [UInt32]) -> Int { cell(row, key: key(row)) }

    private func cell(_ row: [UInt32], key: UInt64) -> Int {
        var slot = Int(truncatingIfNeeded: wf_hash64(key)) & (slots.count - 1)
        while slots[slot] != 0 {
            let cell = Int(slots[slot]) - 1
            if keys[cell] == key && (strides != nil || isSame(row, cell)) { return cell }
            slot = (slot + 1) & (slots.count - 1)
        }
        keys.append(key)
        members.append(contentsOf: row)
        count += 1
        slots[slot] = UInt32(count)
        if count * 2 > slots.count { grow() }
        return count - 1
    }

    func code(ofCell cell: Int, in dimension: Int) -> UInt32 { members[cell * width + dimension] }

    private func key(_ row: [UInt32]) -> UInt64 {
        var key: UInt64 = 0
        for dimension in 0..<width { key = join(key, UInt64(row[dimension]), dimension) }
        return key
    }

    /// The keys of all rows, dimension by dimension.
    private func keys(_ codes: [CodeArray], rows: Int) -> [UInt64] {
        var keys = [UInt64](repeating: 0, count: rows)
        for (dimension, codes) in codes.enumerated() {
            switch codes {
            case .bytes(let codes): join(&keys, codes, dimension)
            case .words(let codes): join(&keys, codes, dimension)
            case .longs(let codes): join(&keys, codes, dimension)
            }
        }
        return keys
    }

    private func join<Code: FixedWidthInteger & UnsignedInteger>(
        _ keys: inout [UInt64], _ codes: [Code], _ dimension: Int
    ) {
        keys.withUnsafeMutableBufferPointer { keys in
            codes.withUnsafeBufferPointer { codes in
                for row in 0..<keys.count {
                    keys[row] = join(keys[row], UInt64(codes[row]), dimension)
                }
            }
        }
    }

    @inline(__always)
    private func join(_ key: UInt64, _ code: UInt64, _ dimension: Int) -> UInt64 {
        if let strides { return key &+ code &* strides[dimension] }
        return wf_hash64(key &+ code)
    }

    private func isSame(_ row: [UInt32], _ cell: Int) -> Bool {
        for dimension in 0..<width where members[cell * width + dimension] != row[dimension] {
            return false
        }
        return true
    }

    private func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for cell in 0..<count {
            var slot = Int(truncatingIfNeeded: wf_hash64(keys[cell])) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(cell + 1)
        }
    }
}
