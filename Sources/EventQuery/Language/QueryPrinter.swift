import Bytes
import Compute

extension Query {
    /// The query in the query language, in its canonical form.
    ///
    /// Stages stand in their fixed order and the time range is always named. Reading the text gives
    /// the same query.
    public var text: String {
        var stages = ["from \(source.queryText)", timeRange.queryText + (step?.suffixText ?? "")]
        for transform in transforms {
            switch transform {
            case .filter(let condition): stages.append("where \(condition.text)")
            case .evaluate(let name, let expression):
                stages.append("eval \(Words.quoted(name)) = \(expression.text)")
            }
        }
        var scope = ResultScope()
        switch shape {
        case .events(let listing):
            let fields = listing.fields.map { $0.map(Words.quotedField).joined(separator: ", ") }
            stages.append("fields \(fields ?? "*")")
        case .statistics(let statistics):
            scope = ResultScope(statistics)
            stages.append("stats " + statistics.queryText)
            if let having = statistics.having {
                stages.append("having \(ExpressionPrinter(scope: scope).text(having))")
            }
        case .bubbleUp(let bubbleUp): stages.append("bubbleup where \(bubbleUp.selection.text)")
        }
        if !sort.isEmpty {
            let keys = sort.map { scope.text(ofKey: $0.name) + ($0.descending ? " desc" : "") }
            stages.append("sort \(keys.joined(separator: ", "))")
        }
        if let limit { stages.append("limit \(limit)") }
        if let compareOffset { stages.append("compare \(DurationText.text(compareOffset))") }
        if isUnweighted { stages.append("unweighted") }
        if let sampleShare { stages.append("sample \(sampleShare)") }
        return stages.joined(separator: " | ")
    }
}

extension DatasetSelection {
    var queryText: String {
        switch self {
        case .all: "*"
        case .named(let names): names.map(Words.quoted).joined(separator: ", ")
        }
    }
}

extension TimeRange {
    var queryText: String {
        switch self {
        case .last(let nanoseconds): "last \(DurationText.text(nanoseconds))"
        case .between(let start, let end): "between \(start.queryText) and \(end.queryText)"
        }
    }
}

extension TimePoint {
    var queryText: String {
        switch self {
        case .absolute(let time): RFC3339.text(nanoseconds: time)
        case .beforeNow(0): "now"
        case .beforeNow(let offset) where offset > 0: "now-\(DurationText.text(offset))"
        case .beforeNow(let offset): "now + \(DurationText.text(-offset))"
        }
    }
}

extension Step {
    /// The step as it follows a time range.
    var suffixText: String {
        switch self {
        case .automatic: " step auto"
        case .every(let nanoseconds): " step \(DurationText.text(nanoseconds))"
        }
    }
}

extension Statistics {
    /// The calculations and group keys, as they follow `stats`.
    var queryText: String {
        let calls = calculations.map { calculation in
            (calculation.isHidden ? "hide " : "")
                + (calculation.alias.map { "\(Words.quoted($0)) = " } ?? "")
                + calculation.callText
        }
        let formulas = formulas.map { formula in
            let text = formulaText(formula.expression)
            return formula.name == text ? text : "\(Words.quoted(formula.name)) = \(text)"
        }
        let keys = groupBy.map { key in
            // A bare condition would read as an alias and its expression.
            let text =
                key.isEach
                ? GroupKey.eachName(of: key.expression)
                : ExpressionPrinter().text(key.expression, atLeast: .additive)
            return key.name == key.defaultName ? text : "\(Words.quoted(key.name)) = \(text)"
        }
        let groups = keys.isEmpty ? "" : " by " + keys.joined(separator: ", ")
        return (calls + formulas).joined(separator: ", ") + groups
    }

    /// A formula as it is written, which is also its name when it has no other.
    func formulaText(_ expression: Expression) -> String {
        // A call alone would be read as a calculation of its own.
        if case .field(.named(let name)) = expression { return Words.quoted(name) }
        return ExpressionPrinter(scope: ResultScope(self)).text(expression)
    }
}

extension GroupKey {
    /// The name of a key that was given none: the field's, else the expression's text.
    var defaultName: String {
        if isEach { return GroupKey.eachName(of: expression) }
        if case .field(let reference) = expression, let name = reference.plainName { return name }
        return expression.text
    }

    static func eachName(of expression: Expression) -> String { "each(\(expression.text))" }
}
