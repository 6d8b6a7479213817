internal import Bytes
internal import Host
internal import Synchronization

/// What a cell of minutes or hours is read as.
public enum CellReading: Hashable, Sendable {
    case min
    case max
    case sum
    case count
    /// The sum by the count.
    case average
}

extension SeriesStore {
    /// The store as a source of series: of each time the finest samples there are.
    ///
    /// Where only cells are left of what was written, they are read as `reading`.
    public func view(_ reading: CellReading) -> SeriesView { SeriesView(self, nil, reading) }

    /// One tier of the store as a source of series.
    public func view(of tier: Tier, _ reading: CellReading) -> SeriesView {
        SeriesView(self, tier, reading)
    }
}

/// A store's series, read in one way.
public struct SeriesView: SeriesSource {
    private let store: SeriesStore
    private let tier: Tier?
    private let reading: CellReading

    init(_ store: SeriesStore, _ tier: Tier?, _ reading: CellReading) {
        (self.store, self.tier, self.reading) = (store, tier, reading)
    }

    /// - Throws: `SeriesStoreError` when a block cannot be read, or the answer has more samples than
    ///   `SeriesLimits.samplesPerAnswer`.
    public func select(
        _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [SeriesData] {
        var answer = SeriesAnswer()
        for stretch in stretches(from, to) {
            for block in store.blocks(of: stretch.tier, stretch.from, stretch.to) {
                try add(block, matchers, stretch, to: &answer)
            }
        }
        return answer.series
    }

    public func series(_ matchers: [LabelMatcher], from: Int64, to: Int64) throws -> [Labels] {
        var found: Set<Labels> = []
        for stretch in stretches(from, to) {
            for block in store.blocks(of: stretch.tier, stretch.from, stretch.to) {
                try insert(block, matchers, stretch, into: &found)
            }
        }
        return found.sorted()
    }

    public func labelNames(
        _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [String] {
        var names: Set<[UInt8]> = []
        for labels in try series(matchers, from: from, to: to) {
            for label in labels { names.insert(Array(label.name.utf8)) }
        }
        return SeriesView.texts(names)
    }

    public func labelValues(
        of name: String, _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [String] {
        var values: Set<[UInt8]> = []
        for labels in try series(matchers, from: from, to: to) {
            let value = labels[name]
            if !value.isEmpty { values.insert(Array(value.utf8)) }
        }
        return SeriesView.texts(values)
    }

    /// Milliseconds of the longest cells that are read in a range; 0 where all samples are as they were
    /// written, and of blocks with one cell for each series.
    public func spacing(from: Int64, to: Int64) -> Int64 {
        stretches(from, to).filter { stretch in
            store.blocks(of: stretch.tier, stretch.from, stretch.to).contains { block in
                if case .closed(let block) = block { !block.isTotals } else { true }
            }
        }
        .map(\.tier.step).max() ?? 0
    }

    private static func texts(_ found: Set<[UInt8]>) -> [String] {
        found.sorted { $0.lexicographicallyPrecedes($1) }
            .map { String(decoding: $0, as: UTF8.self) }
    }
}

/// A stretch of time whose samples stand for as long each, both ends included.
public struct SeriesStretch: Hashable, Sendable {
    /// Milliseconds since 1970.
    public let from: Int64
    public let to: Int64
    /// Milliseconds from the beginning of a cell to its end; 0 of samples as they were written.
    public let step: Int64
}

extension SeriesView {
    /// How long the samples that are read stand for, by time ascending.
    public func stretches(from: Int64, to: Int64) -> [SeriesStretch] {
        stretches(from, to).flatMap { stretch -> [SeriesStretch] in
            let totals = stretch.tier == .hour ? store.totals(stretch.from, stretch.to) : []
            var found: [SeriesStretch] = []
            var next = stretch.from
            for block in totals {
                let part = block.clamped(to: stretch.from...stretch.to)
                if next < part.lowerBound {
                    found.append(
                        SeriesStretch(
                            from: next, to: part.lowerBound - 1, step: stretch.tier.step))
                }
                found.append(
                    SeriesStretch(
                        from: part.lowerBound, to: part.upperBound, step: Tier.hour.blockLength))
                if part.upperBound == stretch.to { return found }
                next = part.upperBound + 1
            }
            return found + [SeriesStretch(from: next, to: stretch.to, step: stretch.tier.step)]
        }
    }
}

// MARK: - Stretches and blocks

extension SeriesView {
    /// A stretch of time that one tier answers for, both ends included.
    private struct Stretch {
        let tier: Tier
        let from: Int64
        let to: Int64
    }

    /// The stretches of a range, ascending: of each time the finest tier that has a block of it.
    private func stretches(_ from: Int64, _ to: Int64) -> [Stretch] {
        guard from <= to else { return [] }
        if let tier { return [Stretch(tier: tier, from: from, to: to)] }
        var found: [Stretch] = []
        var left = [from...to]
        for tier in Tier.allCases {
            let covered = tier == .hour ? [.min ... .max] : store.coverage(of: tier)
            var rest: [ClosedRange<Int64>] = []
            for range in left {
                var next: Int64? = range.lowerBound
                for block in covered where block.overlaps(range) {
                    guard let start = next else { break }
                    let part = block.clamped(to: range)
                    if start < part.lowerBound { rest.append(start...part.lowerBound - 1) }
                    found.append(
                        Stretch(tier: tier, from: part.lowerBound, to: part.upperBound))
                    next = part.upperBound == range.upperBound ? nil : part.upperBound + 1
                }
                if let start = next { rest.append(start...range.upperBound) }
            }
            left = rest
        }
        return found.sorted { $0.from < $1.from }
    }

    private func add(
        _ block: SeriesStore.ReadableBlock, _ matchers: [LabelMatcher], _ stretch: Stretch,
        to answer: inout SeriesAnswer
    ) throws(SeriesStoreError) {
        switch block {
        case .open(let block):
            for series in store.series(of: block, matching: matchers) {
                let samples = series.samples().clamped(from: stretch.from, to: stretch.to)
                try answer.append(series.labels, samples)
            }
        case .closed(let block):
            guard let reader = try store.reader(of: block) else { return }
            defer { reader.close() }
            var pieces = FilePieces(ahead: 1 << 16)
            for number in try reader.series(matching: matchers) {
                let (labels, all) = try reader.entry(of: number)
                let chunks = all.filter { $0.first <= stretch.to && $0.last >= stretch.from }
                let samples = try samples(chunks, reader, &pieces, stretch.tier)
                try answer.append(labels, samples.clamped(from: stretch.from, to: stretch.to))
            }
        }
    }

    private func insert(
        _ block: SeriesStore.ReadableBlock, _ matchers: [LabelMatcher], _ stretch: Stretch,
        into found: inout Set<Labels>
    ) throws(SeriesStoreError) {
        func overlaps(_ first: Int64, _ last: Int64) -> Bool {
            first <= stretch.to && last >= stretch.from
        }
        switch block {
        case .open(let block):
            for series in store.series(of: block, matching: matchers)
            where series.chunks().contains(where: { overlaps($0.first, $0.last) }) {
                found.insert(series.labels)
            }
        case .closed(let block):
            guard let reader = try store.reader(of: block) else { return }
            defer { reader.close() }
            for number in try reader.series(matching: matchers) {
                let (labels, chunks) = try reader.entry(of: number)
                if chunks.contains(where: { overlaps($0.first, $0.last) }) { found.insert(labels) }
            }
        }
    }

    /// The samples of a series' chunks as they are read here.
    private func samples(
        _ chunks: [ChunkPlace], _ reader: BlockReader, _ pieces: inout FilePieces, _ tier: Tier
    ) throws(SeriesStoreError) -> Samples {
        let written = try reader.samples(chunks.filter { $0.aggregate == nil }, &pieces)
        if tier == .written { return written }
        func cells(_ aggregate: CellAggregate) throws(SeriesStoreError) -> Samples {
            try reader.samples(chunks.filter { $0.aggregate == aggregate }, &pieces)
        }
        let cells =
            switch reading {
            case .min: try cells(.min)
            case .max: try cells(.max)
            case .sum: try cells(.sum)
            case .count: try cells(.count)
            case .average: SeriesView.average(try cells(.sum), try cells(.count))
            }
        return written.isEmpty ? cells : cells.merged(with: written)
    }

    private static func average(_ sums: Samples, _ counts: Samples) -> Samples {
        let values = zip(sums.values, counts.values).map { $0 / $1 }
        return Samples(timestamps: Array(sums.timestamps.prefix(values.count)), values: values)
    }
}

/// Series of an answer, to which samples are added in time order.
private struct SeriesAnswer {
    private var places: [Labels: Int] = [:]
    private var list: [(labels: Labels, samples: Samples)] = []
    private var count = 0

    mutating func append(_ labels: Labels, _ samples: Samples) throws(SeriesStoreError) {
        if samples.isEmpty { return }
        count += samples.count
        guard count <= SeriesLimits.samplesPerAnswer else {
            throw SeriesStoreError(
                .tooLarge, "an answer has at most \(SeriesLimits.samplesPerAnswer) samples", "")
        }
        if let place = places[labels] {
            list[place].samples.append(contentsOf: samples)
        } else {
            places[labels] = list.count
            list.append((labels, samples))
        }
    }

    /// The series by their labels ascending.
    var series: [SeriesData] {
        list.sorted { $0.labels < $1.labels }
            .map { SeriesData(labels: $0.labels, samples: $0.samples) }
    }
}

extension SeriesStore {
    enum ReadableBlock {
        case open(OpenBlock)
        case closed(ClosedBlock)
    }

    /// The blocks of a tier that have a part in a range, ascending.
    fileprivate func blocks(of tier: Tier, _ from: Int64, _ to: Int64) -> [ReadableBlock] {
        state.withLock { state in
            let open = tier == .written ? state.open : [:]
            let closed = state.closed[tier] ?? [:]
            return Set(open.keys).union(closed.keys)
                .filter { $0 <= to && tier.blockEnd(of: $0) - 1 >= from }.sorted()
                .compactMap { start in
                    open[start].map { .open($0) } ?? closed[start].map { .closed($0) }
                }
        }
    }

    /// The blocks of hours with one cell for each series that have a part in a range, ascending.
    fileprivate func totals(_ from: Int64, _ to: Int64) -> [ClosedRange<Int64>] {
        state.withLock { $0.closed[.hour] ?? [:] }.values
            .filter { $0.isTotals && $0.start <= to && $0.end > from }
            .map { $0.start...$0.end - 1 }.sorted { $0.lowerBound < $1.lowerBound }
    }

    /// The times that a tier has blocks of, ascending; blocks side by side are one range.
    fileprivate func coverage(of tier: Tier) -> [ClosedRange<Int64>] {
        let starts = state.withLock { state in
            Set(state.closed[tier, default: [:]].keys)
                .union(tier == .written ? Array(state.open.keys) : [])
        }
        var ranges: [ClosedRange<Int64>] = []
        for start in starts.sorted() {
            let end = tier.blockEnd(of: start)
            let last = end == .max ? end : end - 1
            if let before = ranges.last, before.upperBound + 1 == start {
                ranges[ranges.count - 1] = before.lowerBound...last
            } else {
                ranges.append(start...last)
            }
        }
        return ranges
    }

    /// The series of an open block as they are now.
    fileprivate func series(
        of block: OpenBlock, matching matchers: [LabelMatcher]
    ) -> [OpenSeries] {
        state.withLock { _ in
            var found: [OpenSeries] = []
            do throws(DecodeError) {
                let set = try block.index.series(matching: matchers)
                set.forEachRow { found.append(block.series[$0]) }
            } catch {
                preconditionFailure("BUG: an index in memory does not decode: \(error)")
            }
            return found
        }
    }

    /// Opens a closed block; nil when it was removed meanwhile.
    fileprivate func reader(of block: ClosedBlock) throws(SeriesStoreError) -> BlockReader? {
        do throws(SeriesStoreError) {
            return try BlockReader(machine.files, path: block.path, cache: cache)
        } catch {
            if error.cause?.isNotFound ?? false { return nil }
            throw error
        }
    }
}
