internal import Bytes

/// Codes of values that come in bursts, such as the ids of a request seen in all its spans.
///
/// Each value is written where it first appears in the row group; a repeat says how many first
/// appearances ago its own was. Spans of a trace lie close in time, so these distances are small
/// while the codes of a large dictionary are as good as random. Layout: varint number of first
/// appearances, their codes as planes, then the distances (0: the next first appearance) as planes.
enum RecencyCodec {
    struct Split {
        /// The codes in the order of their first appearance.
        var fresh: [UInt32] = []
        /// One a row: 0 for a first appearance, else how many first appearances ago.
        var distances: [UInt32] = []

        /// What some of the rows contribute: their first appearances and their distances.
        func part(_ rows: Range<Int>) -> Split {
            let before = distances[..<rows.lowerBound].count { $0 == 0 }
            let here = distances[rows].count { $0 == 0 }
            return Split(
                fresh: Array(fresh[before..<before + here]), distances: Array(distances[rows]))
        }
    }

    /// Scratch for `split`: which code was met in this row group and when.
    struct Memory {
        fileprivate var places: [UInt32] = []
        fileprivate var met: [UInt32] = []
        fileprivate var round: UInt32 = 0

        fileprivate mutating func begin(highest: Int) {
            round += 1
            let more = max(0, highest + 1 - met.count)
            places.append(contentsOf: repeatElement(0, count: more))
            met.append(contentsOf: repeatElement(0, count: more))
        }
    }

    // MARK: - Encode

    static func split<Code: CodeInteger>(
        _ codes: UnsafeBufferPointer<Code>, highest: Code, _ memory: inout Memory
    ) -> Split {
        memory.begin(highest: Int(highest))
        let round = memory.round
        var fresh: [UInt32] = []
        let distances = [UInt32](unsafeUninitializedCapacity: codes.count) { distances, count in
            memory.places.withUnsafeMutableBufferPointer { places in
                memory.met.withUnsafeMutableBufferPointer { met in
                    for (row, code) in codes.enumerated() {
                        let index = Int(code)
                        if met[index] == round {
                            distances[row] = UInt32(fresh.count) - places[index]
                        } else {
                            met[index] = round
                            places[index] = UInt32(fresh.count)
                            fresh.append(UInt32(code))
                            distances[row] = 0
                        }
                    }
                }
            }
            count = codes.count
        }
        return Split(fresh: fresh, distances: distances)
    }

    static func encode(_ split: Split, into writer: inout ByteWriter) {
        writer.writeVarint(split.fresh.count)
        BytePlanes.encode(split.fresh, into: &writer)
        BytePlanes.encode(split.distances, into: &writer)
    }

    // MARK: - Decode

    static func decode<Code: CodeInteger>(
        _ type: Code.Type, _ reader: inout ByteReader, count: Int
    ) throws(DecodeError) -> [Code] {
        let freshCount = try reader.readCount(limit: count, "first appearances")
        let fresh = try BytePlanes.decode(Code.self, &reader, count: freshCount)
        let places = try places(&reader, count: count, freshCount: freshCount)
        return fresh.withUnsafeBufferPointer { fresh in places.map { fresh[Int($0)] } }
    }

    /// For each row which first appearance it repeats, or is: 0 ..< `freshCount`.
    static func places(
        _ reader: inout ByteReader, count: Int, freshCount: Int
    ) throws(DecodeError) -> [UInt32] {
        var places = try BytePlanes.decode(UInt32.self, &reader, count: count)
        var met: UInt32 = 0
        let isWhole = places.withUnsafeMutableBufferPointer { places in
            for row in places.indices {
                let distance = places[row]
                if distance > met { return false }
                places[row] = met - distance
                met += distance == 0 ? 1 : 0
            }
            return true
        }
        guard isWhole else {
            throw DecodeError("distance beyond the first appearances", at: reader.offset)
        }
        guard met == UInt32(freshCount) else {
            throw DecodeError("first appearances do not add up", at: reader.offset)
        }
        return places
    }
}
