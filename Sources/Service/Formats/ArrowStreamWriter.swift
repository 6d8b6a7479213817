internal import Bytes
internal import Events

/// Arrow's streaming format, version 5 of its metadata, little-endian, without dictionaries.
///
/// Layout, as in Arrow's `Message.fbs` and `Schema.fbs`: messages of `FFFFFFFF`, the length of the
/// metadata (32 bits), the metadata as a FlatBuffer, and a body of buffers that begin at multiples of
/// 8 bytes. First the schema, then record batches, then `FFFFFFFF 00000000`.
struct ArrowStreamWriter: TableWriter {
    private let columns: [(place: Int, name: String, kind: ColumnKind)]

    init(_ schema: TableSchema) { columns = schema.written() }

    /// Values of Arrow's `MessageHeader`.
    private enum Header: UInt8 {
        case schema = 1
        case recordBatch = 3
    }

    // MARK: - Schema

    func begin() -> [UInt8] {
        var metadata = FlatBufferWriter()
        let fields = columns.map { ArrowStreamWriter.field($0.name, $0.kind, &metadata) }
        let list = metadata.vector(fields)
        // Endianness 0 is little.
        let table = metadata.table([.int16(0), .reference(list)])
        return ArrowStreamWriter.message(&metadata, .schema, table, body: [])
    }

    private static func field(
        _ name: String, _ kind: ColumnKind, _ metadata: inout FlatBufferWriter
    ) -> FlatBufferWriter.Place {
        let name = metadata.string(name)
        let children = metadata.vector([])
        let (number, type) = type(kind, &metadata)
        return metadata.table([
            .reference(name), .bool(true), .byte(number), .reference(type), nil,
            .reference(children),
        ])
    }

    /// The number of a type in Arrow's union `Type`, and its table.
    private static func type(
        _ kind: ColumnKind, _ metadata: inout FlatBufferWriter
    ) -> (UInt8, FlatBufferWriter.Place) {
        switch kind {
        case .integer: return (2, metadata.table([.int32(64), .bool(true)]))
        case .number: return (3, metadata.table([.int16(2)]))
        case .text: return (5, metadata.table([]))
        case .boolean: return (6, metadata.table([]))
        case .time:
            let zone = metadata.string("UTC")
            return (10, metadata.table([.int16(3), .reference(zone)]))
        }
    }

    // MARK: - Rows

    func write(_ block: RowBlock) -> [UInt8] {
        var body = BufferList()
        var nodes: [Int64] = []
        for column in columns {
            let cells = block.cells(ofColumn: column.place)
            nodes += [Int64(block.rows), Int64(block.rows - cells.rows.count)]
            body.append(cells.presence(rows: block.rows))
            switch column.kind {
            case .integer, .time: body.append(cells.rows, cells.integers, rows: block.rows)
            case .number:
                body.append(cells.rows, cells.numbers.map(\.bitPattern), rows: block.rows)
            case .boolean:
                var bits = [UInt8](repeating: 0, count: (block.rows + 7) / 8)
                for (row, value) in zip(cells.rows, cells.booleans) where value {
                    bits[row >> 3] |= 1 << UInt8(row & 7)
                }
                body.append(bits)
            case .text: body.append(texts: cells, rows: block.rows)
            }
        }
        var metadata = FlatBufferWriter()
        let buffers = metadata.vector(of: body.places, numbersEach: 2)
        let nodeList = metadata.vector(of: nodes, numbersEach: 2)
        let table = metadata.table([
            .int64(Int64(block.rows)), .reference(nodeList), .reference(buffers),
        ])
        return ArrowStreamWriter.message(&metadata, .recordBatch, table, body: body.bytes)
    }

    func end() -> [UInt8] { [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0] }

    private static func message(
        _ metadata: inout FlatBufferWriter, _ header: Header, _ table: FlatBufferWriter.Place,
        body: [UInt8]
    ) -> [UInt8] {
        // Version 4 is called V5.
        let root = metadata.table([
            .int16(4), .byte(header.rawValue), .reference(table), .int64(Int64(body.count)),
        ])
        let bytes = metadata.finish(root)
        var message = ByteWriter(capacity: 8 + bytes.count + body.count)
        message.write(UInt32.max)
        message.write(UInt32(bytes.count))
        message.write(contentsOf: bytes)
        message.write(contentsOf: body)
        return message.bytes
    }
}

/// The buffers of a record batch, one after the other.
private struct BufferList {
    private var writer = ByteWriter()
    /// Start and length of each.
    private(set) var places: [Int64] = []

    var bytes: [UInt8] { writer.bytes }

    mutating func append(_ buffer: [UInt8]) {
        places += [Int64(writer.count), Int64(buffer.count)]
        writer.write(contentsOf: buffer)
        pad()
    }

    /// One number a row; 0 where there is no value.
    mutating func append<Number: FixedWidthInteger>(
        _ present: [Int], _ values: [Number], rows: Int
    ) {
        var all = [Number](repeating: 0, count: rows)
        for (row, value) in zip(present, values) { all[row] = value }
        places += [Int64(writer.count), Int64(rows * MemoryLayout<Number>.size)]
        writer.writeArray(all)
        pad()
    }

    /// Where each text ends, then all texts.
    mutating func append(texts cells: RowBlock.Cells, rows: Int) {
        var offsets = [Int32](repeating: 0, count: rows + 1)
        var texts: [UInt8] = []
        for (row, value) in zip(cells.rows, cells.values) {
            texts.append(contentsOf: (value.columnText ?? "").utf8)
            offsets[row + 1] = Int32(texts.count)
        }
        // Rows without a text end where the one before did.
        for row in 0..<rows { offsets[row + 1] = max(offsets[row + 1], offsets[row]) }
        places += [Int64(writer.count), Int64(offsets.count * 4)]
        writer.writeArray(offsets)
        pad()
        append(texts)
    }

    private mutating func pad() {
        while writer.count % 8 != 0 { writer.write(UInt8(0)) }
    }
}
