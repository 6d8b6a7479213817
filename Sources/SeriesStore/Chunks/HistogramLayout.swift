internal import Bytes

/// Which buckets a histogram has; floats by their bits.
struct HistogramLayout: Hashable, Sendable {
    var schema: Int32 = 0
    var zeroThresholdBits: UInt64 = 0
    var positive: [NativeHistogram.Span] = []
    var negative: [NativeHistogram.Span] = []
    var customBoundBits: [UInt64] = []

    init() {}

    init(_ histogram: NativeHistogram) {
        schema = histogram.schema
        zeroThresholdBits = histogram.zeroThreshold.bitPattern
        positive = histogram.positiveSpans
        negative = histogram.negativeSpans
        customBoundBits = histogram.customBounds.map(\.bitPattern)
    }

    var positiveBuckets: Int { positive.reduce(0) { $0 + Int($1.length) } }
    var buckets: Int { negative.reduce(positiveBuckets) { $0 + Int($1.length) } }

    func encode(into stream: inout BitWriter) {
        stream.write(UInt64(UInt8(bitPattern: Int8(schema))), 8)
        stream.write(zeroThresholdBits, 64)
        for spans in [positive, negative] {
            stream.writeVarint(UInt64(spans.count))
            for span in spans {
                let offset = Int64(span.offset)
                stream.writeVarint(UInt64(bitPattern: offset << 1 ^ offset >> 63))
                stream.writeVarint(UInt64(span.length))
            }
        }
        stream.writeVarint(UInt64(customBoundBits.count))
        for bound in customBoundBits { stream.write(bound, 64) }
    }

    init(decoding reader: inout BitReader) throws(DecodeError) {
        schema = Int32(Int8(bitPattern: UInt8(reader.read(8))))
        zeroThresholdBits = reader.read(64)
        positive = try HistogramLayout.spans(&reader)
        negative = try HistogramLayout.spans(&reader)
        guard buckets <= SeriesLimits.histogramBuckets else {
            throw DecodeError("buckets exceed their limit: \(buckets)", at: reader.position / 8)
        }
        for _ in 0..<(try reader.readCount()) { customBoundBits.append(reader.read(64)) }
    }

    private static func spans(
        _ reader: inout BitReader
    ) throws(DecodeError) -> [NativeHistogram.Span] {
        var spans: [NativeHistogram.Span] = []
        for _ in 0..<(try reader.readCount()) {
            let code = reader.readVarint()
            let offset = Int64(bitPattern: code >> 1) ^ -Int64(bitPattern: code & 1)
            let length = try reader.readCount()
            spans.append(
                NativeHistogram.Span(
                    offset: Int32(truncatingIfNeeded: offset), length: UInt32(length)))
        }
        return spans
    }
}

extension BitWriter {
    fileprivate mutating func writeVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            write(rest & 0x7F | 0x80, 8)
            rest >>= 7
        }
        write(rest, 8)
    }
}

extension BitReader {
    /// At most ten bytes, bits beyond the 64th dropped.
    fileprivate mutating func readVarint() -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            let byte = read(8)
            value |= (byte & 0x7F) << shift
            if byte < 0x80 { break }
        }
        return value
    }

    /// A number of spans, buckets or bounds.
    fileprivate mutating func readCount() throws(DecodeError) -> Int {
        let count = readVarint()
        guard count <= UInt64(SeriesLimits.histogramBuckets) else {
            throw DecodeError("spans exceed their limit: \(count)", at: position / 8)
        }
        return Int(count)
    }
}
