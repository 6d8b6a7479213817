extension QueryGenerator {
    /// Each function with the numbers of arguments that it takes.
    private static let functions: [(name: String, arity: ClosedRange<Int>)] = [
        ("IF", 2...5), ("SWITCH", 3...6), ("COALESCE", 1...3), ("NOT", 1...1), ("AND", 2...3),
        ("OR", 2...3), ("LT", 2...2), ("LTE", 2...2), ("GT", 2...2), ("GTE", 2...2),
        ("EQUALS", 2...2), ("IN", 2...4), ("EXISTS", 1...1), ("MIN", 1...3), ("MAX", 1...3),
        ("SUM", 1...3), ("SUB", 2...2), ("MUL", 1...3), ("DIV", 2...2), ("MOD", 2...2),
        ("LOG10", 1...1), ("BUCKET", 2...4), ("INT", 1...1), ("FLOAT", 1...1), ("BOOL", 1...1),
        ("STRING", 1...1), ("CONCAT", 1...3), ("STARTS_WITH", 2...2), ("ENDS_WITH", 2...2),
        ("CONTAINS", 2...2), ("TO_LOWER", 1...1), ("UNIX_TIMESTAMP", 1...1),
        ("EVENT_TIMESTAMP", 0...0), ("INGEST_TIMESTAMP", 0...0), ("RAND", 0...0),
        ("METRO_HASH", 1...2), ("FORMAT_TIME", 2...2), ("HAS", 2...2),
    ]

    /// An expression of a derived column, of any function and operator.
    mutating func derivedColumn(depth: Int = 3) -> String {
        if depth == 0 || chance(20) { return derivedOperand() }
        let deeper = depth - 1
        switch below(10) {
        case 0:
            let sign = pick(["+", "-", "*", "/", "%", "<", "<=", ">", ">=", "=", "!=", "AND", "OR"])
            return "(\(derivedColumn(depth: deeper)) \(sign) \(derivedColumn(depth: deeper)))"
        case 1: return "!\(derivedColumn(depth: deeper))"
        case 2:
            let name = pick(["REG_MATCH", "REG_VALUE", "REG_COUNT"])
            return "\(name)(\(derivedColumn(depth: deeper)), `^(v)\\d+\"$`)"
        case 3:
            let mode = pick(["", ", \"bytes\"", ", \"chars\""])
            return "LENGTH(\(derivedColumn(depth: deeper))\(mode))"
        default:
            let (name, arity) = pick(QueryGenerator.functions)
            let count = arity.lowerBound + below(arity.count)
            let arguments = (0..<count).map { _ in derivedColumn(depth: deeper) }
            return "\(name)(\(arguments.joined(separator: ", ")))"
        }
    }

    private mutating func derivedOperand() -> String {
        pick([
            "$a", "$service.name", "$\"two words\"", "$`raw`", "$timestamp", "5", "-3", "2.5", ".5",
            "1e3", "\"text\"", "\"q\\\"\\n\"", "`r\\d`", "true", "false", "null", "\"7\"",
        ])
    }
}
