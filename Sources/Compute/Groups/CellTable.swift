internal import CKernels

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

    func cells(_ codes: [[UInt32]], count rows: Int) -> [UInt32] {
        var cells = [UInt32](repeating: 0, count: rows)
        var row = [UInt32](repeating: 0, count: width)
        for index in 0..<rows {
            for dimension in 0..<width { row[dimension] = codes[dimension][index] }
            cells[index] = UInt32(cell(row))
        }
        return cells
    }

    /// The cell of one combination, made when it is new.
    func cell(_ row: [UInt32]) -> Int {
        let key = key(row)
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
        if let strides {
            for dimension in 0..<width { key &+= UInt64(row[dimension]) &* strides[dimension] }
        } else {
            for code in row { key = wf_hash64(key &+ UInt64(code)) }
        }
        return key
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
