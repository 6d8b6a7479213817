import Glibc
import SeriesStore
import TestSupport
import Testing

/// Blocks of series written by earlier versions stay readable.
@Suite struct SeriesCompatibilityTests {
    private static let folder =
        String(#filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.endIndex))
        + "/../../fixtures/formats/series-v1"
    private static let start = StoreFixture.start
    private static let paths = ["10s", "1m", "1h"].map { "\($0)/\(start).series" }

    /// Every kind of value, from numbers alone; one label that enough series have for a list of bits.
    private static let samples: [LabeledSample] = (0..<200).flatMap { series in
        let labels: Labels = [
            "__name__": series % 50 == 49 ? "latency" : "calls_total", "id": "\(series)",
            "größe": series % 3 == 0 ? "ä" : "",
        ]
        return (0..<20).map { cell in
            let time = start + Int64(cell * 10_000 + (cell == 7 ? 3 : 0))
            let count = Double(cell * series % 17)
            let histogram = NativeHistogram(
                counterReset: .gauge, schema: 3, zeroThreshold: 0x1p-128, zeroCount: 1,
                count: count + 1, sum: count / 3, positiveSpans: [.init(offset: -2, length: 2)],
                positiveBuckets: [count, 0.5])
            let floats = [count, count / 7, .nan, -0.0, .infinity]
            return LabeledSample(
                labels, time,
                series % 50 == 49 ? .histogram(histogram) : .float(floats[series % floats.count]))
        }
    }

    private func read(_ name: String) throws -> [UInt8] {
        let file = try #require(fopen(SeriesCompatibilityTests.folder + "/" + name, "rb"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
        return bytes
    }

    private func update(_ fixture: StoreFixture) throws {
        for path in SeriesCompatibilityTests.paths {
            let bytes = try #require(fixture.disk.contents(of: "data/" + path))
            let file = try #require(fopen(SeriesCompatibilityTests.folder + "/" + path, "wb"))
            fwrite(bytes, 1, bytes.count, file)
            fclose(file)
        }
    }

    @Test func `blocks of version 1 are read, every sample of every tier`() throws {
        let written = StoreFixture()
        let store = try written.open()
        #expect(try store.write(SeriesCompatibilityTests.samples).isEmpty)
        try store.close(endingBy: .max, now: SeriesCompatibilityTests.start)
        if getenv("UPDATE") != nil { try update(written) }

        let fixture = StoreFixture()
        for path in SeriesCompatibilityTests.paths {
            fixture.disk.place("data/" + path, try read(path))
        }
        let golden = try fixture.open()
        #expect(golden.findings.isEmpty)
        var model = SeriesModel()
        model.write(SeriesCompatibilityTests.samples)
        #expect(try golden.all() == model.select())
        for tier in [Tier.minute, .hour] {
            for reading in [CellReading.min, .max, .sum, .count] {
                let found = try golden.all(tier, reading)
                #expect(found.count == 200)
                #expect(try found == store.all(tier, reading))
            }
        }
    }
}
