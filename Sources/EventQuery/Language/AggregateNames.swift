import Compute

extension Aggregate {
    /// The names a query calls aggregates by, percentiles aside.
    static let byName: [String: Aggregate] = [
        "count": .count, "count_if": .count, "sum": .sum, "avg": .avg, "min": .min, "max": .max,
        "distinct": .distinct, "latest": .latest, "exponential_histogram": .exponentialHistogram,
        "heatmap": .heatmap, "rate_sum": .rateSum, "rate_avg": .rateAvg,
        "rate_max": .rateMax, "concurrency": .concurrency,
    ]

    /// Names to suggest from, with the percentiles people ask for most.
    static let suggestions =
        byName.keys.sorted() + ["quantile", "p50", "p75", "p90", "p95", "p99", "p999"]

    /// The aggregate a call names, `quantile` aside; nil when there is none of that name.
    init?(callName name: String) {
        if let known = Aggregate.byName[name] {
            self = known
        } else if let share = Aggregate.percentileShare(name) {
            self = .quantile(share)
        } else {
            return nil
        }
    }

    /// The share of `p05`, `p50`, `p999`: the digits after the point, two or three, and no zero at
    /// the end of three, so that `p100` is not taken for the tenth percentile.
    private static func percentileShare(_ name: String) -> Double? {
        let digits = name.dropFirst().utf8
        guard name.first == "p", digits.allSatisfy({ (0x30...0x39).contains($0) }),
            digits.count == 2 || digits.count == 3 && digits.last != 0x30,
            let share = Double("0." + name.dropFirst()), share > 0
        else { return nil }
        return share
    }

    /// The name a query calls the aggregate by; nil for a quantile that only `quantile` names.
    var callName: String? {
        guard case .quantile(let share) = self else {
            return Aggregate.byName.first { $0.value == self && $0.key != "count_if" }?.key
        }
        let digits = share.description.dropFirst(2)
        let name = "p" + digits + (digits.count == 1 ? "0" : "")
        return Aggregate.percentileShare(name) == share ? name : nil
    }

    /// Whether a call takes something to aggregate: never, if it likes, or always.
    var takesArgument: ClosedRange<Int> {
        switch self {
        case .count: 0...1
        case .concurrency: 0...0
        default: 1...1
        }
    }
}

extension Calculation {
    /// The name of the calculation's column in the answer and wherever the query speaks of it.
    ///
    /// Its alias, else Honeycomb's name for it (`COUNT`, `P99(duration_ms)`), else the call's text.
    public var key: String {
        if let alias { return alias }
        if filter == nil, let operation = aggregate.honeycombName {
            switch argument {
            case nil: return operation
            case .field(let reference):
                if let name = reference.plainName { return "\(operation)(\(name))" }
            default: break
            }
        }
        return callText
    }

    /// The call as the query language writes it, without the alias.
    var callText: String {
        if aggregate == .count, argument == nil, let filter { return "count_if(\(filter.text))" }
        let argumentText = argument?.text ?? ""
        var call: String
        if let name = aggregate.callName {
            call = "\(name)(\(argumentText))"
        } else if case .quantile(let share) = aggregate {
            call = "quantile(\(argumentText), \(share))"
        } else {
            preconditionFailure("BUG: an aggregate without a name: \(aggregate)")
        }
        if let filter { call += " where \(filter.text)" }
        return call
    }
}
