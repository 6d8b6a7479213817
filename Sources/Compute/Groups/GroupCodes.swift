internal import Bytes
public import Events

/// A column as codes to group by, whatever lanes it has; 0 for missing.
public struct GroupCodes {
    public let dictionary: ValueDictionary
    public let codes: CodeArray

    /// Fast path: a column of codes is what it is.
    ///
    /// Others get a dictionary of their own.
    public init(_ column: Column?, rows: Int) {
        guard let column else {
            dictionary = .empty
            codes = .bytes([UInt8](repeating: 0, count: rows))
            return
        }
        if let lane = column.coded, column.ints == nil, column.floats == nil, column.texts == nil {
            dictionary = lane.dictionary
            codes = lane.codes
            return
        }
        let builder = DictionaryBuilder(expected: 4096)
        var codes = [UInt32](repeating: 0, count: rows)
        if let lane = column.coded {
            let map = builder.codes(ofEntriesIn: lane.dictionary)
            for row in 0..<rows { codes[row] = map[Int(lane.codes[row])] }
        }
        if let lane = column.ints {
            for row in 0..<rows where lane.holds(row) {
                codes[row] = builder.code(of: lane.values[row])
            }
        }
        if let lane = column.floats {
            for row in 0..<rows where lane.holds(row) {
                codes[row] = builder.code(of: lane.values[row])
            }
        }
        if let lane = column.texts {
            lane.text.withUnsafeBufferPointer { text in
                for row in 0..<rows where lane.present?[row] ?? true {
                    let range = Int(lane.offsets[row])..<Int(lane.offsets[row + 1])
                    codes[row] = builder.code(of: UnsafeBufferPointer(rebasing: text[range]))
                }
            }
        }
        dictionary = builder.dictionary()
        self.codes = CodeArray(codes, highest: UInt32(builder.count))
    }

    /// The codes of the listed rows (all rows for nil), at full width.
    public func gathered(_ rows: [UInt32]?) -> [UInt32] {
        guard let rows else { return codes.widened() }
        switch codes {
        case .bytes(let codes): return rows.map { UInt32(codes[Int($0)]) }
        case .words(let codes): return rows.map { UInt32(codes[Int($0)]) }
        case .longs(let codes): return rows.map { codes[Int($0)] }
        }
    }
}

/// Numbers the time buckets of events.
public struct TimeBuckets: Hashable, Sendable {
    /// Start of bucket 0, a multiple of `width`; nanoseconds since 1970.
    public let origin: Int64
    /// Nanoseconds, at least 1.
    public let width: Int64
    public let count: Int

    public init(origin: Int64, width: Int64, count: Int) {
        precondition(width >= 1 && count >= 1, "BUG: time buckets without width")
        self.origin = origin
        self.width = width
        self.count = count
    }

    public func start(ofBucket bucket: Int) -> Int64 { origin &+ Int64(bucket) &* width }

    /// The bucket of each listed row; all times lie within the buckets.
    ///
    /// Segments are sorted by time, so a row mostly falls in the bucket of the row before: it costs
    /// two comparisons, and a division only where a bucket begins.
    public func buckets(_ times: [Int64], _ rows: [UInt32]?) -> [UInt32] {
        let total = rows?.count ?? times.count
        return [UInt32](unsafeUninitializedCapacity: total) { result, initialized in
            var bucket: UInt32 = 0
            var start = origin
            var end = origin &+ width
            for place in 0..<total {
                let time = times[rows.map { Int($0[place]) } ?? place]
                if time < start || time >= end {
                    // Unsigned: from the origin to a time may be more than an Int64 holds.
                    let distance = UInt64(bitPattern: time &- origin)
                    bucket = UInt32(truncatingIfNeeded: distance / UInt64(width))
                    start = origin &+ Int64(bucket) &* width
                    end = start &+ width
                }
                result[place] = bucket
            }
            initialized = total
        }
    }
}
