import Bytes
@testable import Compute
import Events
import TestSupport
import Testing

/// Rows counted by comparing or by tables are as many as a loop counts.
@Suite struct CountKernelTests {
    @Test(arguments: [0, 1, 15, 16, 31, 33, 63, 255, 256, 300, 4_079, 8_159, 8_161, 40_000])
    func `each cell counts the rows that name it`(rows: Int) {
        var random = SeededRandom(seed: UInt64(rows))
        for cells in [1, 2, 7, 8, 9, 16, 17, 24, 31, 32, 33, 100, 256] {
            let state = CountState(needsValue: false)
            state.grow(toCells: cells)
            var expected = [UInt64](repeating: 0, count: cells)
            // The second time adds to what is there.
            for _ in 0..<2 {
                let named = (0..<rows).map { _ in UInt8(random.next() % UInt64(cells)) }
                for cell in named { expected[Int(cell)] += 1 }
                let grouped = GroupedRows(
                    rows: rows, selection: nil, cells: .bytes(named), weights: nil)
                state.update(grouped, AggregateInput(nil, rows: rows))
            }
            #expect((0..<cells).map { state.count(ofCell: $0) } == expected, "\(cells) cells")
        }
    }

    @Test(arguments: [0, 1, 15, 17, 63, 64, 65, 300, 5_000])
    func `each cell counts the rows that name it and are taken`(rows: Int) {
        var random = SeededRandom(seed: UInt64(rows) + 1)
        for cells in [1, 8, 9, 33, 100, 254, 255, 256] {
            // Of so many rows one is taken, or all but one.
            for share in [1, 2, 3, 7, 50, -2, -50] as [Int64] {
                let state = CountState(needsValue: false)
                state.grow(toCells: cells)
                let named = (0..<rows).map { _ in UInt8(random.next() % UInt64(cells)) }
                var taken = Bitmap(count: rows)
                var expected = [UInt64](repeating: 0, count: cells)
                for row in 0..<rows {
                    guard (random.next() % share.magnitude == 0) == (share > 0) else { continue }
                    taken[row] = true
                    expected[Int(named[row])] += 1
                }
                let grouped = GroupedRows(
                    rows: rows, selection: taken, cells: .bytes(named), weights: nil)
                state.update(grouped, AggregateInput(nil, rows: rows))
                #expect(
                    (0..<cells).map { state.count(ofCell: $0) } == expected,
                    "\(cells) cells, one in \(share)")
            }
        }
    }
}
