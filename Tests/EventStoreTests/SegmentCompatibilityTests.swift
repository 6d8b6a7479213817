import EventStore
import Events
import Glibc
import TestSupport
import Testing

/// Segments written by earlier versions stay readable.
@Suite struct SegmentCompatibilityTests {
    private static let path =
        String(#filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.endIndex))
        + "/../../fixtures/formats/segment-v1.seg"

    /// Every lane and every form of block, from numbers alone.
    private static let events: [ModelEvent] = (0..<9_000).map { row in
        var fields: [String: FieldValue] = [:]
        fields["name"] = .string(["GET /", "POST /cart", "GET /search"][row % 3])
        fields["trace"] = .string("00ff\(String(row / 7 + 0x10_0000, radix: 16))ab")
        fields["span"] = .string(
            String(UInt64(row + 1) &* 0x9E37_79B9_7F4A_7C15 | 1 << 60, radix: 16))
        fields["session"] = .string("s-\(row / 2)")
        fields["path"] = .string("/items/\(row * 31 % 1_709)/größe")
        fields["status"] = .int(row % 50 == 0 ? 500 : 200)
        fields["bytes"] = .int(Int64(row) * 7_919 % 100_003)
        fields["duration_ms"] = .float(Double(row * 37 % 9_001) / 1000)
        fields["ratio"] = .float(1 / Double(row + 1))
        fields["error"] = row % 500 == 0 ? .bool(true) : nil
        fields["mixed"] = [.int(1), .float(2.5), .string("x"), .bool(false)][row % 4]
        return ModelEvent(
            timestamp: 1_773_100_800_000_000_000 + Int64(row) * 1_000_000,
            rate: row % 10 == 0 ? 10 : 1, dataset: row % 2 == 0 ? "shop" : "cart", fields: fields)
    }

    private func golden() throws -> [UInt8] {
        let file = try #require(fopen(SegmentCompatibilityTests.path, "rb"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
        return bytes
    }

    @Test func `a segment of version 1 is read, every value`() throws {
        if getenv("UPDATE") != nil {
            let bytes = try segmentBytes([makeBatch(SegmentCompatibilityTests.events)])
            let file = try #require(fopen(SegmentCompatibilityTests.path, "wb"))
            fwrite(bytes, 1, bytes.count, file)
            fclose(file)
        }
        let segment = try open(golden())
        try segment.verify()
        #expect(
            try segment.rowGroups.flatMap { try model(of: $0) }
                == inSegmentOrder(SegmentCompatibilityTests.events))
    }
}
