extension PromQLNode {
    /// Whether its value is the same at all steps, because everything in it is bound to a time by `@`.
    ///
    /// Such an expression is worked out once: `topk(5, rate(x_total[1h] @ end()))` over a thousand steps
    /// costs as much as at one.
    var isFixed: Bool {
        switch kind {
        case .number, .string: true
        case .selector(let selector), .window(let selector, _): selector.shift.anchor != nil
        case .subquery(let subquery): subquery.shift.anchor != nil
        case .call(let function, let arguments):
            (!function.readsStep || function == .timestamp && arguments[0].isSelector)
                && arguments.allSatisfy(\.isFixed)
        case .aggregation(let aggregation):
            aggregation.operand.isFixed && aggregation.parameter?.isFixed ?? true
        case .binary(let operation): operation.left.isFixed && operation.right.isFixed
        case .unary(_, let operand), .parenthesised(let operand): operand.isFixed
        }
    }

    private var isSelector: Bool {
        if case .selector = unwrapped.kind { return true }
        return false
    }
}

extension PromQLFunction {
    /// Whether its value depends on the step's time, although its arguments do not.
    fileprivate var readsStep: Bool {
        switch self {
        case .time, .timestamp, .predictLinear, .hour, .minute, .month, .year, .dayOfMonth,
            .dayOfWeek, .dayOfYear, .daysInMonth:
            true
        default: false
        }
    }
}
