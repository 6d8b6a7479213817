internal import SeriesStore

/// The moments at which an expression is worked out.
struct Steps {
    /// Milliseconds since 1970.
    let start: Int64
    /// Milliseconds, above 0.
    let interval: Int64
    let count: Int

    func time(_ step: Int) -> Int64 { start + Int64(step) * interval }
    var isInstant: Bool { count == 1 }
}

/// A value of a series at a step.
enum StepValue {
    case number(Double)
    case histogram(Histogram)
}

/// A series as an expression gives it: a value, or none, for each step.
///
/// Arrays over steps, so that operators are loops over them.
struct StepSeries {
    var labels: Labels
    /// Whether the metric's name no longer fits; it goes when the query is done.
    var dropsName = false
    /// For each step whether there is a value, and of what kind.
    private(set) var kinds: [Kind]
    /// The numbers; 0 where there is none.
    var numbers: [Double]
    /// Empty when no step has a histogram; otherwise an entry for each step.
    private(set) var histograms: [Histogram?] = []

    enum Kind: UInt8 {
        case none, number, histogram
    }

    /// A series without values.
    init(labels: Labels, dropsName: Bool = false, steps: Int) {
        self.labels = labels
        self.dropsName = dropsName
        kinds = [Kind](repeating: .none, count: steps)
        numbers = [Double](repeating: 0, count: steps)
    }

    /// A series that has the same number at each step.
    init(constant: Double, steps: Int) {
        labels = .empty
        kinds = [Kind](repeating: .number, count: steps)
        numbers = [Double](repeating: constant, count: steps)
    }

    /// A series of one step, with the same value at so many.
    func repeated(_ steps: Int) -> StepSeries {
        var result = self
        result.kinds = [Kind](repeating: kinds[0], count: steps)
        result.numbers = [Double](repeating: numbers[0], count: steps)
        if !histograms.isEmpty {
            result.histograms = [Histogram?](repeating: histograms[0], count: steps)
        }
        return result
    }

    var isEmpty: Bool { !kinds.contains { $0 != .none } }

    func has(_ step: Int) -> Bool { kinds[step] != .none }

    subscript(step: Int) -> StepValue? {
        get {
            switch kinds[step] {
            case .none: nil
            case .number: .number(numbers[step])
            case .histogram: histograms[step].map { .histogram($0) }
            }
        }
        set {
            switch newValue {
            case nil: remove(step)
            case .number(let number):
                if kinds[step] == .histogram { histograms[step] = nil }
                kinds[step] = .number
                numbers[step] = number
            case .histogram(let histogram):
                if histograms.isEmpty {
                    histograms = [Histogram?](repeating: nil, count: kinds.count)
                }
                kinds[step] = .histogram
                numbers[step] = 0
                histograms[step] = histogram
            }
        }
    }

    mutating func set(_ step: Int, _ number: Double) {
        kinds[step] = .number
        numbers[step] = number
    }

    mutating func remove(_ step: Int) {
        if kinds[step] == .histogram { histograms[step] = nil }
        kinds[step] = .none
        numbers[step] = 0
    }

    /// Points of 16 bytes that it costs: its arrays are as long as there are steps.
    var cost: Int {
        var points = kinds.count + histograms.count * Histogram.ownCost
        for case let histogram? in histograms { points += histogram.cost }
        return points
    }

    /// The values where another series has none, laid over one another; nil when both have one at a
    /// step.
    func merged(_ other: StepSeries) -> StepSeries? {
        var result = self
        for step in kinds.indices where other.has(step) {
            if has(step) { return nil }
            result[step] = other[step]
        }
        return result
    }
}

/// Puts together series with equal labels, as they come.
struct SeriesMerger {
    private(set) var series: [StepSeries] = []
    private var places: [Labels: Int] = [:]
    /// Values, also those that are not there, for which there is room.
    private var room: Int

    init(room: Int) { self.room = room }

    static let conflict = PromQLError.execution(
        "vector cannot contain metrics with the same labelset")

    /// The place of the series of these labels, which is made if need be.
    ///
    /// - Throws: when there is no room for it: each has an entry for every step.
    mutating func place(
        of labels: Labels, dropsName: Bool, steps: Int
    ) throws(PromQLError) -> Int {
        if let place = places[labels] { return place }
        room -= steps
        if room < 0 { throw Evaluator.tooManySamples }
        places[labels] = series.count
        series.append(StepSeries(labels: labels, dropsName: dropsName, steps: steps))
        return series.count - 1
    }

    mutating func set(_ place: Int, _ step: Int, _ value: StepValue) throws(PromQLError) {
        if series[place].has(step) { throw SeriesMerger.conflict }
        series[place][step] = value
    }

    /// Sets a number, also where there is one.
    mutating func setNumber(_ place: Int, _ step: Int, _ number: Double) {
        series[place].set(step, number)
    }

    mutating func add(_ new: StepSeries) throws(PromQLError) {
        guard let place = places[new.labels] else {
            places[new.labels] = series.count
            return series.append(new)
        }
        guard let merged = series[place].merged(new) else { throw SeriesMerger.conflict }
        series[place] = merged
    }

    /// Series with no two of the same labels.
    ///
    /// - Throws: when two have a value at one step.
    static func merged(_ series: [StepSeries]) throws(PromQLError) -> [StepSeries] {
        if series.count < 2 { return series }
        var merger = SeriesMerger(room: .max)
        for one in series { try merger.add(one) }
        return merger.series
    }
}

extension Labels {
    /// Labels that tell of the metric itself, not of what was measured.
    static let ofMetric = [Labels.metricName, "__type__", "__unit__"]

    var withoutMetric: Labels { removing(Labels.ofMetric) }
}
