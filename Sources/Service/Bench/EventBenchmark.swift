internal import Bytes
internal import Compute
internal import EventQuery
internal import EventStore
internal import Events
internal import Host
internal import Ingest

/// What each stage of an event's road costs, on generated events: decoding, the log's encoding,
/// merging, sealing, opening, and questions of every kind.
struct EventBenchmark {
    struct Row {
        let name: String
        let seconds: Double
        /// Bytes that the stage took in: JSON for decoding, columns for the others.
        let bytes: Double
        let events: Int
    }

    private let timer: BenchmarkTimer
    private let count: Int
    private let bodies: [PaddedBytes]
    /// The same events as spans of OTLP, and as batches of MessagePack.
    private let exports: [PaddedBytes]
    private let packed: [PaddedBytes]

    /// Generates `count` events and cuts them into bodies of about a mebibyte.
    init(count: Int, timer: BenchmarkTimer) throws {
        self.timer = timer
        self.count = count
        var events = ShopEvents(count: count, seed: 1, end: EventBenchmark.end)
        var bodies: [PaddedBytes] = []
        var exports: [PaddedBytes] = []
        var packed: [PaddedBytes] = []
        var requests = OTLPRequests()
        while let lines = events.nextLines() {
            bodies.append(PaddedBytes(lines))
            exports += try requests.requests(of: lines, isLast: false).map { PaddedBytes($0) }
            packed.append(PaddedBytes(try MessagePackBatch(lines: lines).bytes))
        }
        exports += try requests.requests(of: [], isLast: true).map { PaddedBytes($0) }
        self.bodies = bodies
        self.exports = exports
        self.packed = packed
    }

    /// Nanoseconds since 1970 of the last event.
    static let end: Int64 = 1_773_187_200_000_000_000

    /// Runs all stages, giving each row to `report` as soon as it is known.
    func run(_ report: (Row) -> Void) throws {
        let jsonBytes = Double(bodies.reduce(0) { $0 + $1.count })
        func row(_ name: String, _ bytes: Double, _ work: () throws -> Void) throws {
            report(Row(name: name, seconds: try timer.best(work), bytes: bytes, events: count))
        }
        let decoder = JSONEventDecoder()
        let exportDecoder = OTLPDecoder()
        var batches: [EventBatch] = []
        try row("decode NDJSON to columns", jsonBytes) {
            batches = try bodies.flatMap {
                try decoder.decodeLines($0, dataset: "shop", receivedAt: EventBenchmark.end).batches
            }
        }
        let packedDecoder = MessagePackEventDecoder()
        try row("decode MessagePack to columns", Double(packed.reduce(0) { $0 + $1.count })) {
            for body in packed {
                _ = try packedDecoder.decodeBatch(
                    body, dataset: "shop", receivedAt: EventBenchmark.end)
            }
        }
        try row("decode OTLP to columns", Double(exports.reduce(0) { $0 + $1.count })) {
            for body in exports {
                _ = try exportDecoder.decode(
                    body, .protobuf, .traces, routing: OTLPDecoder.Routing(),
                    receivedAt: EventBenchmark.end
                ) { .open(name: $0, earliest: nil) }
            }
        }
        let batchBytes = Double(batches.reduce(0) { $0 + $1.byteCount })
        var encoded: [[UInt8]] = []
        try row("encode for the log", batchBytes) { encoded = batches.map { $0.encoded() } }
        try row("decode from the log", batchBytes) {
            for bytes in encoded { _ = try EventBatch(decoding: bytes[...]) }
        }
        var merged: [EventBatch] = []
        try row("merge in the head", batchBytes) { merged = EventBenchmark.merge(batches) }
        let headBytes = Double(merged.reduce(0) { $0 + $1.byteCount })
        var file: [UInt8] = []
        try row("seal a segment", headBytes) {
            file.removeAll(keepingCapacity: true)
            _ = try SegmentWriter.write(merged) { file += $0 }
        }
        try row("open and decode all columns", headBytes) {
            let segment = try open(file, cacheBytes: 0)
            for group in segment.rowGroups {
                for name in segment.fieldNames { _ = try group.loadColumn(name) }
            }
        }
        try codecs(try open(file, cacheBytes: 0), row)
        try questions(try open(file, cacheBytes: 1 << 30), row)
    }

    /// The events sealed in one segment in memory.
    func segment() throws -> Segment {
        let decoder = JSONEventDecoder()
        let batches = try bodies.flatMap {
            try decoder.decodeLines($0, dataset: "shop", receivedAt: EventBenchmark.end).batches
        }
        var file: [UInt8] = []
        _ = try SegmentWriter.write(EventBenchmark.merge(batches)) { file += $0 }
        return try open(file, cacheBytes: 1 << 30)
    }

    private static func merge(_ batches: [EventBatch]) -> [EventBatch] {
        var merged: [EventBatch] = []
        var run: [EventBatch] = []
        for batch in batches {
            if run.reduce(batch.rows, { $0 + $1.rows }) > EventLimits.rowsPerBatch {
                merged.append(EventBatch(merging: run))
                run = []
            }
            run.append(batch)
        }
        if !run.isEmpty { merged.append(EventBatch(merging: run)) }
        return merged
    }

    /// A field of each kind that segments have an encoding for.
    private static let kinds = [
        ("codes of few values", "service.name"), ("codes of many values", "user_id"),
        ("ids of a trace", "trace.trace_id"), ("ids that do not repeat", "trace.span_id"),
        ("integers", "alloc_kb"), ("decimal floats", "duration_ms"),
        ("strings of a few rows", "client.ip"),
    ]

    /// Reads single columns from a segment that keeps nothing decoded, with the bytes they have then.
    private func codecs(
        _ segment: Segment, _ row: (String, Double, () throws -> Void) throws -> Void
    ) throws {
        for (kind, name) in EventBenchmark.kinds {
            let columns = try segment.rowGroups.compactMap { try $0.loadColumn(name) }
            let bytes = columns.reduce(0) { $0 + $1.byteCount }
            try row("decode: " + kind, Double(bytes)) {
                for group in segment.rowGroups { _ = try group.loadColumn(name) }
            }
        }
    }

    /// Questions of every kind, with the bytes of the columns they look at.
    private static let questions = [
        ("count", "stats count()", 0),
        ("count by a field of few values", "stats count() by service.name", 1),
        ("count by a field of many values", "stats count() by user_id", 4),
        ("percentiles by group", "stats p50(duration_ms), p99(duration_ms) by service.name", 9),
        ("average where a range holds", "where duration_ms > 100 | stats avg(duration_ms)", 8),
        ("part of a string", "where name contains \"cart\" | stats count()", 1),
        ("distinct values by group", "stats distinct(user_id) by service.name", 5),
        ("newest 100 events", "fields * | limit 100", 8),
    ]

    private func questions(
        _ segment: Segment, _ row: (String, Double, () throws -> Void) throws -> Void
    ) throws {
        let pool = try WorkerPool(parallelism: 1)
        let engine = QueryEngine(pool: pool, clock: Machine.real.clock)
        for (name, text, bytesPerEvent) in EventBenchmark.questions {
            let query = try Query(parsing: "from shop | last 7d | \(text)")
            // The first answer decodes the columns; those that are timed find them decoded.
            _ = try engine.answer(query, over: segment.rowGroups, now: EventBenchmark.end + 1)
            try row("query: " + name, Double(bytesPerEvent * count)) {
                _ = try engine.answer(query, over: segment.rowGroups, now: EventBenchmark.end + 1)
            }
        }
    }

    private func open(_ bytes: [UInt8], cacheBytes: Int) throws -> Segment {
        try Segment(BytesInMemory(bytes), cache: DecodedColumnCache(bytesMax: cacheBytes))
    }
}

/// A segment's bytes held in memory, so that no disk is measured.
private final class BytesInMemory: SegmentFile {
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var byteCount: Int { bytes.count }
    func read(at offset: Int, count: Int) throws -> [UInt8] {
        var reader = ByteReader(bytes[min(offset, bytes.count)...])
        return Array(try reader.readBytes(count))
    }
}
