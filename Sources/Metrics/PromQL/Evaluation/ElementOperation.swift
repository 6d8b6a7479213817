internal import CKernels
internal import SeriesStore

/// An operator between two values.
struct ElementOperation {
    let sign: BinaryOperator
    /// Where the query has the operation, for what is to be told of it.
    let range: Range<Int>

    /// What comes of two values.
    struct Outcome {
        var value: StepValue
        /// Whether a comparison lets it through.
        var isKept = true
    }

    /// Of numbers; a comparison gives its left side.
    @inline(__always)
    func number(_ left: Double, _ right: Double) -> (value: Double, isKept: Bool) {
        switch sign {
        case .add: (left + right, true)
        case .subtract: (left - right, true)
        case .multiply: (left * right, true)
        case .divide: (left / right, true)
        case .modulo: (left.truncatingRemainder(dividingBy: right), true)
        case .power: (wf_pow(left, right), true)
        case .atan2: (wf_atan2(left, right), true)
        case .equal: (left, left == right)
        case .notEqual: (left, left != right)
        case .less: (left, left < right)
        case .lessOrEqual: (left, left <= right)
        case .greater: (left, left > right)
        case .greaterOrEqual: (left, left >= right)
        case .trimUpper, .trimLower, .and, .or, .unless:
            preconditionFailure("BUG: no operator of numbers: \(sign.rawValue)")
        }
    }

    /// Of scalars, where a comparison gives 1 or 0.
    func scalar(_ left: Double, _ right: Double) -> Double {
        let (value, isKept) = number(left, right)
        return sign.isComparison ? (isKept ? 1 : 0) : value
    }

    /// - Returns: nil when the two do not go together, which the annotations tell.
    func outcome(
        _ left: StepValue, _ right: StepValue, _ annotations: inout Annotations
    ) -> Outcome? {
        switch (left, right) {
        case (.number(let left), .number(let right)):
            guard sign != .trimUpper && sign != .trimLower else { break }
            let (value, isKept) = number(left, right)
            return Outcome(value: .number(value), isKept: isKept)
        case (.number(let factor), .histogram(var histogram)):
            guard sign == .multiply else { break }
            histogram.multiply(by: factor)
            return Outcome(value: .histogram(histogram))
        case (.histogram(var histogram), .number(let number)):
            switch sign {
            case .multiply: histogram.multiply(by: number)
            case .divide: histogram.divide(by: number)
            case .trimUpper: histogram.trim(at: number, keepsBelow: true)
            case .trimLower: histogram.trim(at: number, keepsBelow: false)
            default: return refused(left, right, &annotations)
            }
            return Outcome(value: .histogram(histogram))
        case (.histogram(let left), .histogram(let right)):
            switch sign {
            case .add, .subtract: return combined(left, right, &annotations)
            case .equal: return Outcome(value: .histogram(left), isKept: left == right)
            case .notEqual: return Outcome(value: .histogram(left), isKept: left != right)
            default: break
            }
        }
        return refused(left, right, &annotations)
    }

    private func combined(
        _ left: Histogram, _ right: Histogram, _ annotations: inout Annotations
    ) -> Outcome? {
        var result = left
        let combination: HistogramCombination
        do throws(Histogram.IncompatibleBounds) {
            combination =
                try sign == .add ? result.add(right) : result.subtract(right)
        } catch {
            annotations.warn(
                "incompatible bucket layout encountered for binary operator \(sign.rawValue)",
                at: range)
            return nil
        }
        let name = sign == .add ? "addition" : "subtraction"
        if sign == .subtract { result.counterReset = .gauge }
        if combination.boundsDiffered { annotations.informOfBounds(name, at: range) }
        if combination.resetsConflict {
            annotations.warnOfResets(name, at: range)
        }
        return Outcome(value: .histogram(result))
    }

    private func refused(
        _ left: StepValue, _ right: StepValue, _ annotations: inout Annotations
    ) -> Outcome? {
        annotations.inform(
            "incompatible sample types encountered for binary operator "
                + "\(QuotedText.quoted(sign.rawValue)): \(left.typeName) \(sign.rawValue) "
                + right.typeName, at: range)
        return nil
    }
}

extension StepValue {
    fileprivate var typeName: String {
        switch self {
        case .number: "float"
        case .histogram: "histogram"
        }
    }
}
