import Compute

extension Query {
    /// Whether the query's expressions, with derived fields put in their places, are too large.
    ///
    /// Each `eval` may double what stands before it, so the text's length bounds nothing; parts and
    /// levels are counted without putting them in place. Both front ends refuse such a query.
    ///
    /// - Parameter stored: what is derived before anything of the query.
    func expandsTooFar(knowing stored: [String: Expression] = [:]) -> Bool {
        var known = stored.mapValues { ExpandedSize($0, [:]) }
        var parts = 0
        func fits(_ size: ExpandedSize) -> Bool {
            parts += size.parts
            return parts <= QueryLimits.expandedPartsMax
                && size.levels <= QueryLimits.expandedDepthMax
        }
        for transform in transforms {
            switch transform {
            case .filter(let condition):
                if !fits(ExpandedSize(condition, known)) { return true }
            case .evaluate(let name, let expression):
                let size = ExpandedSize(expression, known)
                if !fits(size) { return true }
                known[name] = size
            }
        }
        let rest: [Expression]
        switch shape {
        case .events: rest = []
        case .statistics(let statistics):
            rest = statistics.expressions
            var formulas: [String: ExpandedSize] = [:]
            for formula in statistics.formulas {
                let size = ExpandedSize(formula.expression, formulas)
                if !fits(size) { return true }
                formulas[formula.name] = size
            }
        case .bubbleUp(let bubbleUp): rest = [bubbleUp.selection]
        }
        return !rest.allSatisfy { fits(ExpandedSize($0, known)) }
    }
}

/// Parts and levels of an expression after derived fields are put in their places.
private struct ExpandedSize {
    var parts = 1
    var levels = 1

    init(_ expression: Expression, _ known: [String: ExpandedSize]) {
        if case .field(.named(let name)) = expression {
            self = known[name] ?? self
            return
        }
        for part in expression.parts {
            let size = ExpandedSize(part, known)
            // A sum of capped numbers: it cannot overflow before it is far over the bound.
            parts = min(parts + size.parts, QueryLimits.expandedPartsMax + 1)
            levels = max(levels, size.levels + 1)
        }
    }
}
