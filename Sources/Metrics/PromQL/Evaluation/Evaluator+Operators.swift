internal import SeriesStore

extension Evaluator {
    func combine(
        _ operation: BinaryOperation, _ node: PromQLNode, _ steps: Steps
    ) throws(PromQLError) -> [StepSeries] {
        let left = try evaluate(operation.left, steps)
        let right = try evaluate(operation.right, steps)
        let element = ElementOperation(sign: operation.sign, range: node.range)
        switch (operation.left.type, operation.right.type) {
        case (.scalar, .scalar):
            var result = left[0]
            for step in 0..<steps.count {
                result.numbers[step] = element.scalar(
                    left[0].numbers[step], right[0].numbers[step])
            }
            return [result]
        case (.scalar, _):
            return apply(operation, element, right, scalar: left[0].numbers, isLeft: true)
        case (_, .scalar):
            return apply(operation, element, left, scalar: right[0].numbers, isLeft: false)
        default: break
        }
        if operation.sign.isSet {
            return try SetOperation(operation).value(left, right, steps)
        }
        let join = VectorJoin(operation, element, steps, room: options.samples)
        return try join.value(left, right, &annotations)
    }

    // MARK: - With a scalar

    private func apply(
        _ operation: BinaryOperation, _ element: ElementOperation, _ series: [StepSeries],
        scalar: [Double], isLeft: Bool
    ) -> [StepSeries] {
        let dropsName = operation.sign.changesMetric || operation.returnsBool
        return series.map { one in
            var one = one
            if dropsName { one.dropsName = true }
            if one.histograms.isEmpty && operation.sign != .trimUpper
                && operation.sign != .trimLower
            {
                applyToNumbers(operation, element, &one, scalar, isLeft)
                return one
            }
            for step in one.kinds.indices {
                guard let value = one[step] else { continue }
                let other = StepValue.number(scalar[step])
                let outcome = element.outcome(
                    isLeft ? other : value, isLeft ? value : other, &annotations)
                guard let outcome, outcome.isKept || operation.returnsBool else {
                    one.remove(step)
                    continue
                }
                if operation.returnsBool {
                    one[step] = .number(outcome.isKept ? 1 : 0)
                } else if !operation.sign.isComparison {
                    one[step] = outcome.value
                }
            }
            return one
        }
    }

    /// Only numbers: a loop over an array.
    private func applyToNumbers(
        _ operation: BinaryOperation, _ element: ElementOperation, _ one: inout StepSeries,
        _ scalar: [Double], _ isLeft: Bool
    ) {
        for step in scalar.indices where one.has(step) {
            let (left, right) =
                isLeft ? (scalar[step], one.numbers[step]) : (one.numbers[step], scalar[step])
            let (value, isKept) = element.number(left, right)
            if operation.returnsBool {
                one.numbers[step] = isKept ? 1 : 0
            } else if !isKept {
                one.remove(step)
            } else if !operation.sign.isComparison {
                one.numbers[step] = value
            }
        }
    }
}

extension VectorMatching {
    /// The labels by which series of two sides are held to belong together.
    func signature(_ series: Labels) -> Labels {
        isOn ? series.keeping(labels) : series.removing(labels + [Labels.metricName])
    }
}

/// `and`, `or` and `unless`.
struct SetOperation {
    private let operation: BinaryOperation

    init(_ operation: BinaryOperation) { self.operation = operation }

    func value(
        _ left: [StepSeries], _ right: [StepSeries], _ steps: Steps
    ) throws(PromQLError) -> [StepSeries] {
        switch operation.sign {
        case .and:
            let present = presence(right, steps)
            return masked(left, present, keepsPresent: true, steps)
        case .unless:
            let present = presence(right, steps)
            return masked(left, present, keepsPresent: false, steps)
        default:
            let present = presence(left, steps)
            return try SeriesMerger.merged(
                left + masked(right, present, keepsPresent: false, steps))
        }
    }

    /// For each signature at which steps there is a series of it.
    private func presence(_ series: [StepSeries], _ steps: Steps) -> [Labels: [Bool]] {
        var present: [Labels: [Bool]] = [:]
        for one in series {
            let signature = operation.matching.signature(one.labels)
            for step in 0..<steps.count where one.has(step) {
                present[
                    signature, default: [Bool](repeating: false, count: steps.count)][step] = true
            }
        }
        return present
    }

    private func masked(
        _ series: [StepSeries], _ present: [Labels: [Bool]], keepsPresent: Bool, _ steps: Steps
    ) -> [StepSeries] {
        series.compactMap { one in
            guard let mask = present[operation.matching.signature(one.labels)] else {
                return keepsPresent ? nil : one
            }
            var one = one
            for step in 0..<steps.count where one.has(step) && mask[step] != keepsPresent {
                one.remove(step)
            }
            return one.isEmpty ? nil : one
        }
    }
}
