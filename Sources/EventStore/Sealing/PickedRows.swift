internal import Bytes
internal import Events

/// Some rows of a row group as a source of their own, each column read when it is asked for.
///
/// What a rewrite puts into a segment: at no time is more than one column of it in memory.
final class PickedRows: EventSource {
    private let group: SegmentRowGroup
    /// Ascending.
    private let picked: [Int]
    let timeBounds: ClosedRange<Int64>

    /// The group itself when all rows are picked, nil when none are.
    static func source(_ rows: Bitmap, of group: SegmentRowGroup) throws -> (any EventSource)? {
        let count = rows.population
        if count == group.rows { return group }
        return count == 0 ? nil : try PickedRows(rows, of: group)
    }

    private init(_ rows: Bitmap, of group: SegmentRowGroup) throws {
        self.group = group
        var picked: [Int] = []
        rows.forEachRow { picked.append($0) }
        self.picked = picked
        let times = try group.loadTimestamps()
        let own = picked.map { times[$0] }
        timeBounds = (own.min() ?? 0)...(own.max() ?? 0)
    }

    var rows: Int { picked.count }
    var fieldNames: [String] { group.fieldNames }

    func loadTimestamps() throws -> [Int64] {
        let times = try group.loadTimestamps()
        return picked.map { times[$0] }
    }

    func loadReceived() throws -> [Int64] {
        let received = try group.loadReceived()
        return picked.map { received[$0] }
    }

    func loadSampleRates() throws -> [UInt32]? {
        try group.loadSampleRates().map { rates in picked.map { rates[$0] } }
    }

    func loadDatasets() throws -> CodedLane { try group.loadDatasets().selecting(picked) }

    func loadColumn(_ name: String) throws -> Column? {
        try group.loadColumn(name)?.selecting(picked)
    }

    func storedByteCount(ofColumn name: String) -> Int { group.storedByteCount(ofColumn: name) }
}

extension SegmentRowGroup {
    /// The rows whose dataset is not among the dead ones.
    func livingRows(dead: Set<String>) throws -> Bitmap {
        var living = Bitmap(count: rows, repeating: true)
        if dead.isEmpty { return living }
        let lane = try loadDatasets()
        let isDead = (0...lane.dictionary.count).map { code -> Bool in
            guard case .string(let name) = lane.dictionary.value(ofCode: UInt32(code)) else {
                return false
            }
            return dead.contains(name)
        }
        for row in 0..<rows where isDead[Int(lane.codes[row])] { living[row] = false }
        return living
    }
}
