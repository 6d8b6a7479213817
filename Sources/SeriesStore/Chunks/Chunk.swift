public import Bytes

/// Samples of one series and one kind as bytes.
///
/// Layout:
///
/// ```
/// kind             1 byte: 0 floats, 1 histograms
/// samples          varint, 1 to 1,024
/// first timestamp  signed varint, milliseconds since 1970
/// first step       varint, when there are two samples
/// timestamps       varint length, a stream: TimestampEncoder
/// sums             varint length, a stream: ValueEncoder      histograms only
/// the rest         a stream: ValueEncoder or HistogramEncoder
/// ```
///
/// A stream that ends goes on with zeros, which say that nothing changes.
public enum Chunk {
    enum Kind: UInt8 {
        case floats = 0
        case histograms = 1
    }

    /// Adds the samples of a chunk, all later than those in `samples`.
    ///
    /// - Throws: `DecodeError` when the bytes are none, or do not follow what is there.
    public static func decode(
        _ bytes: ArraySlice<UInt8>, into samples: inout Samples
    ) throws(DecodeError) {
        let parts = try Parts(bytes)
        if let last = samples.timestamps.last, parts.timestamps.first <= last {
            throw DecodeError("a chunk does not follow the one before", at: 0)
        }
        // Swift cannot throw a typed error through these closures.
        var failure: DecodeError?
        withUnsafeTemporaryAllocation(of: Int64.self, capacity: parts.count) { times in
            withUnsafeTemporaryAllocation(of: UInt64.self, capacity: parts.count) { bits in
                do throws(DecodeError) {
                    try parts.decode(times, bits)
                    try parts.append(times, bits, to: &samples)
                } catch { failure = error }
            }
        }
        if let failure { throw failure }
    }

    static func encodeHeader(
        _ kind: Kind, _ timestamps: TimestampEncoder, _ stream: [UInt8],
        into writer: inout ByteWriter
    ) {
        writer.write(kind.rawValue)
        writer.writeVarint(timestamps.count)
        writer.writeSignedVarint(timestamps.first)
        if timestamps.count > 1 { writer.writeVarint(UInt64(bitPattern: timestamps.firstStep)) }
        writer.writeBlob(stream)
    }

    /// A chunk taken apart.
    private struct Parts {
        let kind: Kind
        let count: Int
        let timestamps: TimestampDecoder
        let timestampStream: ArraySlice<UInt8>
        /// Values, or the sums of histograms.
        let valueStream: ArraySlice<UInt8>
        let histogramStream: ArraySlice<UInt8>

        init(_ bytes: ArraySlice<UInt8>) throws(DecodeError) {
            var reader = ByteReader(bytes)
            guard let kind = Kind(rawValue: try reader.read(UInt8.self)) else {
                throw DecodeError("an unknown kind of chunk", at: 0)
            }
            self.kind = kind
            count = try reader.readCount(limit: SeriesLimits.samplesPerChunk, "samples of a chunk")
            guard count > 0 else { throw DecodeError("a chunk without samples", at: 1) }
            let first = try reader.readSignedVarint()
            let step = count > 1 ? Int64(bitPattern: try reader.readVarint()) : 0
            timestamps = TimestampDecoder(first: first, firstStep: step)
            timestampStream = try reader.readBlob(limit: bytes.count)
            if kind == .histograms {
                valueStream = try reader.readBlob(limit: bytes.count)
                histogramStream = try reader.readBytes(reader.remaining)
            } else {
                valueStream = try reader.readBytes(reader.remaining)
                histogramStream = []
            }
        }

        func decode(
            _ times: UnsafeMutableBufferPointer<Int64>, _ bits: UnsafeMutableBufferPointer<UInt64>
        ) throws(DecodeError) {
            var failure: DecodeError?
            timestampStream.withUnsafeBufferPointer { stream in
                do throws(DecodeError) { try timestamps.decode(stream, into: times) } catch {
                    failure = error
                }
            }
            if let failure { throw failure }
            valueStream.withUnsafeBufferPointer { stream in
                do throws(DecodeError) { try ValueDecoder.decode(stream, into: bits) } catch {
                    failure = error
                }
            }
            if let failure { throw failure }
        }

        func append(
            _ times: UnsafeMutableBufferPointer<Int64>,
            _ bits: UnsafeMutableBufferPointer<UInt64>, to samples: inout Samples
        ) throws(DecodeError) {
            guard kind == .histograms else {
                bits.withMemoryRebound(to: Double.self) { samples.append(times: times, values: $0) }
                return
            }
            var failure: DecodeError?
            histogramStream.withUnsafeBufferPointer { stream in
                var decoder = HistogramDecoder(stream)
                for place in 0..<count {
                    do throws(DecodeError) {
                        let sum = Double(bitPattern: bits[place])
                        samples.append(times[place], try decoder.next(sum: sum))
                    } catch {
                        failure = error
                        return
                    }
                }
            }
            if let failure { throw failure }
        }
    }
}
