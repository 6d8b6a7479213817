internal import Bytes

/// A series of a block that is open: full chunks, and one that samples are added to.
struct OpenSeries: Sendable {
    let labels: Labels
    private var full: [StoredChunk] = []
    private var floats: FloatChunkBuilder?
    /// None or one: apart from the other, as few series have histograms and it is large.
    private var histograms: [HistogramChunkBuilder] = []

    init(labels: Labels) { self.labels = labels }

    /// The time of the last sample.
    var last: Int64? { floats?.last ?? histograms.last?.last ?? full.last?.last }

    /// Bytes allocated beside the labels.
    var capacity: Int {
        MemoryLayout<OpenSeries>.stride + (floats.map { $0.capacity + 64 } ?? 0)
            + full.reduce(0) { $0 + $1.bytes.capacity + 72 }
            + histograms.reduce(0) { $0 + $1.capacity + 512 }
    }

    /// Sets the value at a time; one that was there goes.
    ///
    /// Slow path: a time that is not the latest reads the series and writes it anew.
    mutating func set(_ timestamp: Int64, _ value: SampleValue) {
        if let last, timestamp <= last {
            var added = Samples()
            added.append(timestamp, value)
            let merged = samples().merged(with: added)
            self = OpenSeries(labels: labels)
            append(contentsOf: merged)
        } else {
            append(timestamp, value)
        }
    }

    /// Adds samples that are later than all others.
    mutating func append(contentsOf samples: Samples) {
        for place in 0..<samples.count {
            append(samples.timestamps[place], samples[valueAt: place])
        }
    }

    private mutating func append(_ timestamp: Int64, _ value: SampleValue) {
        switch value {
        case .float(let value): append(timestamp, value)
        case .histogram(let value): append(timestamp, value)
        }
    }

    private mutating func append(_ timestamp: Int64, _ value: Double) {
        if floats == nil || floats?.isFull == true {
            finishChunk()
            floats = FloatChunkBuilder(timestamp, value)
        } else {
            floats?.append(timestamp, value)
        }
    }

    private mutating func append(_ timestamp: Int64, _ value: NativeHistogram) {
        if histograms.last?.isFull ?? true {
            finishChunk()
            histograms = [HistogramChunkBuilder(timestamp, value)]
        } else {
            histograms[0].append(timestamp, value)
        }
    }

    private mutating func finishChunk() {
        full = chunks()
        floats = nil
        histograms = []
    }

    /// All chunks, with the one that samples are added to as far as it goes.
    func chunks() -> [StoredChunk] {
        if let floats {
            return full + [
                StoredChunk(first: floats.first, last: floats.last, bytes: floats.encoded())
            ]
        }
        return full
            + histograms.map {
                StoredChunk(first: $0.first, last: $0.last, bytes: $0.encoded())
            }
    }

    /// All samples.
    func samples() -> Samples {
        var samples = Samples()
        do throws(DecodeError) {
            for chunk in chunks() { try Chunk.decode(chunk.bytes[...], into: &samples) }
        } catch {
            preconditionFailure("BUG: a chunk in memory does not decode: \(error)")
        }
        return samples
    }
}
