internal import Compute

extension Query {
    /// Whether the query speaks of other events of the same traces.
    public var speaksOfRelatives: Bool {
        var expressions: [Expression] = []
        for transform in transforms {
            switch transform {
            case .filter(let expression), .evaluate(_, let expression):
                expressions.append(expression)
            }
        }
        switch shape {
        case .events: break
        case .statistics(let statistics): expressions += statistics.expressions
        case .bubbleUp(let bubbleUp): expressions.append(bubbleUp.selection)
        }
        return expressions.contains { $0.fields.contains { $0.relation != nil } }
    }
}
