internal import Bytes

/// Timestamps as the change of the step between them, a bit for each that keeps its step.
///
/// Delta-of-delta as in Pelkonen et al., VLDB 2015, §4.1.1; differs: milliseconds, so the widths are
/// those of Prometheus.
///
/// Layout: the first timestamp and the first step are in the chunk's header. For each one after these:
///
/// ```
/// 0                 the step is that of the one before
/// 10    14 bits     the step's change, signed
/// 110   17 bits
/// 1110  20 bits
/// 1111  64 bits
/// ```
struct TimestampEncoder: Sendable {
    private(set) var first: Int64
    private(set) var firstStep: Int64 = 0
    private(set) var last: Int64
    private var step: Int64 = 0
    private(set) var count = 1
    private(set) var stream = BitWriter()

    init(first: Int64) { (self.first, last) = (first, first) }

    /// Adds a timestamp above `last`.
    mutating func append(_ timestamp: Int64) {
        let next = timestamp &- last
        if count == 1 {
            firstStep = next
        } else {
            write(next &- step)
        }
        step = next
        last = timestamp
        count += 1
    }

    private mutating func write(_ change: Int64) {
        let bits = UInt64(bitPattern: change)
        switch change {
        case 0: stream.writeZero()
        case -1 << 13..<1 << 13: stream.write(0b10 << 14 | bits & (1 << 14 - 1), 16)
        case -1 << 16..<1 << 16: stream.write(0b110 << 17 | bits & (1 << 17 - 1), 20)
        case -1 << 19..<1 << 19: stream.write(0b1110 << 20 | bits & (1 << 20 - 1), 24)
        default:
            stream.write(0b1111, 4)
            stream.write(bits, 64)
        }
    }
}

/// Reads the timestamps of a chunk.
struct TimestampDecoder {
    let first: Int64
    let firstStep: Int64

    /// Fills `target`, at least one entry.
    ///
    /// - Throws: `DecodeError` when they do not ascend.
    func decode(
        _ stream: UnsafeBufferPointer<UInt8>, into target: UnsafeMutableBufferPointer<Int64>
    ) throws(DecodeError) {
        fill(stream, target)
        for place in 1..<max(target.count, 1) where target[place] <= target[place - 1] {
            throw DecodeError("timestamps do not ascend", at: 0)
        }
    }

    private func fill(
        _ stream: UnsafeBufferPointer<UInt8>, _ target: UnsafeMutableBufferPointer<Int64>
    ) {
        var reader = BitReader(stream)
        var (timestamp, step) = (first, firstStep)
        target[0] = timestamp
        if target.count == 1 { return }
        timestamp &+= step
        target[1] = timestamp
        var place = 2
        while place < target.count {
            let window = reader.window
            // A run of timestamps that keep their step is filled at once.
            let zeros =
                reader.isAtEnd
                ? target.count : min(window.leadingZeroBitCount, BitReader.windowBits)
            let run = min(zeros, target.count &- place)
            for _ in 0..<run {
                timestamp &+= step
                target[place] = timestamp
                place &+= 1
            }
            reader.skip(run)
            if run > 0 { continue }
            step &+= TimestampDecoder.change(&reader, window)
            timestamp &+= step
            target[place] = timestamp
            place &+= 1
        }
    }

    private static func change(_ reader: inout BitReader, _ window: UInt64) -> Int64 {
        let (prefix, bits) =
            switch (~window).leadingZeroBitCount {
            case 1: (2, 14)
            case 2: (3, 17)
            case 3: (4, 20)
            default: (4, 64)
            }
        reader.skip(prefix)
        let unused = Int64(64 - bits)
        return (Int64(bitPattern: reader.read(bits)) << unused) >> unused
    }
}
