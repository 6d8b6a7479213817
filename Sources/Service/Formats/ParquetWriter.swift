internal import Bytes
internal import Events

/// Parquet, version 1 data pages, compressed with Zstandard.
///
/// Layout: `PAR1`, then row groups, each column of them as one dictionary page where texts repeat and
/// one data page, then the metadata (Thrift, compact protocol), their length (32 bits), `PAR1`. All
/// columns are optional. A data page is the definition levels, which are one bit a row, and the values
/// that are there: plain, or numbers of dictionary entries.
struct ParquetWriter: TableWriter {
    private let columns: [(place: Int, name: String, kind: ColumnKind)]
    /// Bytes of the file so far.
    private var position = 0
    private var rows = 0
    private var groups: [RowGroup] = []

    private struct RowGroup {
        let rows: Int
        var columns: [Chunk] = []
    }

    /// A column of a row group as the metadata name it.
    private struct Chunk {
        let name: String
        let kind: ColumnKind
        let values: Int
        var dictionaryOffset: Int?
        var dataOffset = 0
        var size = 0
        var sizeUncompressed = 0
    }

    private enum Encoding: Int32 {
        case plain = 0
        case runLength = 3
        case dictionary = 8
    }

    private static let magic = Array("PAR1".utf8)
    private static let zstd: Int32 = 6

    init(_ schema: TableSchema) { columns = schema.written() }

    mutating func begin() -> [UInt8] {
        position = ParquetWriter.magic.count
        return ParquetWriter.magic
    }

    // MARK: - Row groups

    mutating func write(_ block: RowBlock) -> [UInt8] {
        if block.rows == 0 { return [] }
        var bytes: [UInt8] = []
        var group = RowGroup(rows: block.rows)
        for column in columns {
            var chunk = Chunk(name: column.name, kind: column.kind, values: block.rows)
            write(block.cells(ofColumn: column.place), rows: block.rows, &chunk, into: &bytes)
            group.columns.append(chunk)
        }
        groups.append(group)
        rows += block.rows
        position += bytes.count
        return bytes
    }

    private func write(
        _ cells: RowBlock.Cells, rows: Int, _ chunk: inout Chunk, into bytes: inout [UInt8]
    ) {
        var page = ByteWriter()
        ParquetWriter.writeLevels(cells, rows: rows, to: &page)
        var encoding = Encoding.plain
        switch chunk.kind {
        case .integer, .time: page.writeArray(cells.integers)
        case .number: page.writeArray(cells.numbers)
        case .boolean:
            page.write(contentsOf: packedBits(cells.booleans.map { $0 ? 1 : 0 }, width: 1))
        case .text:
            let texts = cells.values.map { $0.columnText ?? "" }
            if let dictionary = TextDictionary(texts) {
                encoding = .dictionary
                chunk.dictionaryOffset = position + bytes.count
                writePage(dictionary.page, &chunk, into: &bytes) { header in
                    header.field(7) {
                        $0.field(1, Int32(dictionary.count))
                        $0.field(2, Encoding.plain.rawValue)
                    }
                }
                dictionary.writeNumbers(to: &page)
            } else {
                for text in texts { page.writeWithLength(text) }
            }
        }
        chunk.dataOffset = position + bytes.count
        writePage(page.bytes, &chunk, into: &bytes) { header in
            header.field(5) {
                $0.field(1, Int32(rows))
                $0.field(2, encoding.rawValue)
                $0.field(3, Encoding.runLength.rawValue)
                $0.field(4, Encoding.runLength.rawValue)
            }
        }
    }

    /// Whether each row has a value: one run where all or none have, else a bit a row.
    private static func writeLevels(
        _ cells: RowBlock.Cells, rows: Int, to page: inout ByteWriter
    ) {
        var levels = ByteWriter()
        if cells.rows.count == rows || cells.rows.isEmpty {
            levels.writeVarint(rows << 1)
            levels.write(UInt8(cells.rows.isEmpty ? 0 : 1))
        } else {
            let bits = cells.presence(rows: rows)
            levels.writeVarint(bits.count << 1 | 1)
            levels.write(contentsOf: bits)
        }
        page.write(UInt32(levels.count))
        page.write(contentsOf: levels.bytes)
    }

    /// - Parameter kind: writes the header of the page's kind, field 5 for data, 7 for a dictionary.
    private func writePage(
        _ page: [UInt8], _ chunk: inout Chunk, into bytes: inout [UInt8],
        _ kind: (inout CompactThriftWriter) -> Void
    ) {
        let compressed = Zstd.compress(page)
        var header = CompactThriftWriter()
        let isDictionary = chunk.dictionaryOffset == position + bytes.count
        header.field(1, Int32(isDictionary ? 2 : 0))
        header.field(2, Int32(page.count))
        header.field(3, Int32(compressed.count))
        kind(&header)
        header.end()
        chunk.size += header.bytes.count + compressed.count
        chunk.sizeUncompressed += header.bytes.count + page.count
        bytes += header.bytes
        bytes += compressed
    }

    // MARK: - Metadata

    func end() -> [UInt8] {
        var metadata = CompactThriftWriter()
        metadata.field(1, Int32(1))
        metadata.field(2, Array(0...columns.count)) { element, number in
            if number > 0 {
                let column = columns[number - 1]
                ParquetWriter.writeSchema(of: column.name, column.kind, to: &element)
            } else {
                element.field(4, "schema")
                element.field(5, Int32(columns.count))
            }
        }
        metadata.field(3, Int64(rows))
        metadata.field(4, groups) { element, group in write(group, to: &element) }
        metadata.field(6, "widefield")
        metadata.end()
        var bytes = ByteWriter()
        bytes.write(contentsOf: metadata.bytes)
        bytes.write(UInt32(metadata.bytes.count))
        bytes.write(contentsOf: ParquetWriter.magic)
        return bytes.bytes
    }

    private static func writeSchema(
        of name: String, _ kind: ColumnKind, to element: inout CompactThriftWriter
    ) {
        element.field(1, physicalType(kind))
        // Optional.
        element.field(3, Int32(1))
        element.field(4, name)
        switch kind {
        case .text:
            element.field(6, Int32(0))
            element.field(10) { $0.field(1) { _ in } }
        case .time:
            element.field(10) { type in
                type.field(8) { time in
                    // Times are UTC, but not marked so: DuckDB rounds those that are to
                    // microseconds.
                    time.field(1, false)
                    time.field(2) { unit in unit.field(3) { _ in } }
                }
            }
        case .boolean, .integer, .number: break
        }
    }

    private static func physicalType(_ kind: ColumnKind) -> Int32 {
        switch kind {
        case .boolean: 0
        case .integer, .time: 2
        case .number: 5
        case .text: 6
        }
    }

    private func write(_ group: RowGroup, to element: inout CompactThriftWriter) {
        element.field(1, group.columns) { element, chunk in
            element.field(2, Int64(chunk.dictionaryOffset ?? chunk.dataOffset))
            element.field(3) { write(chunk, to: &$0) }
        }
        element.field(2, Int64(group.columns.reduce(0) { $0 + $1.sizeUncompressed }))
        element.field(3, Int64(group.rows))
    }

    private func write(_ chunk: Chunk, to element: inout CompactThriftWriter) {
        element.field(1, ParquetWriter.physicalType(chunk.kind))
        var encodings: [Encoding] = [.plain, .runLength]
        if chunk.dictionaryOffset != nil { encodings.append(.dictionary) }
        element.field(2, encodings.map(\.rawValue))
        element.field(3, [chunk.name])
        element.field(4, ParquetWriter.zstd)
        element.field(5, Int64(chunk.values))
        element.field(6, Int64(chunk.sizeUncompressed))
        element.field(7, Int64(chunk.size))
        element.field(9, Int64(chunk.dataOffset))
        if let offset = chunk.dictionaryOffset { element.field(11, Int64(offset)) }
    }
}

/// The different texts of a column, and which one each value is.
private struct TextDictionary {
    private(set) var page: [UInt8] = []
    private(set) var count = 0
    private var numbers: [UInt32] = []

    /// Nil when texts hardly repeat: then they are written as they are.
    init?(_ texts: [String]) {
        // As field values, since equal strings may have different bytes.
        var known: [FieldValue: UInt32] = [:]
        var entries = ByteWriter()
        numbers.reserveCapacity(texts.count)
        for text in texts {
            if let number = known[.string(text)] {
                numbers.append(number)
                continue
            }
            guard known.count < texts.count / 2 + 1 else { return nil }
            numbers.append(UInt32(known.count))
            known[.string(text)] = UInt32(known.count)
            entries.writeWithLength(text)
        }
        if texts.isEmpty { return nil }
        page = entries.bytes
        count = known.count
    }

    /// The width of a number, then all of them, packed.
    func writeNumbers(to page: inout ByteWriter) {
        let width = max(1, UInt32.bitWidth - UInt32(count - 1).leadingZeroBitCount)
        page.write(UInt8(width))
        page.writeVarint(((numbers.count + 7) / 8) << 1 | 1)
        page.write(contentsOf: packedBits(numbers, width: width))
    }
}

/// Numbers of `width` bits one after the other, the lowest bit first, filled up to whole eights of them.
private func packedBits(_ numbers: [UInt32], width: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity((numbers.count + 7) / 8 * width)
    var (bits, count): (UInt64, Int) = (0, 0)
    for number in numbers {
        bits |= UInt64(number) << UInt64(count)
        count += width
        while count >= 8 {
            bytes.append(UInt8(truncatingIfNeeded: bits))
            bits >>= 8
            count -= 8
        }
    }
    if count > 0 { bytes.append(UInt8(truncatingIfNeeded: bits)) }
    let whole = (numbers.count + 7) / 8 * width
    bytes.append(contentsOf: repeatElement(0, count: whole - bytes.count))
    return bytes
}

extension ByteWriter {
    fileprivate mutating func writeWithLength(_ text: String) {
        write(UInt32(text.utf8.count))
        write(contentsOf: Array(text.utf8))
    }
}
