internal import Bytes
internal import CKernels

/// Dictionary codes of the rows that have one, in the smallest of four forms.
///
/// Layout: one form byte, then
/// - 0 constant: the code, a varint;
/// - 1 planes: `BytePlanes` of the codes;
/// - 2 recency: `RecencyCodec`;
/// - 3 index: a bitmap index of all codes but the commonest. The commonest code, the number of other
///   codes (varints), and for each its code, the number of its rows, and its rows as planes, rows
///   counted among those that have a code. Chosen where most rows agree; a filter on one of the
///   others reads a short list.
enum CodeCodec {
    private enum Form {
        static let constant: UInt8 = 0
        static let planes: UInt8 = 1
        static let recency: UInt8 = 2
        static let index: UInt8 = 3
    }

    /// What an encoded block's first byte says.
    static func name(_ bytes: ArraySlice<UInt8>) -> String {
        switch bytes.first {
        case Form.constant: "as one value"
        case Form.planes: "as planes"
        case Form.recency: "as distances to first appearances"
        case Form.index: "as bitmap index"
        default: "in an unknown form"
        }
    }

    /// Codes beside the commonest up to which an index is tried.
    private static let indexedCodesMax = 64
    /// Rows outside the commonest code, as a share of all: 1 in this many at most.
    private static let indexedShare = 16

    // MARK: - Encode

    /// - Parameters:
    ///   - codes: at least one, none of them 0.
    ///   - highest: the highest of them.
    static func encode<Code: CodeInteger>(
        _ codes: UnsafeBufferPointer<Code>, highest: Code, _ memory: inout RecencyCodec.Memory
    ) -> [UInt8] {
        let common = commonest(codes)
        let others = codes.count - codes.count { $0 == common }
        if others == 0 {
            var writer = ByteWriter()
            writer.write(Form.constant)
            writer.writeVarint(UInt64(common))
            return writer.bytes
        }
        var planes = ByteWriter(capacity: codes.count)
        planes.write(Form.planes)
        BytePlanes.encode(codes, into: &planes)
        var best = planes.bytes
        if highest > UInt8.max {
            var recency = ByteWriter(capacity: codes.count)
            recency.write(Form.recency)
            RecencyCodec.encode(
                RecencyCodec.split(codes, highest: highest, &memory), into: &recency)
            if recency.count < best.count { best = recency.bytes }
        }
        if others * indexedShare <= codes.count,
            let index = encodeIndex(codes, common, others), index.count < best.count
        {
            best = index
        }
        return best
    }

    /// The code that most rows have if more than half do, by majority vote; any other one otherwise.
    private static func commonest<Code: CodeInteger>(_ codes: UnsafeBufferPointer<Code>) -> Code {
        if Code.bitWidth == 8 {
            var counts = [UInt32](repeating: 0, count: 256)
            codes.withMemoryRebound(to: UInt8.self) { codes in
                if let base = codes.baseAddress { wf_count_bytes(base, codes.count, &counts) }
            }
            let most = counts.indices.max { counts[$0] < counts[$1] } ?? 0
            return Code(truncatingIfNeeded: most)
        }
        var common: Code = 0
        var lead = 0
        for code in codes {
            if lead == 0 { common = code }
            lead += code == common ? 1 : -1
        }
        return common
    }

    /// An index of the codes of `others` rows, unless they are too many different ones.
    private static func encodeIndex<Code: CodeInteger>(
        _ codes: UnsafeBufferPointer<Code>, _ common: Code, _ others: Int
    ) -> [UInt8]? {
        var rows: [Code: [UInt32]] = [:]
        for (row, code) in codes.enumerated() where code != common {
            rows[code, default: []].append(UInt32(row))
            if rows.count > indexedCodesMax { return nil }
        }
        var writer = ByteWriter()
        writer.write(Form.index)
        writer.writeVarint(UInt64(common))
        writer.writeVarint(rows.count)
        for (code, list) in rows.sorted(by: { $0.key < $1.key }) {
            writer.writeVarint(UInt64(code))
            writer.writeVarint(list.count)
            BytePlanes.encode(list, into: &writer)
        }
        return writer.bytes
    }

    // MARK: - Decode

    /// The codes of `count` rows, each 1 … `highest`.
    static func decode<Code: CodeInteger>(
        _ type: Code.Type, _ bytes: ArraySlice<UInt8>, count: Int, highest: Code
    ) throws(DecodeError) -> [Code] {
        var reader = ByteReader(bytes)
        let codes: [Code]
        switch try reader.read(UInt8.self) {
        case Form.constant:
            codes = [Code](repeating: try readCode(&reader), count: count)
        case Form.planes: codes = try BytePlanes.decode(Code.self, &reader, count: count)
        case Form.recency: codes = try RecencyCodec.decode(Code.self, &reader, count: count)
        case Form.index: codes = try decodeIndex(&reader, count: count)
        default: throw DecodeError("unknown form of codes", at: 0)
        }
        guard codes.reduce(.max, min) >= 1, codes.reduce(0, max) <= highest else {
            throw DecodeError("code outside the dictionary", at: reader.offset)
        }
        return codes
    }

    private static func decodeIndex<Code: CodeInteger>(
        _ reader: inout ByteReader, count: Int
    ) throws(DecodeError) -> [Code] {
        var codes = [Code](repeating: try readCode(&reader), count: count)
        for _ in 0..<(try reader.readCount(limit: indexedCodesMax, "indexed codes")) {
            let code: Code = try readCode(&reader)
            let rowCount = try reader.readCount(limit: count, "rows of a code")
            for row in try BytePlanes.decode(UInt32.self, &reader, count: rowCount) {
                guard row < count else {
                    throw DecodeError("row beyond the row group", at: reader.offset)
                }
                codes[Int(row)] = code
            }
        }
        return codes
    }

    private static func readCode<Code: CodeInteger>(
        _ reader: inout ByteReader
    ) throws(DecodeError) -> Code {
        let code = try reader.readVarint()
        guard let narrow = Code(exactly: code) else {
            throw DecodeError("code outside the dictionary", at: reader.offset)
        }
        return narrow
    }

    // MARK: - Select

    /// Of the codes of `count` rows, each 1 … `highest`, those at some places.
    static func select(
        _ bytes: ArraySlice<UInt8>, count: Int, highest: UInt32, at places: [Int]
    ) throws(DecodeError) -> [UInt32] {
        guard bytes.first == Form.planes else {
            let codes = try decode(UInt32.self, bytes, count: count, highest: highest)
            return places.map { codes[$0] }
        }
        var reader = ByteReader(bytes.dropFirst())
        let codes = try BytePlanes.select(UInt32.self, &reader, count: count, at: places)
        guard codes.allSatisfy({ $0 >= 1 && $0 <= highest }) else {
            throw DecodeError("code outside the dictionary", at: reader.offset)
        }
        return codes
    }
}
