import Bytes
import Events
import Testing

@testable import Compute

@Suite struct ComparedRowsTests {
    /// A lane whose number at each row is the row's, where a bit of the mask is set.
    private func lane(rows: Int, _ isPresent: (Int) -> Bool) -> NumberLane<Int64> {
        var present = Bitmap(count: rows)
        let numbers = (0..<rows).filter(isPresent)
        present.withMutableWords { words in
            for row in numbers { words[row >> 6] |= 1 << UInt64(row & 63) }
        }
        return NumberLane(packed: numbers.map { Int64($0) }, present: present)
    }

    private func visited(_ rows: ComparedRows, in lane: NumberLane<Int64>) -> [Int] {
        var visited: [Int] = []
        rows.forEach(in: lane) { row, number in
            #expect(Int(number) == row)
            visited.append(row)
        }
        return visited
    }

    private func bitmap(of rows: [Int], count: Int) -> Bitmap {
        var bitmap = Bitmap(count: count)
        bitmap.withMutableWords { words in
            for row in rows { words[row >> 6] |= 1 << UInt64(row & 63) }
        }
        return bitmap
    }

    @Test func `every row that is asked for and has a number is met, for all sets of a few rows`() {
        let rows = 7
        for present in 0..<1 << rows {
            let lane = lane(rows: rows) { present >> $0 & 1 == 1 }
            for asked in 0..<1 << rows {
                let listed = (0..<rows).filter { asked >> $0 & 1 == 1 }
                let expected = listed.filter { present >> $0 & 1 == 1 }
                let some = ComparedRows(bitmap(of: listed, count: rows))
                #expect(some.listed == listed)
                #expect(visited(some, in: lane) == expected, "\(listed) of \(present)")
                #expect(visited(.list(listed.map { UInt16($0) }), in: lane) == expected)
            }
        }
    }

    @Test(arguments: [1, 2, 3, 5, 63, 64, 65])
    func `rows on both sides of a word of the bitmap are met`(step: Int) {
        let rows = 300
        let lane = lane(rows: rows) { $0 % step == 0 }
        for start in [0, 1, 62, 63, 64, 65, 127, 128, 200] {
            for end in [start, start + 1, 64, 65, 128, 129, 256, 299, 300] where end >= start {
                let expected = (start..<end).filter { $0 % step == 0 }
                #expect(visited(.range(start..<end), in: lane) == expected, "\(start)..<\(end)")
                let others = (start..<end).filter { $0 % 3 != 1 }
                #expect(
                    visited(.list(others.map { UInt16($0) }), in: lane)
                        == others.filter { $0 % step == 0 })
            }
        }
    }
}
