internal import Glibc
internal import Host
internal import SeriesStore

/// What series cost: bits of samples, memory of what is open, bytes on disk, and the speed of writing and
/// reading them.
struct SeriesBenchmark {
    /// One line of the answer.
    struct Figure {
        let name: String
        let value: Double
        let unit: String
        /// What it is compared with, if anything.
        let note: String
    }

    private let timer: BenchmarkTimer
    private let count: Int
    private let series: [SeriesData]

    /// Series whose samples are held to be written and read again and again.
    private static let timedSeries = 1_000

    /// Makes the samples of the first series; `count` of them are held in memory at the end.
    init(count: Int, timer: BenchmarkTimer) {
        self.timer = timer
        self.count = count
        var set = SeriesSet(seed: 1)
        series = (0..<min(count, SeriesBenchmark.timedSeries)).map {
            SeriesData(labels: SeriesSet.labels($0), samples: set.samples($0))
        }
    }

    private var samples: Int { series.reduce(0) { $0 + $1.samples.count } }

    /// Measures what given series of one block of two hours take, and nothing else.
    static func sizes(of series: [SeriesData], _ report: (Figure) -> Void) throws {
        let whole = SeriesBenchmark(holding: series)
        let shares = whole.oneBitShares()
        let chunks = series.reduce(0) { $0 + chunk($1.samples).count }
        var bytes = 0
        try whole.withStore { store in
            for one in series { _ = try store.write(one.labeled) }
            try store.close(endingBy: .max, now: SeriesSet.start)
            bytes = store.figures().writtenBytes
        }
        let count = Double(whole.samples)
        let figures: [(String, Double, String, String)] = [
            ("samples", count, "", ""),
            ("timestamps of one bit", 100 * shares.timestamps, "%", "paper: 96"),
            ("values of one bit", 100 * shares.values, "%", "paper: 51"),
            ("chunks", Double(chunks) / count, "bytes/sample", "paper: 1.37"),
            ("on disk, with labels", Double(bytes) / count, "bytes/sample", ""),
        ]
        for (name, value, unit, note) in figures {
            report(Figure(name: name, value: value, unit: unit, note: note))
        }
    }

    private init(holding series: [SeriesData]) {
        (self.series, count) = (series, series.count)
        timer = BenchmarkTimer(rounds: 1)
    }

    func run(_ report: (Figure) -> Void) throws {
        func tell(_ name: String, _ value: Double, _ unit: String, _ note: String = "") {
            report(Figure(name: name, value: value, unit: unit, note: note))
        }
        let millions = Double(samples) / 1e6
        let shares = oneBitShares()
        tell("timestamps of one bit", 100 * shares.timestamps, "%", "paper: 96")
        tell("values of one bit", 100 * shares.values, "%", "paper: 51")
        var chunks: [[UInt8]] = []
        let encoding = timer.best { chunks = series.map { SeriesBenchmark.chunk($0.samples) } }
        let bytes = chunks.reduce(0) { $0 + $1.count }
        tell("chunks", Double(bytes) / Double(samples), "bytes/sample", "paper: 1.37")
        tell("encode chunks", millions / encoding, "M samples/s")
        let decoding = try timer.best {
            var samples = Samples()
            for chunk in chunks {
                samples.removeAll()
                try Chunk.decode(chunk[...], into: &samples)
            }
        }
        tell("scan chunks", millions / decoding, "M samples/s")
        let writing = try timeOfWriting()
        tell("write to a store, cell by cell", millions / writing, "M samples/s")
        try measureStore(tell)
    }

    private static func chunk(_ samples: Samples) -> [UInt8] {
        var builder = FloatChunkBuilder(samples.timestamps[0], samples.values[0])
        for place in samples.timestamps.indices.dropFirst() {
            builder.append(samples.timestamps[place], samples.values[place])
        }
        return builder.encoded()
    }

    /// The shares of samples that keep the step, and the value, of the one before.
    private func oneBitShares() -> (timestamps: Double, values: Double) {
        var (steps, values) = (0, 0)
        for series in series {
            let (times, floats) = (series.samples.timestamps, series.samples.values)
            for place in times.indices.dropFirst(2) {
                let step = times[place] - times[place - 1]
                if step == times[place - 1] - times[place - 2] { steps += 1 }
                if floats[place].bitPattern == floats[place - 1].bitPattern { values += 1 }
            }
        }
        return (Double(steps) / Double(samples), Double(values) / Double(samples))
    }

    /// Seconds of writing the samples in the order of time, as they come in.
    private func timeOfWriting() throws -> Double {
        var cells = [[LabeledSample]](repeating: [], count: SeriesSet.cells)
        for series in series {
            for place in 0..<series.samples.count {
                let time = series.samples.timestamps[place]
                let cell = Int((time - SeriesSet.start) / SeriesSet.stepMilliseconds)
                cells[cell].append(
                    LabeledSample(series.labels, time, .float(series.samples.values[place])))
            }
        }
        return try withStore { store in
            try timer.best {
                _ = try store.replaceBlock(at: SeriesSet.start, with: [])
                for cell in cells { _ = try store.write(cell) }
            }
        }
    }

    /// Fills a store with all series, closes it and reads it.
    private func measureStore(
        _ tell: (String, Double, String, String) -> Void
    ) throws {
        try withStore { store in
            var set = SeriesSet(seed: 1)
            var written = 0
            for number in 0..<count {
                let (labels, samples) = (SeriesSet.labels(number), set.samples(number))
                written += samples.count
                _ = try store.write(SeriesData(labels: labels, samples: samples).labeled)
            }
            let held = store.figures().openBytes
            tell("memory of two open hours", Double(held) / Double(count), "bytes/series", "")
            let once = BenchmarkTimer(rounds: 1)
            let closing = try once.best {
                try store.close(endingBy: .max, now: SeriesSet.start)
            }
            tell("close and roll up", Double(written) / 1e6 / closing, "M samples/s", "")
            let bytes = store.figures().writtenBytes
            tell("on disk, with labels", Double(bytes) / Double(written), "bytes/sample", "")
            let view = store.view(of: .written, .sum)
            let matcher = try LabelMatcher("service_name", .equal, "service-3")
            var found = 0
            let reading = try timer.best {
                found = try view.select([matcher], from: .min, to: .max)
                    .reduce(0) { $0 + $1.samples.count }
            }
            tell("read from disk", Double(found) / 1e6 / reading, "M samples/s", "")
        }
    }

    /// Gives a store in a directory that goes afterwards.
    private func withStore<Result>(_ body: (SeriesStore) throws -> Result) throws -> Result {
        let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        let directory = folder + "/widefield-bench-\(getpid())"
        defer { SeriesBenchmark.remove(directory) }
        let options = SeriesStore.Options { _, last in last }
        return try body(try SeriesStore(.real, directory: directory, options: options))
    }

    private static func remove(_ directory: String) {
        let files = Machine.real.files
        for name in (try? files.list(directory)) ?? [] {
            let path = directory + "/" + name
            if (try? files.status(path))??.isDirectory == true {
                remove(path)
            } else {
                try? files.remove(path)
            }
        }
        rmdir(directory)
    }
}

extension SeriesData {
    /// Its samples one by one.
    fileprivate var labeled: [LabeledSample] {
        (0..<samples.count).map {
            LabeledSample(labels, samples.timestamps[$0], samples[valueAt: $0])
        }
    }
}
