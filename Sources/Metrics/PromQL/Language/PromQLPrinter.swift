internal import SeriesStore

/// Writes an expression as the text that reads back as the same.
enum PromQLPrinter {
    static func text(_ node: PromQLNode) -> String {
        switch node.kind {
        case .number(let value, let isDuration): number(value, isDuration)
        case .string(let value): QuotedText.quoted(value)
        case .selector(let selector): text(selector) + ends(selector) + shift(selector.shift)
        case .window(let selector, let length):
            text(selector) + "[\(text(length))]" + ends(selector) + shift(selector.shift)
        case .subquery(let subquery):
            text(subquery.inner) + "[\(text(subquery.range)):"
                + (subquery.step.map(text) ?? "") + "]" + shift(subquery.shift)
        case .call(let function, let arguments):
            function.rawValue + "(" + arguments.map(text).joined(separator: ", ") + ")"
        case .aggregation(let aggregation): text(aggregation)
        case .binary(let operation): text(operation)
        case .unary(let isNegative, let operand): (isNegative ? "-" : "+") + text(operand)
        case .parenthesised(let inner): "(" + text(inner) + ")"
        }
    }

    private static func text(_ aggregation: Aggregation) -> String {
        var result = aggregation.aggregator.rawValue
        if aggregation.isWithout {
            result += " without (\(labels(aggregation.grouping))) "
        } else if !aggregation.grouping.isEmpty {
            result += " by (\(labels(aggregation.grouping))) "
        }
        result += "("
        if let parameter = aggregation.parameter { result += text(parameter) + ", " }
        return result + text(aggregation.operand) + ")"
    }

    private static func text(_ operation: BinaryOperation) -> String {
        let matching = operation.matching
        var result = text(operation.left) + " " + operation.sign.rawValue
        if operation.returnsBool { result += " bool" }
        if matching.isOn || !matching.labels.isEmpty || matching.cardinality != .oneToOne {
            result += (matching.isOn ? " on (" : " ignoring (") + labels(matching.labels) + ")"
        }
        if matching.cardinality != .oneToOne {
            result += matching.cardinality == .manyToOne ? " group_left (" : " group_right ("
            result += labels(matching.included) + ")"
        }
        if let left = matching.leftFill, left == matching.rightFill {
            result += " fill (\(NumberText.general(left)))"
        } else {
            if let left = matching.leftFill {
                result += " fill_left (\(NumberText.general(left)))"
            }
            if let right = matching.rightFill {
                result += " fill_right (\(NumberText.general(right)))"
            }
        }
        return result + " " + text(operation.right)
    }

    private static func text(_ selector: Selector) -> String {
        let conditions = selector.matchers.filter {
            !($0.name == Labels.metricName && $0.operation == .equal
                && $0.value == selector.name && !$0.value.isEmpty)
        }
        if conditions.isEmpty { return selector.name.isEmpty ? "{}" : selector.name }
        let texts = conditions.map {
            name($0.name) + $0.operation.rawValue + QuotedText.quoted($0.value)
        }
        return selector.name + "{" + texts.sorted().joined(separator: ",") + "}"
    }

    private static func ends(_ selector: Selector) -> String {
        selector.ends.map { " " + $0.rawValue } ?? ""
    }

    private static func shift(_ shift: TimeShift) -> String {
        var result = ""
        switch shift.anchor {
        case .time(let milliseconds):
            result += " @ " + NumberText.fixed(Double(milliseconds) / 1000, digits: 3)
        case .start: result += " @ start()"
        case .end: result += " @ end()"
        case nil: break
        }
        if let offset = shift.offset { result += " offset " + text(offset) }
        return result
    }

    private static func number(_ value: Double, _ isDuration: Bool) -> String {
        guard isDuration, let milliseconds = Int64(exactly: (value * 1000).rounded()) else {
            return NumberText.plain(value)
        }
        return DurationText.text(milliseconds: milliseconds)
    }

    private static func text(_ duration: DurationExpression) -> String {
        duration.literal.map { number($0, true) } ?? part(duration)
    }

    /// Within an expression a number stays one, as `2` in `step() * 2`.
    private static func part(_ duration: DurationExpression) -> String {
        switch duration {
        case .seconds(let value, let isDuration): number(value, isDuration)
        case .step: "step()"
        case .range: "range()"
        case .negated(let inner): "-" + part(inner)
        case .parenthesised(let inner): "(" + part(inner) + ")"
        case .binary(let sign, let left, let right):
            part(left) + " " + sign.rawValue + " " + part(right)
        case .largest(let left, let right): "max_of(\(part(left)), \(part(right)))"
        case .smallest(let left, let right): "min_of(\(part(left)), \(part(right)))"
        }
    }

    private static func labels(_ names: [String]) -> String {
        names.map(name).joined(separator: ", ")
    }

    /// A label's name, in quotes when it is no plain word.
    private static func name(_ name: String) -> String {
        let isPlain =
            name.utf8.first.map { $0 < 48 || $0 > 57 } ?? false
            && name.utf8.allSatisfy {
                $0 == UInt8(ascii: "_") || $0 >= 48 && $0 <= 57
                    || ($0 | 32) >= 97 && ($0 | 32) <= 122
            }
        return isPlain ? name : QuotedText.quoted(name)
    }
}
