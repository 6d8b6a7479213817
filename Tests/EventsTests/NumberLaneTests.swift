import Bytes
@testable import Events
import Testing

@Suite struct NumberLaneTests {
    /// Every presence of up to seven rows, and some of rows around those of whole words.
    static let presences: [[Bool]] =
        (0...7).flatMap { rows in
            (0..<1 << rows).map { bits in (0..<rows).map { bits >> $0 & 1 == 1 } }
        }
        + [63, 64, 65, 200].flatMap { rows in
            [2, 3, 7, 64, 1000].map { step in (0..<rows).map { $0 % step == step / 2 } }
        }

    /// What the rows hold: their number and one, nothing where they have none.
    private func numbers(_ presence: [Bool]) -> [Int64?] {
        presence.enumerated().map { $1 ? Int64($0 + 1) : nil }
    }

    private func bitmap(_ presence: [Bool]) -> Bitmap? {
        if presence.allSatisfy({ $0 }) { return nil }
        var bitmap = Bitmap(count: presence.count)
        for (row, isPresent) in presence.enumerated() where isPresent { bitmap[row] = true }
        return bitmap
    }

    private func check(_ lane: NumberLane<Int64>, holds numbers: [Int64?]) {
        #expect(lane.rows == numbers.count)
        #expect(lane.values == numbers.map { $0 ?? 0 })
        #expect(lane.packed == numbers.compactMap { $0 })
        #expect(lane.count == lane.packed.count)
        #expect(numbers.indices.map { lane[$0] } == numbers)
        #expect(numbers.indices.map { lane.holds($0) } == numbers.map { $0 != nil })
        var met = [Int64?](repeating: nil, count: numbers.count)
        #expect(
            lane.forEach { row, number in
                met[row] = number
                return true
            })
        #expect(met == numbers)
    }

    @Test func `a lane holds its numbers however it was made`() {
        for presence in NumberLaneTests.presences {
            let (numbers, present) = (numbers(presence), bitmap(presence))
            let packed = numbers.compactMap { $0 }
            check(NumberLane(packed: packed, present: present), holds: numbers)
            check(NumberLane(spreading: packed, over: present), holds: numbers)
            check(NumberLane(values: numbers.map { $0 ?? 0 }, present: present), holds: numbers)
        }
    }

    @Test func `lanes are merged in their order`() throws {
        for presence in NumberLaneTests.presences where presence.count >= 3 {
            for others in [[true, true], [false], [], [true, false, false, false, false, false]] {
                let parts = [presence, others, presence].map { part in
                    (rows: part.count, numbers: numbers(part), present: bitmap(part))
                }
                let lanes = parts.map { part -> (rows: Int, lane: NumberLane<Int64>?) in
                    let packed = part.numbers.compactMap { $0 }
                    let lane = NumberLane(packed: packed, present: part.present)
                    return (part.rows, packed.isEmpty ? nil : lane)
                }
                let rows = parts.reduce(0) { $0 + $1.rows }
                let merged = NumberLane(merging: lanes, rows: rows)
                if presence.contains(true) || others.contains(true) {
                    check(try #require(merged), holds: parts.flatMap(\.numbers))
                } else {
                    #expect(merged == nil)
                }
            }
        }
    }

    @Test func `a loop over a lane ends where it is told to`() {
        for presence in [[true, true, true], [true, false, false, false, true, true, false]] {
            let lane = NumberLane(
                packed: numbers(presence).compactMap { $0 }, present: bitmap(presence))
            var met = 0
            #expect(
                !lane.forEach { _, _ in
                    met += 1
                    return met < 2
                })
            #expect(met == 2)
        }
    }

    @Test func `a lane of few rows takes the memory of those`() {
        var present = Bitmap(count: 6400)
        for row in stride(from: 0, to: 6400, by: 64) { present[row] = true }
        let lane = NumberLane(packed: [Double](repeating: 0.5, count: 100), present: present)
        #expect(lane.byteCount == 100 * 8 + 6400 / 8)
    }
}
