internal import Bytes
internal import CKernels

/// Dictionary codes of the rows that have one, in the smallest of five forms.
///
/// Layout: one form byte, then
/// - 0 constant: the code, a varint;
/// - 1 planes: `BytePlanes` of the codes;
/// - 2 recency: `RecencyCodec`;
/// - 3 index: a bitmap index of all codes but the commonest. The commonest code, the number of other
///   codes (varints), and for each its code, the number of its rows, and its rows as planes, rows
///   counted among those that have a code. Chosen where most rows agree; a filter on one of the
///   others reads a short list.
/// - 4 packed: bits of a code (1, 2 or 4), then the codes less one, that many bits each from the
///   lowest, as one plane of bytes. Taken where no code is above 16: there is an eighth to a half as
///   much for zstd to look at, and less comes out.
enum CodeCodec {
    private enum Form {
        static let constant: UInt8 = 0
        static let planes: UInt8 = 1
        static let recency: UInt8 = 2
        static let index: UInt8 = 3
        static let packed: UInt8 = 4
    }

    /// What an encoded block's first byte says.
    static func name(_ bytes: ArraySlice<UInt8>) -> String {
        switch bytes.first {
        case Form.constant: "as one value"
        case Form.planes: "as planes"
        case Form.recency: "as distances to first appearances"
        case Form.index: "as bitmap index"
        case Form.packed: "as bits"
        default: "in an unknown form"
        }
    }

    /// Codes beside the commonest up to which an index is tried.
    private static let indexedCodesMax = 64
    /// The highest code that is packed.
    private static let packedCodesMax = 16
    /// Rows outside the commonest code, as a share of all: 1 in this many at most.
    private static let indexedShare = 16

    // MARK: - Encode

    /// Rows from which a part of them tells which form is smaller.
    private static let judgedRows = 16_384

    /// - Parameter codes: those that `summary` is of, none of them 0.
    static func encode<Code: CodeInteger>(
        _ codes: UnsafeBufferPointer<Code>, _ summary: CodeSummary<Code>,
        _ memory: inout RecencyCodec.Memory
    ) -> [UInt8] {
        if summary.others == 0 {
            var writer = ByteWriter()
            writer.write(Form.constant)
            writer.writeVarint(UInt64(summary.common))
            return writer.bytes
        }
        var best = encodeMany(codes, summary, &memory)
        if summary.others * indexedShare <= codes.count,
            let index = encodeIndex(codes, summary.common, summary.others),
            index.count < best.count
        {
            best = index
        }
        return best
    }

    /// Bits, planes, or recency where the codes are wide and it is smaller.
    private static func encodeMany<Code: CodeInteger>(
        _ codes: UnsafeBufferPointer<Code>, _ summary: CodeSummary<Code>,
        _ memory: inout RecencyCodec.Memory
    ) -> [UInt8] {
        if summary.high <= packedCodesMax { return encodePacked(codes, highest: summary.high) }
        if summary.high <= UInt8.max { return encodePlanes(codes, summary) }
        let split = RecencyCodec.split(codes, highest: summary.high, &memory)
        let isJudged = codes.count >= judgedRows
        // Where an eighth of the rows tells, the loser's encoding, half of the work, is not made.
        if isJudged && !prefersRecency(codes, split) { return encodePlanes(codes, summary) }
        var recency = ByteWriter(capacity: codes.count)
        recency.write(Form.recency)
        RecencyCodec.encode(split, into: &recency)
        if isJudged { return recency.bytes }
        let planes = encodePlanes(codes, summary)
        return recency.count < planes.count ? recency.bytes : planes
    }

    private static func encodePacked<Code: CodeInteger>(
        _ codes: UnsafeBufferPointer<Code>, highest: Code
    ) -> [UInt8] {
        let bits: UInt32 = highest <= 2 ? 1 : highest <= 4 ? 2 : 4
        var writer = ByteWriter(capacity: codes.count / 4)
        writer.write(Form.packed)
        writer.write(UInt8(bits))
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: codes.count) { narrow in
            if let source = codes.baseAddress, let target = narrow.baseAddress {
                Code.cut(source, codes.count, 0, target)
            }
            let packed = [UInt8](
                unsafeUninitializedCapacity: packedBytes(codes.count, Int(bits))
            ) { packed, count in
                wf_pack_bits(narrow.baseAddress, codes.count, bits, packed.baseAddress)
                count = packedBytes(codes.count, Int(bits))
            }
            BytePlanes.writePlane(packed, into: &writer)
        }
        return writer.bytes
    }

    private static func packedBytes(_ count: Int, _ bits: Int) -> Int { (count * bits + 7) / 8 }

    private static func encodePlanes<Code: CodeInteger>(
        _ codes: UnsafeBufferPointer<Code>, _ summary: CodeSummary<Code>
    ) -> [UInt8] {
        var planes = ByteWriter(capacity: codes.count)
        planes.write(Form.planes)
        BytePlanes.encode(codes, highest: summary.high, into: &planes)
        return planes.bytes
    }

    /// Whether recency takes less of an eighth of the rows, from the middle.
    private static func prefersRecency<Code: CodeInteger>(
        _ codes: UnsafeBufferPointer<Code>, _ split: RecencyCodec.Split
    ) -> Bool {
        let rows = codes.count / 2..<codes.count / 2 + codes.count / 8
        var planes = ByteWriter()
        BytePlanes.encode(UnsafeBufferPointer(rebasing: codes[rows]), into: &planes)
        var recency = ByteWriter()
        RecencyCodec.encode(split.part(rows), into: &recency)
        return recency.count < planes.count
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
        case Form.packed:
            let narrow = try decodePacked(&reader, count: count)
            codes = (narrow as? [Code]) ?? narrow.map { Code($0) }
        default: throw DecodeError("unknown form of codes", at: 0)
        }
        guard codes.reduce(.max, min) >= 1, codes.reduce(0, max) <= highest else {
            throw DecodeError("code outside the dictionary", at: reader.offset)
        }
        return codes
    }

    private static func decodePacked(
        _ reader: inout ByteReader, count: Int
    ) throws(DecodeError) -> [UInt8] {
        let bits = try reader.read(UInt8.self)
        guard bits == 1 || bits == 2 || bits == 4 else {
            throw DecodeError("unknown width of packed codes", at: reader.offset - 1)
        }
        let size = packedBytes(count, Int(bits))
        let packed: [UInt8] =
            switch try BytePlanes.readPlane(&reader, count: size) {
            case .constant(let byte): [UInt8](repeating: byte, count: size)
            case .bytes(let bytes): bytes
            }
        return [UInt8](unsafeUninitializedCapacity: count) { codes, initialized in
            wf_unpack_bits(packed, count, UInt32(bits), codes.baseAddress)
            initialized = count
        }
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
