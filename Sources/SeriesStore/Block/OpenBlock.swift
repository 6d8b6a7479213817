internal import Bytes

/// The series of a stretch of time in memory, to which samples are added in any order.
///
/// A class, as a copy of a million series would be made where a reader holds the block while it is
/// written to.
final class OpenBlock: @unchecked Sendable {
    // SENDABLE: changed only by the store's one writer while it holds the store's lock; read under
    // that lock, or by that writer.
    private(set) var index = MemoryIndex()
    private(set) var series: [OpenSeries] = []
    /// A series' number plus one at the place its labels' hash leads to.
    private var slots = [UInt32](repeating: 0, count: 16)

    private var labelBytes = 0
    /// Whether all of it is in the file of its start.
    var isSaved = false

    /// Bytes allocated, labels among them.
    var capacity: Int {
        index.capacity + 4 * slots.capacity
            + series.reduce(0) { $0 + $1.capacity + $1.labels.bytes.count + 32 }
    }

    /// Sets the value of a series at a time, or says why it does not.
    func set(_ sample: LabeledSample, seriesMax: Int) -> String? {
        var slot = slot(of: sample.labels)
        if slots[slot] == 0 {
            if let flaw = flaw(of: sample.labels, seriesMax) { return flaw }
            insert(sample.labels)
            slot = self.slot(of: sample.labels)
        }
        if case .histogram(let histogram) = sample.value, let flaw = histogram.flaw { return flaw }
        series[Int(slots[slot]) - 1].set(sample.timestamp, sample.value)
        isSaved = false
        return nil
    }

    /// Why a series cannot be added.
    private func flaw(of labels: Labels, _ seriesMax: Int) -> String? {
        if series.count >= seriesMax { return "a block has at most \(seriesMax) series" }
        if labels.isEmpty { return "a series has at least one label" }
        if let flaw = labels.flaw { return flaw }
        let bytes = labelBytes + labels.bytes.count
        return bytes > SeriesLimits.labelBytesPerBlock
            ? "the labels of a block have at most \(SeriesLimits.labelBytesPerBlock) bytes" : nil
    }

    /// Adds samples of a series that are later than all it has.
    func append(_ data: SeriesData) {
        if slots[slot(of: data.labels)] == 0 { insert(data.labels) }
        series[Int(slots[slot(of: data.labels)]) - 1].append(contentsOf: data.samples)
    }

    private func insert(_ labels: Labels) {
        if (series.count + 1) * 2 > slots.count { grow() }
        series.append(OpenSeries(labels: labels))
        index.append(labels)
        labelBytes += labels.bytes.count
        slots[slot(of: labels)] = UInt32(series.count)
    }

    private func slot(of labels: Labels) -> Int {
        let mask = slots.count - 1
        var slot = labels.slot & mask
        while slots[slot] != 0, series[Int(slots[slot]) - 1].labels != labels {
            slot = (slot + 1) & mask
        }
        return slot
    }

    private func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for number in series.indices { slots[slot(of: series[number].labels)] = UInt32(number) + 1 }
    }
}
