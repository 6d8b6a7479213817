import SeriesStore
import Synchronization
import TestSupport
import Testing

@testable import Metrics

/// What holds of every query over any series.
@Suite struct PromQLPropertyTests {
    @Test(arguments: 0..<20)
    func `a step of a range query is an instant query`(seed: UInt64) throws {
        var generator = PromQLGenerator(seed: seed)
        let engine = PromQLEngine(generator.store())
        for _ in 0..<15 {
            let text = generator.vector(depth: 3)
            let query = try PromQLQuery(text)
            let (start, step, count) = (Int64(120_000), Int64(45_000), Int64(6))
            guard
                case .success(let range) = Result(catching: {
                    try engine.answer(
                        query, from: start, to: start + step * (count - 1), step: step)
                }), case .matrix(let series) = range.value
            else { continue }
            for place in 0..<count {
                let time = start + place * step
                // What fails at no step together fails at none by itself.
                let instant = try engine.answer(query, at: time)
                guard case .vector(let found) = instant.value else {
                    Issue.record("no vector: \(text)")
                    return
                }
                let expected = series.compactMap { one -> String? in
                    let samples = one.samples.clamped(from: time, to: time)
                    return samples.isEmpty ? nil : described(one.labels, samples)
                }
                let actual = found.map { described($0.labels, $0.samples) }
                #expect(actual.sorted() == expected.sorted(), "seed \(seed): \(text) at \(time)")
            }
        }
    }

    private func described(_ labels: Labels, _ samples: Samples) -> String {
        if let histogram = samples.histograms.first, let histogram {
            return "\(labels) \(Histogram(histogram)) \(histogram.counterReset)"
        }
        return "\(labels) \(samples.values[0])"
    }

    @Test(arguments: 0..<10)
    func `a printed query is the same query`(seed: UInt64) throws {
        var generator = PromQLGenerator(seed: seed)
        for _ in 0..<100 {
            let text = generator.vector(depth: 4)
            let printed = try PromQLQuery(text).description
            #expect(try PromQLQuery(printed).description == printed)
        }
    }

    @Test func `more points than allowed are an error`() throws {
        var store = ScriptStore()
        for place in 0..<10 {
            store.load(
                ["__name__": "x", "i": "\(place)"],
                [SeriesNotation.Value](repeating: .number(1), count: 100), step: 1000)
        }
        var options = PromQLEngine.Options()
        options.samples = 500
        let engine = PromQLEngine(store, options: options)
        func code(_ text: String, to end: Int64) throws -> String? {
            do {
                _ = try engine.answer(PromQLQuery(text), from: 0, to: end, step: 1000)
                return nil
            } catch {
                return error.message
            }
        }
        let tooMany =
            "query processing would load too many samples into memory in query execution"
        #expect(try code("x", to: 10_000) == nil)
        #expect(try code("x", to: 90_000) == tooMany)
        #expect(try code("sum(x)", to: 90_000) == tooMany)
        #expect(try code("count_over_time(x[100s])", to: 99_000) == tooMany)
        #expect(try code("1", to: 1_000_000) == tooMany)
        options.samples = 1_000_000
        options.series = 5
        #expect(throws: PromQLError.self) {
            try PromQLEngine(store, options: options).answer(PromQLQuery("x"), at: 1000)
        }
    }

    @Test func `series that values make have a bound too`() throws {
        var store = ScriptStore()
        for series in 0..<20 {
            let values = (0..<100).map { SeriesNotation.Value.number(Double(series * 100 + $0)) }
            store.load(["__name__": "x", "i": "\(series)"], values, step: 1000)
        }
        var options = PromQLEngine.Options()
        let query = try PromQLQuery("count_values(\"v\", x)")
        func answer() throws {
            _ = try PromQLEngine(store, options: options)
                .answer(query, from: 0, to: 99_000, step: 1000)
        }
        try answer()
        options.samples = 10_000
        #expect(throws: PromQLError.self) { try answer() }
    }

    @Test func `long windows do not keep a query from being stopped`() throws {
        var store = ScriptStore()
        store.load(
            ["__name__": "x"], [SeriesNotation.Value](repeating: .number(1), count: 3000),
            step: 1000)
        let asked = Mutex(0)
        var options = PromQLEngine.Options()
        options.interruption = {
            let count = asked.withLock { count in
                count += 1
                return count
            }
            return count > 6 ? PromQLError(.timeout, "late") : nil
        }
        let engine = PromQLEngine(store, options: options)
        let query = try PromQLQuery("count_over_time(x[1h])")
        let error = #expect(throws: PromQLError.self) {
            try engine.answer(query, from: 0, to: 3_000_000, step: 1000)
        }
        #expect(error?.code == .timeout)
    }

    @Test func `a long chain of operators is refused, not followed`() {
        for part in [" + 1", "[1m:1m]", " or x"] {
            let text = "x" + String(repeating: part, count: 20_000)
            #expect(throws: PromQLError.self) { try PromQLQuery(text) }
        }
    }
}

/// Makes queries whose types fit, and series to ask.
struct PromQLGenerator {
    private var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    private mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &random)]
    }

    private mutating func chance(_ one: Int) -> Bool {
        Int.random(in: 0..<one, using: &random) == 0
    }

    // MARK: - Series

    mutating func store() -> ScriptStore {
        var store = ScriptStore()
        for name in ["a", "b_total", "h", "c_bucket"] {
            for place in 0..<4 {
                var labels: Labels = ["__name__": name, "x": "\(place % 2)", "y": "\(place / 2)"]
                if name == "c_bucket" {
                    labels = labels.setting("le", to: ["0.5", "1", "+Inf", "x"][place])
                        .removing(["x", "y"])
                }
                var values: [SeriesNotation.Value] = []
                var total = 0.0
                for _ in 0..<40 { values.append(value(name, &total)) }
                store.load(labels, values, step: 15_000)
            }
        }
        return store
    }

    private mutating func value(_ name: String, _ total: inout Double) -> SeriesNotation.Value {
        if chance(6) { return .omitted }
        if name == "h" && !chance(8) {
            return .histogram(histogram(), tellsReset: false)
        }
        if name == "a" {
            return .number(
                pick([0, -0.0, 1, -2.5, .nan, .infinity, -.infinity, 1e300, 3, StaleMarker.value]))
        }
        total = chance(9) ? 0 : total + Double(Int.random(in: 0..<5, using: &random))
        return .number(total)
    }

    private mutating func histogram() -> NativeHistogram {
        if chance(30) { return .stale }
        let counts = (0..<4).map { _ in Double(Int.random(in: 0..<4, using: &random)) }
        let reset = pick([NativeHistogram.CounterReset.unknown, .unknown, .reset, .gauge])
        let spans = [
            NativeHistogram.Span(offset: Int32.random(in: -3...3, using: &random), length: 2),
            NativeHistogram.Span(offset: 2, length: 2),
        ]
        if chance(4) {
            return NativeHistogram(
                counterReset: reset, schema: NativeHistogram.customBoundsSchema,
                count: counts.reduce(0, +), sum: 3,
                positiveSpans: [NativeHistogram.Span(offset: 0, length: 4)],
                positiveBuckets: counts, customBounds: pick([[-1, 2, 5], [1, 2, 5], [2]]))
        }
        return NativeHistogram(
            counterReset: reset, schema: pick([-1, 0, 1, 3]),
            zeroThreshold: pick([0, 0.001, 0.5, 3]), zeroCount: Double(pick([0, 1, 2])),
            count: counts.reduce(2, +), sum: pick([5, .nan, -1]), positiveSpans: spans,
            positiveBuckets: counts, negativeSpans: chance(2) ? spans : [],
            negativeBuckets: counts)
    }

    // MARK: - Queries

    private mutating func selector() -> String {
        let name = pick(["a", "b_total", "h", "c_bucket", "a", "b_total"])
        return name + pick(["", "", "{x=\"0\"}", "{y!=\"1\"}", "{x=~\"0|1\",y=\"1\"}"])
    }

    private mutating func shift() -> String {
        pick(["", "", "", "", " offset 1m", " offset -30s", " @ 300", " @ 200.5 offset 20s"])
    }

    private mutating func window(depth: Int) -> String {
        if depth > 0 && chance(4) {
            return "(" + vector(depth: depth - 1) + ")[" + pick(["2m:30s", "1m:", "90s:7s"]) + "]"
                + shift()
        }
        return selector() + "[" + pick(["30s", "1m", "4m", "10s"]) + "]" + shift()
    }

    private mutating func scalar(depth: Int) -> String {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: "time()"
        case 1 where depth > 0: "scalar(" + vector(depth: depth - 1) + ")"
        case 2: "(1 - 0.5)"
        default: pick(["0", "1", "-2", "0.5", "2", "100"])
        }
    }

    private mutating func labels() -> String { pick(["(x)", "(x, y)", "()", "(y)", "(none)"]) }

    mutating func vector(depth: Int) -> String {
        if depth == 0 { return selector() + shift() }
        switch Int.random(in: 0..<8, using: &random) {
        case 0:
            let over = [
                "rate", "increase", "delta", "irate", "idelta", "deriv", "resets", "changes",
                "sum_over_time", "avg_over_time", "min_over_time", "max_over_time",
                "count_over_time", "last_over_time", "first_over_time", "stddev_over_time",
                "mad_over_time", "ts_of_max_over_time", "absent_over_time", "present_over_time",
            ]
            return pick(over) + "(" + window(depth: depth) + ")"
        case 1:
            return "quantile_over_time(" + scalar(depth: depth) + ", " + window(depth: depth) + ")"
        case 2:
            let plain = [
                "abs", "ceil", "exp", "ln", "sqrt", "sgn", "sin", "atanh", "timestamp", "hour",
                "day_of_year", "days_in_month", "absent", "histogram_count", "histogram_avg",
                "histogram_stddev",
            ]
            return pick(plain) + "(" + vector(depth: depth - 1) + ")"
        case 3:
            return pick(["histogram_quantile", "clamp_max", "round", "histogram_fraction"])
                .call(scalar(depth: depth), vector(depth: depth - 1))
        case 4:
            let aggregator = pick([
                "sum", "avg", "count", "min", "max", "group", "stddev", "stdvar",
            ])
            return aggregator + pick([" by ", " without "]) + labels() + " ("
                + vector(depth: depth - 1) + ")"
        case 5:
            return pick(["quantile", "limitk", "count_values"])
                .aggregated(vector(depth: depth - 1), by: labels())
        default: return operation(depth: depth)
        }
    }

    private mutating func operation(depth: Int) -> String {
        let left = "(" + vector(depth: depth - 1) + ")"
        let sign = pick(["+", "-", "*", "/", "%", "^", "atan2", "==", "!=", ">", "<=", "</", ">/"])
        let isTrim = sign == "</" || sign == ">/"
        let isBool = !isTrim && "=!><".contains(sign.first ?? " ") && chance(2) ? " bool" : ""
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return left + " " + sign + isBool + " " + scalar(depth: depth)
        case 1:
            return left + " " + pick(["and", "or", "unless"])
                + pick(["", " on (x)", " ignoring (y)"]) + " (" + vector(depth: depth - 1) + ")"
        case 2: return "-" + left
        default:
            let matching = pick(["", " on (x, y)", " on (x) group_left ()", " ignoring (le)"])
            return left + " " + sign + isBool + matching + pick(["", "", " fill (0)"]) + " ("
                + vector(depth: depth - 1) + ")"
        }
    }
}

extension String {
    fileprivate func call(_ scalar: String, _ vector: String) -> String {
        switch self {
        case "histogram_quantile": "\(self)(\(scalar), \(vector))"
        case "histogram_fraction": "\(self)(0, \(scalar), \(vector))"
        default: "\(self)(\(vector), \(scalar))"
        }
    }

    fileprivate func aggregated(_ vector: String, by labels: String) -> String {
        let parameter = self == "quantile" ? "0.3" : self == "limitk" ? "1" : "\"v\""
        return "\(self) by \(labels) (\(parameter), \(vector))"
    }
}
