internal import CKernels
internal import Events

/// Counts rows by dictionary code, source by source as long as they share the dictionary.
///
/// One for a thread, used for field after field: the table is all zeros between two dictionaries, so
/// a few rows of a large dictionary cost those few entries, not the table.
public final class CodeCounts {
    private var sums: UnsafeMutablePointer<UInt64>
    /// Codes whose count is not zero, unless `isDense`.
    private var touched: UnsafeMutablePointer<UInt32>
    private var touchedCount = 0
    private var capacity = 1024
    /// Codes were counted without noting which.
    private var isDense = false

    public init() {
        sums = .allocate(capacity: capacity)
        sums.initialize(repeating: 0, count: capacity)
        touched = .allocate(capacity: capacity)
    }

    deinit {
        sums.deallocate()
        touched.deallocate()
    }

    /// Bytes held.
    public var byteCount: Int { capacity * 12 }

    /// Makes room for the codes of a dictionary; what was counted before must have been drained.
    func begin(codes: Int) {
        precondition(touchedCount == 0 && !isDense, "BUG: counts of two dictionaries")
        // One beyond the highest code, and one that `touched` is written at before it is decided.
        if codes + 2 <= capacity { return }
        sums.deallocate()
        touched.deallocate()
        capacity = codes + 2
        sums = .allocate(capacity: capacity)
        sums.initialize(repeating: 0, count: capacity)
        touched = .allocate(capacity: capacity)
    }

    /// Counts the codes of some rows, each as often as its weight says, once without weights.
    func add(_ codes: CodeArray, _ rows: ComparedRows, weights: [UInt32]?, dictionaryCount: Int) {
        switch codes {
        case .bytes(let codes):
            if weights == nil, case .range(let range) = rows, range.count >= 1024 {
                codes.withUnsafeBufferPointer { codes in
                    let some = UnsafeBufferPointer(rebasing: codes[range])
                    guard let first = some.baseAddress else { return }
                    wf_count8(first, some.count, sums, dictionaryCount + 1)
                }
                isDense = true
            } else {
                add(codes, rows, weights, dictionaryCount)
            }
        case .words(let codes): add(codes, rows, weights, dictionaryCount)
        case .longs(let codes): add(codes, rows, weights, dictionaryCount)
        }
    }

    private func add<Code: FixedWidthInteger>(
        _ codes: [Code], _ rows: ComparedRows, _ weights: [UInt32]?, _ dictionaryCount: Int
    ) {
        let sums = sums
        codes.withUnsafeBufferPointer { codes in
            if rows.count > dictionaryCount {
                isDense = true
                if let weights {
                    rows.forEach(fetching: codes) { sums[Int($1)] &+= UInt64(weights[$0]) }
                } else {
                    rows.forEach(fetching: codes) { sums[Int($1)] &+= 1 }
                }
                return
            }
            let touched = touched
            var count = touchedCount
            let near = { (code: Code) in wf_prefetch(sums + Int(code)) }
            if let weights {
                rows.forEach(fetching: codes, near: near) { row, code in
                    let code = Int(code)
                    touched[count] = UInt32(truncatingIfNeeded: code)
                    count += sums[code] == 0 ? 1 : 0
                    sums[code] &+= UInt64(weights[row])
                }
            } else {
                rows.forEach(fetching: codes, near: near) { _, code in
                    let code = Int(code)
                    touched[count] = UInt32(truncatingIfNeeded: code)
                    count += sums[code] == 0 ? 1 : 0
                    sums[code] &+= 1
                }
            }
            touchedCount = count
        }
    }

    /// Codes between `far` and `near`, and from there to when a code is given out.
    private static var codesAhead: Int { 8 }

    /// Gives out each code from 1 that was counted, with its count, and forgets all.
    ///
    /// Codes that lie anywhere are told to `far` and then to `near` some codes before, each at least
    /// once: 0 among them.
    @inline(__always)
    func drain(
        codes: Int, far: (Int) -> Void = { _ in }, near: (Int) -> Void = { _ in },
        _ body: (Int, UInt64) -> Void
    ) {
        if isDense {
            for code in 1..<(codes + 1) where sums[code] != 0 { body(code, sums[code]) }
            sums.update(repeating: 0, count: codes + 1)
        } else {
            let last = touchedCount - 1
            for place in 0..<touchedCount {
                far(Int(touched[min(place + 2 * CodeCounts.codesAhead, last)]))
                near(Int(touched[min(place + CodeCounts.codesAhead, last)]))
                let code = Int(touched[place])
                if code != 0 { body(code, sums[code]) }
                sums[code] = 0
            }
        }
        touchedCount = 0
        isDense = false
    }
}
