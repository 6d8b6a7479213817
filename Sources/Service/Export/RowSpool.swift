internal import Bytes
internal import Events
internal import Host

/// Rows that wait in a file until all are there, because only then the types of their columns are known.
///
/// The file has no name any more once it is open, so it goes with the process. Layout: for each block of
/// rows its length in bytes (64 bits), its number of rows, and for each row the number of its cells and
/// each cell's column and value.
struct RowSpool {
    private let file: any File
    private var size: UInt64 = 0
    private(set) var schema: TableSchema

    /// - Parameter path: where there is room; nothing may stand there.
    init(_ path: String, _ schema: TableSchema) throws(HostError) {
        file = try Machine.real.files.open(path, .create)
        try Machine.real.files.remove(path)
        self.schema = schema
    }

    /// Adds a block of rows, whose columns `cells` takes from the schema or adds to it.
    mutating func append<Row>(
        _ rows: [Row], _ cells: (inout TableSchema, Row) -> [RowBlock.Cell]
    ) throws(HostError) {
        var block = ByteWriter()
        block.writeVarint(rows.count)
        for row in rows {
            let cells = cells(&schema, row)
            block.writeVarint(cells.count)
            for (place, value) in cells {
                block.writeVarint(place)
                block.write(value)
            }
        }
        var length = ByteWriter()
        length.write(UInt64(block.count))
        try file.write(length.bytes, at: size)
        try file.write(block.bytes, at: size + 8)
        size += 8 + UInt64(block.count)
    }

    /// Calls `body` with all rows, in blocks that are good to write at once.
    func forEachBlock(
        rowsMax: Int, bytesMax: Int, _ body: (RowBlock) throws -> Void
    ) throws {
        var offset: UInt64 = 0
        var block = RowBlock()
        while offset < size {
            var head = ByteReader(try file.read(8, at: offset))
            let length = try head.read(UInt64.self)
            var reader = ByteReader(try file.read(Int(length), at: offset + 8))
            let rows = try reader.readCount(limit: Int(length), "rows")
            for _ in 0..<rows {
                let count = try reader.readCount(limit: Int(length), "cells")
                var cells: [RowBlock.Cell] = []
                for _ in 0..<count {
                    let place = try reader.readCount(limit: schema.columns.count - 1, "column")
                    cells.append((place, try reader.readFieldValue(limit: Int(length))))
                }
                block.append(cells)
                if block.rows >= rowsMax || block.byteCount >= bytesMax {
                    try body(block)
                    block = RowBlock()
                }
            }
            offset += 8 + length
        }
        if block.rows > 0 { try body(block) }
    }
}
