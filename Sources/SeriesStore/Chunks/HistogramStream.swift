internal import Bytes

/// Native histograms as the change of each count.
///
/// Layout, for each histogram; its sum is in a stream of values:
///
/// ```
/// 1 bit     0: the buckets are those of the one before; 1: they follow
///             schema 8 bits, zero threshold 64 bits, then positive and negative spans, each as
///             their number and for each an offset and a length, then custom bounds as their number
///             and 64 bits each; numbers and lengths are varints, offsets signed ones
/// 1 bit     0: the counter reset is that of the one before; 1: 2 bits follow
/// 1 bit     0: all counts are integers; 1: some are not
/// counts    of all, of the zero bucket, of positive and of negative buckets: how each differs from the
///           same one before, which is 0 in new buckets
///             integers  0, or 10 4 bits, 110 8 bits, 1110 16 bits, 1111 64 bits: zigzag
///             floats    0, or 1, zeros above 6 bits, length less one 6 bits, bits of the XOR
/// ```
struct HistogramEncoder: Sendable {
    private var layout = HistogramLayout()
    private var counterReset = NativeHistogram.CounterReset.unknown
    private var counts: [Double] = [0, 0]
    private(set) var stream = BitWriter()

    mutating func append(_ histogram: NativeHistogram) {
        let next = HistogramLayout(histogram)
        if next == layout {
            stream.writeZero()
        } else {
            stream.write(1, 1)
            next.encode(into: &stream)
            layout = next
            counts = [Double](repeating: 0, count: 2 + next.buckets)
        }
        if histogram.counterReset == counterReset {
            stream.writeZero()
        } else {
            counterReset = histogram.counterReset
            stream.write(0b100 | UInt64(counterReset.rawValue), 3)
        }
        append(
            counts: [histogram.count, histogram.zeroCount] + histogram.positiveBuckets
                + histogram.negativeBuckets)
    }

    private mutating func append(counts next: [Double]) {
        precondition(next.count == counts.count, "BUG: buckets that no span tells of")
        if next.allSatisfy(HistogramEncoder.isInteger)
            && counts.allSatisfy(HistogramEncoder.isInteger)
        {
            stream.writeZero()
            for (value, before) in zip(next, counts) { write(Int64(value) - Int64(before)) }
        } else {
            stream.write(1, 1)
            for (value, before) in zip(next, counts) { write(value.bitPattern ^ before.bitPattern) }
        }
        counts = next
    }

    /// Whether a count is the same after it was an integer, of at most 2^53.
    private static func isInteger(_ value: Double) -> Bool {
        guard value.magnitude <= 0x1p53 else { return false }
        return Double(Int64(value)).bitPattern == value.bitPattern
    }

    private mutating func write(_ change: Int64) {
        let code = UInt64(bitPattern: change << 1 ^ change >> 63)
        switch code {
        case 0: stream.writeZero()
        case ..<(1 << 4): stream.write(0b10 << 4 | code, 6)
        case ..<(1 << 8): stream.write(0b110 << 8 | code, 11)
        case ..<(1 << 16): stream.write(0b1110 << 16 | code, 20)
        default:
            stream.write(0b1111, 4)
            stream.write(code, 64)
        }
    }

    private mutating func write(_ difference: UInt64) {
        guard difference != 0 else {
            stream.writeZero()
            return
        }
        let leading = difference.leadingZeroBitCount
        let length = 64 - leading - difference.trailingZeroBitCount
        stream.write(1 << 12 | UInt64(leading) << 6 | UInt64(length - 1), 13)
        stream.write(difference >> UInt64(difference.trailingZeroBitCount), length)
    }
}

/// Reads the histograms of a chunk, one after the other.
struct HistogramDecoder {
    private var reader: BitReader
    private var layout = HistogramLayout()
    private var counterReset = NativeHistogram.CounterReset.unknown
    private var counts: [Double] = [0, 0]

    init(_ stream: UnsafeBufferPointer<UInt8>) { reader = BitReader(stream) }

    /// The next histogram, with a sum that was read elsewhere.
    mutating func next(sum: Double) throws(DecodeError) -> NativeHistogram {
        if reader.read(1) == 1 {
            layout = try HistogramLayout(decoding: &reader)
            counts = [Double](repeating: 0, count: 2 + layout.buckets)
        }
        if reader.read(1) == 1 {
            counterReset =
                NativeHistogram.CounterReset(rawValue: UInt8(reader.read(2))) ?? .unknown
        }
        if reader.read(1) == 0 {
            for place in counts.indices { counts[place] = try nextInteger(after: counts[place]) }
        } else {
            for place in counts.indices { counts[place] = try nextFloat(after: counts[place]) }
        }
        let positives = 2 + layout.positiveBuckets
        return NativeHistogram(
            counterReset: counterReset, schema: layout.schema,
            zeroThreshold: Double(bitPattern: layout.zeroThresholdBits), zeroCount: counts[1],
            count: counts[0], sum: sum, positiveSpans: layout.positive,
            positiveBuckets: Array(counts[2..<positives]), negativeSpans: layout.negative,
            negativeBuckets: Array(counts[positives...]),
            customBounds: layout.customBoundBits.map { Double(bitPattern: $0) })
    }

    private mutating func nextInteger(after value: Double) throws(DecodeError) -> Double {
        let (prefix, bits) =
            switch (~reader.window).leadingZeroBitCount {
            case 0: (1, 0)
            case 1: (2, 4)
            case 2: (3, 8)
            case 3: (4, 16)
            default: (4, 64)
            }
        guard let before = Int64(exactly: value) else {
            throw DecodeError("an integer after a float", at: reader.position / 8)
        }
        reader.skip(prefix)
        if bits == 0 { return value }
        let code = reader.read(bits)
        return Double(before &+ (Int64(bitPattern: code >> 1) ^ -Int64(bitPattern: code & 1)))
    }

    private mutating func nextFloat(after value: Double) throws(DecodeError) -> Double {
        if reader.read(1) == 0 { return value }
        let leading = Int(reader.read(6))
        let length = Int(reader.read(6)) + 1
        guard leading + length <= 64 else {
            throw DecodeError("a difference of over 64 bits", at: reader.position / 8)
        }
        let difference = reader.read(length) << UInt64(64 - leading - length)
        return Double(bitPattern: value.bitPattern ^ difference)
    }
}
