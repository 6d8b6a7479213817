internal import Bytes

/// Which rows of a row group have a value.
///
/// Layout: one byte, 0 for a list of rows or 1 for a bitmap. A list (fewer than one row in 32): the
/// rows as 16-bit numbers in two byte planes. A bitmap: one plane of its words' bytes. Columns that
/// are present together have the same bytes here, and the segment keeps such a block once.
enum PresenceCodec {
    private enum Form {
        static let list: UInt8 = 0
        static let bitmap: UInt8 = 1
    }

    // MARK: - Encode

    static func encode(_ present: Bitmap) -> [UInt8] {
        var writer = ByteWriter(capacity: 1024)
        let population = present.population
        if population * 32 < present.count {
            writer.write(Form.list)
            writer.writeVarint(population)
            var rows: [UInt32] = []
            rows.reserveCapacity(population)
            present.forEachRow { rows.append(UInt32($0)) }
            BytePlanes.encode(rows, into: &writer)
        } else {
            writer.write(Form.bitmap)
            present.words.withUnsafeBytes { bytes in
                BytePlanes.writePlane(bytes.bindMemory(to: UInt8.self), into: &writer)
            }
        }
        return writer.bytes
    }

    // MARK: - Decode

    static func decode(_ bytes: ArraySlice<UInt8>, rows: Int) throws(DecodeError) -> Bitmap {
        var reader = ByteReader(bytes)
        switch try reader.read(UInt8.self) {
        case Form.list:
            let count = try reader.readCount(limit: rows, "rows present")
            let list = try BytePlanes.decode(UInt32.self, &reader, count: count)
            guard list.allSatisfy({ $0 < rows }) else {
                throw DecodeError("row beyond the row group", at: reader.offset)
            }
            var words = [UInt64](repeating: 0, count: Bitmap.wordCount(rows))
            for row in list { words[Int(row) >> 6] |= 1 << UInt64(row & 63) }
            return Bitmap(count: rows, words: words)
        case Form.bitmap:
            let size = Bitmap.wordCount(rows) * 8
            switch try BytePlanes.readPlane(&reader, count: size) {
            case .constant(let byte):
                let word = UInt64(byte) &* 0x0101_0101_0101_0101
                return Bitmap(
                    count: rows, words: [UInt64](repeating: word, count: size / 8))
            case .bytes(let bytes):
                var words = ByteReader(bytes)
                return Bitmap(
                    count: rows, words: try words.readArray(UInt64.self, count: size / 8))
            }
        default: throw DecodeError("unknown form of presence", at: 0)
        }
    }
}
