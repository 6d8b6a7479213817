import Bytes
import Compute
import EventQuery
import EventStore
import Events
import Glibc
import Host
import Ingest

func now() -> Double { var t = timespec(); clock_gettime(CLOCK_MONOTONIC, &t); return Double(t.tv_sec) + Double(t.tv_nsec) / 1e9 }
func cpu() -> Double { var t = timespec(); clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); return Double(t.tv_sec) + Double(t.tv_nsec) / 1e9 }

final class DiskFile: SegmentFile {
    let fd: Int32; let byteCount: Int
    init(_ path: String) { fd = Glibc.open(path, O_RDONLY); byteCount = Int(lseek(fd, 0, SEEK_END)) }
    func read(at offset: Int, count: Int) throws -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { b, n in n = pread(fd, b.baseAddress, count, off_t(offset)) }
    }
}

let args = CommandLine.arguments
if args[1] == "build" {
    // rig build OUT FILES…
    var batches: [EventBatch] = []
    var pending: [EventBatch] = []
    var rows = 0
    var bytes = 0
    var tDecode = 0.0, tEncode = 0.0, tMerge = 0.0, logBytes = 0
    let decoder = JSONEventDecoder()
    let size = 1_400_000
    for path in args[3...] {
        let f = fopen(path, "r")!
        var left: [UInt8] = []
        while true {
            var buf = [UInt8](repeating: 0, count: size)
            let n = fread(&buf, 1, size, f)
            if n <= 0 { break }
            left += buf[..<n]
            guard let nl = left.lastIndex(of: 10) else { continue }
            let body = PaddedBytes(left[...nl])
            left = Array(left[(nl + 1)...])
            bytes += body.count
            let t = cpu()
            let d = try decoder.decodeLines(body, dataset: "bench", receivedAt: 1_773_100_800_000_000_000)
            tDecode += cpu() - t
            precondition(d.rejections.isEmpty)
            for b in d.batches {
                let t = cpu()
                logBytes += b.encoded().count
                tEncode += cpu() - t
                let t2 = cpu()
                if rows + b.rows > 65_536 { batches.append(EventBatch(merging: pending)); pending = []; rows = 0 }
                tMerge += cpu() - t2
                pending.append(b); rows += b.rows
            }
        }
        fclose(f)
    }
    if !pending.isEmpty { batches.append(EventBatch(merging: pending)) }
    print("decode MB/s", Double(bytes) / 1e6 / tDecode, "encode s", tEncode, "merge s", tMerge, "log bytes", logBytes, "head bytes", batches.reduce(0) { $0 + $1.byteCount })
    let fd = Glibc.open(args[2], O_CREAT | O_TRUNC | O_WRONLY, 0o644)
    let t = cpu()
    let s = try SegmentWriter.write(batches) { chunk in _ = chunk.withUnsafeBytes { write(fd, $0.baseAddress, $0.count) } }
    print("seal s", cpu() - t, "bytes", s.byteCount, "per event", Double(s.byteCount) / Double(s.rows), "total cpu", cpu(), "MB/cpu-s", Double(bytes) / 1e6 / cpu())
} else {
    // rig query FILE REPS QUERY…
    let segment = try Segment(DiskFile(args[2]), cache: DecodedColumnCache(bytesMax: 1 << 30))
    let pool = try WorkerPool(parallelism: 2)
    let engine = QueryEngine(pool: pool, clock: SystemClock())
    for text in args[4...] {
        let query = try Query(parsing: text)
        var times: [Double] = []
        var answer: QueryAnswer?
        for _ in 0..<(Int(args[3])! + 1) {
            let t = cpu()
            answer = try engine.answer(query, over: segment.rowGroups, now: 1_773_187_200_000_000_000, options: args.last == "--exact" ? { var o = QueryOptions(); o.isExact = true; return o }() : QueryOptions())
            times.append((cpu() - t) * 1000)
        }
        let first = times.removeFirst()
        times.sort()
        var rows = 0
        if case .statistics(let t)? = answer?.content { rows = t.rows.count + t.series.count }
        if case .events(let e)? = answer?.content { rows = e.count }
        print("first", (first * 100).rounded() / 100, "hot", (times[times.count / 2] * 100).rounded() / 100, "rows", rows, "events", answer!.meta.events, text, answer!.meta.warnings)
    }
}
