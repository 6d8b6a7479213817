import Bytes

@testable import SeriesStore

/// Reads a chunk of floats bit by bit, as the format says: the oracle of the decoder.
struct ReferenceChunk {
    private let bits: [Bool]
    private var place = 0

    private init(_ bytes: ArraySlice<UInt8>) {
        bits = bytes.flatMap { byte in (0..<8).map { byte >> (7 - $0) & 1 == 1 } }
    }

    private mutating func bit() -> Bool {
        defer { place += 1 }
        return place < bits.count && bits[place]
    }

    private mutating func number(_ count: Int) -> UInt64 {
        var value: UInt64 = 0
        for _ in 0..<count { value = value << 1 | (bit() ? 1 : 0) }
        return value
    }

    static func samples(_ chunk: [UInt8]) throws -> [Sample] {
        var reader = ByteReader(chunk)
        _ = try reader.read(UInt8.self)
        let count = Int(try reader.readVarint())
        let first = try reader.readSignedVarint()
        let step = count > 1 ? Int64(bitPattern: try reader.readVarint()) : 0
        var times = ReferenceChunk(try reader.readBlob(limit: chunk.count))
        var values = ReferenceChunk(try reader.readBytes(reader.remaining))
        let timestamps = times.timestamps(count, first, step)
        return zip(timestamps, values.values(count)).map { Sample($0, $1) }
    }

    private mutating func timestamps(_ count: Int, _ first: Int64, _ step: Int64) -> [Int64] {
        var result = [first]
        var (last, step) = (first, step)
        if count > 1 {
            last += step
            result.append(last)
        }
        while result.count < count {
            var change: Int64 = 0
            if bit() {
                let width = !bit() ? 14 : !bit() ? 17 : !bit() ? 20 : 64
                let code = number(width)
                let sign = code >> UInt64(width - 1) & 1 == 1 && width < 64
                change = Int64(bitPattern: code) - (sign ? 1 << Int64(width) : 0)
            }
            step &+= change
            last &+= step
            result.append(last)
        }
        return result
    }

    private mutating func values(_ count: Int) -> [Double] {
        var (bits, leading, length) = (UInt64(0), 0, 0)
        return (0..<count).map { _ in
            if bit() {
                if bit() {
                    leading = Int(number(5))
                    length = Int(number(6)) + 1
                }
                bits ^= number(length) << UInt64(64 - leading - length)
            }
            return Double(bitPattern: bits)
        }
    }
}
