internal import Bytes

/// What an answer should be read with: warnings and infos, each once.
struct Annotations {
    enum Kind {
        case warning, info
    }

    private struct Note {
        let kind: Kind
        let range: Range<Int>
        var repair: RepairNote?
    }

    /// Messages in the order they came, each with the place of the first.
    private var order: [String] = []
    private var notes: [String: Note] = [:]

    mutating func warn(_ message: String, at range: Range<Int>) {
        add("PromQL warning: " + message, Note(kind: .warning, range: range, repair: nil))
    }

    mutating func inform(_ message: String, at range: Range<Int>) {
        add("PromQL info: " + message, Note(kind: .info, range: range, repair: nil))
    }

    /// Tells of a classic histogram whose counts did not ascend.
    mutating func inform(
        of repair: ClassicHistogram.Repair, _ metric: String, at range: Range<Int>, time: Int64
    ) {
        let message =
            "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see "
            + "https://prometheus.io/docs/prometheus/latest/querying/functions/"
            + "#histogram_quantile)" + Annotations.named(metric)
        let note = RepairNote(repair, time)
        add(message, Note(kind: .info, range: range, repair: note))
    }

    private mutating func add(_ message: String, _ note: Note) {
        if let old = notes[message]?.repair, let new = note.repair {
            notes[message]?.repair = old.merged(new)
        } else if notes[message] == nil {
            notes[message] = note
            order.append(message)
        }
    }

    /// Messages with their places; beyond the bound only how many there are.
    func texts(_ kind: Kind, query: [UInt8], limit: Int = MetricsLimits.annotations) -> [String] {
        var texts: [String] = []
        var left = 0
        for message in order {
            guard let note = notes[message], note.kind == kind else { continue }
            if texts.count == limit {
                left += 1
                continue
            }
            let place = QueryPosition.text(of: note.range.lowerBound, in: query)
            texts.append(message + (note.repair?.text ?? "") + " (\(place))")
        }
        if left > 0 {
            texts.append(
                "\(left) more \(kind == .warning ? "warning" : "info") annotations omitted")
        }
        return texts
    }

    /// ` for metric name "x"`, nothing for a series without a name.
    static func named(_ metric: String) -> String {
        metric.isEmpty ? "" : " for metric name " + QuotedText.quoted(metric)
    }
}

/// All repairs of one message together.
private struct RepairNote {
    private var repair: ClassicHistogram.Repair
    private var first: Int64
    private var last: Int64
    private var samples = 1

    init(_ repair: ClassicHistogram.Repair, _ time: Int64) {
        self.repair = repair
        (first, last) = (time, time)
    }

    func merged(_ other: RepairNote) -> RepairNote {
        var result = self
        result.first = min(first, other.first)
        result.last = max(last, other.last)
        result.repair.lowest = min(repair.lowest, other.repair.lowest)
        result.repair.highest = max(repair.highest, other.repair.highest)
        result.repair.largestDifference = max(
            repair.largestDifference, other.repair.largestDifference)
        result.samples += other.samples
        return result
    }

    var text: String {
        func time(_ milliseconds: Int64) -> String {
            RFC3339.text(seconds: milliseconds / 1000, nanoseconds: 0) ?? "\(milliseconds)"
        }
        return ", from buckets \(NumberText.general(repair.lowest)) to "
            + "\(NumberText.general(repair.highest)), with a max diff of "
            + "\(NumberText.general(repair.largestDifference)), over \(samples) samples from "
            + "\(time(first)) to \(time(last))"
    }
}
