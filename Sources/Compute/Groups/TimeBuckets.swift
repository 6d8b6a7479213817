internal import Bytes
public import Events

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

    /// The bucket of each row, in the narrowest array; 0 for rows beyond the buckets.
    ///
    /// - Parameter runs: stretches of rows within which times ascend, as `EventSource` has them.
    public func buckets(_ times: [Int64], ascending runs: [Range<Int>]) -> CodeArray {
        switch count - 1 {
        case ...Int(UInt8.max): .bytes(filled(times, runs))
        case ...Int(UInt16.max): .words(filled(times, runs))
        default: .longs(filled(times, runs))
        }
    }

    private func filled<Code: FixedWidthInteger & UnsignedInteger>(
        _ times: [Int64], _ runs: [Range<Int>]
    ) -> [Code] {
        var codes = [Code](repeating: 0, count: times.count)
        times.withUnsafeBufferPointer { times in
            codes.withUnsafeMutableBufferPointer { codes in
                if runs.isEmpty { fillRowByRow(times, codes) }
                for run in runs { fill(times, codes, run) }
            }
        }
        return codes
    }

    /// Fast path: where times ascend, a bucket is a stretch of rows whose end is found by halving.
    private func fill<Code: FixedWidthInteger & UnsignedInteger>(
        _ times: UnsafeBufferPointer<Int64>, _ codes: UnsafeMutableBufferPointer<Code>,
        _ run: Range<Int>
    ) {
        var row = run.lowerBound
        while row < run.upperBound {
            let bucket = bucket(of: times[row])
            // Wide: the last bucket may end beyond the last time there is.
            let end = Int128(origin) + Int128(bucket + 1) * Int128(width)
            var (low, high) = (row + 1, run.upperBound)
            while low < high {
                let middle = (low + high) / 2
                if Int128(times[middle]) < end { low = middle + 1 } else { high = middle }
            }
            if bucket > 0, bucket < count {
                codes[row..<low].update(repeating: Code(truncatingIfNeeded: bucket))
            }
            row = low
        }
    }

    /// Slow path, for rows in any order: a row mostly falls in the bucket of the row before, so it
    /// costs two comparisons, and a division only where a bucket begins.
    private func fillRowByRow<Code: FixedWidthInteger & UnsignedInteger>(
        _ times: UnsafeBufferPointer<Int64>, _ codes: UnsafeMutableBufferPointer<Code>
    ) {
        var code: Code = 0
        var (start, last) = (Int64.max, Int64.min)
        for row in 0..<times.count {
            let time = times[row]
            if time < start || time > last {
                let bucket = bucket(of: time)
                code = bucket >= 0 && bucket < count ? Code(truncatingIfNeeded: bucket) : 0
                let first = Int128(origin) + Int128(bucket) * Int128(width)
                start = Int64(clamping: first)
                last = Int64(clamping: first + Int128(width) - 1)
            }
            codes[row] = code
        }
    }

    /// The bucket's number; negative or beyond `count` for times outside.
    private func bucket(of time: Int64) -> Int {
        let (distance, overflow) = time.subtractingReportingOverflow(origin)
        if overflow {
            // Unsigned: from the origin to a time may be more than an Int64 holds.
            if time < origin { return -1 }
            return Int(UInt64(bitPattern: time &- origin) / UInt64(width))
        }
        if distance < 0 { return -1 - Int((-1 - distance) / width) }
        return Int(distance / width)
    }
}
