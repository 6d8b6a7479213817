public import Compute
import Events

/// A field that people defined once for all queries of a dataset or an environment.
public struct StoredColumn: Sendable {
    public var alias: String
    /// The datasets whose events have it; nil for those of all.
    public var datasets: [String]?
    /// A derived column's expression.
    public var expression: String

    public init(alias: String, datasets: [String]?, expression: String) {
        self.alias = alias
        self.datasets = datasets
        self.expression = expression
    }

    fileprivate func isOf(_ dataset: String) -> Bool {
        datasets?.contains { DatasetName.key($0) == DatasetName.key(dataset) } ?? false
    }
}

extension Expression {
    /// Reads the expression of a derived column, as Honeycomb's functions have it.
    ///
    /// Throws `SpecificationError` with the place in the text; a column without a name is refused too.
    public init(derivedColumn text: String) throws(SpecificationError) {
        do {
            self = try DerivedColumnParser.expression(text)
        } catch {
            throw SpecificationError(
                path: "expression", message: "at character \(error.offset + 1): \(error.message)")
        }
    }
}

extension Query {
    /// What the stored columns that the query speaks of are for its events; of a `bubbleup` all are.
    ///
    /// A dataset's own column goes before the environment's of the same name. Their expressions see
    /// what was sent, not each other.
    ///
    /// - Returns: the definitions, and a warning for each column that is left out since its expression cannot
    ///   be understood any more.
    public func definitions(
        from stored: [StoredColumn]
    ) -> (definitions: [String: Expression], warnings: [String]) {
        if stored.isEmpty { return ([:], []) }
        let wanted = wantedFields
        var (definitions, warnings) = ([String: Expression](), [String]())
        for (alias, columns) in Dictionary(grouping: stored, by: \.alias)
        where wanted?.contains(alias) ?? true {
            do throws(SpecificationError) {
                definitions[alias] = try definition(of: alias, columns)
            } catch {
                warnings.append("the derived column \"\(alias)\" is left out: \(error.message)")
            }
        }
        return (definitions, warnings.sorted())
    }

    /// Every name that the query speaks of; nil for all names.
    private var wantedFields: Set<String>? {
        var expressions: [Expression] = []
        var names: Set<String> = []
        for transform in transforms {
            switch transform {
            case .filter(let expression), .evaluate(_, let expression):
                expressions.append(expression)
            }
        }
        switch shape {
        case .bubbleUp: return nil
        case .events(let listing):
            names = Set(listing.fields ?? []).union(sort.map(\.name))
        case .statistics(let statistics): expressions += statistics.expressions
        }
        for expression in expressions {
            for case .named(let name) in expression.fields { names.insert(name) }
        }
        return names
    }

    private func definition(
        of alias: String, _ columns: [StoredColumn]
    ) throws(SpecificationError) -> Expression? {
        func parsed(_ column: StoredColumn?) throws(SpecificationError) -> Expression? {
            guard let column else { return nil }
            return try Expression(derivedColumn: column.expression)
        }
        let general = try parsed(columns.first { $0.datasets == nil })
        if case .named(let names) = source, let name = names.first, names.count == 1 {
            return try parsed(columns.first { $0.isOf(name) }) ?? general
        }
        // Which one holds is decided event by event.
        var parts: [Expression] = []
        for column in columns {
            guard let datasets = column.datasets else { continue }
            if case .named(let names) = source, !names.contains(where: column.isOf) { continue }
            guard let expression = try parsed(column) else { continue }
            let isOfDataset = Expression.membership(
                .field(.dataset), datasets.map { .string($0) }, negated: false)
            parts += [isOfDataset, expression]
        }
        if parts.isEmpty { return general }
        return .call(.if, parts + [general ?? .field(.named(alias))])
    }
}

extension Statistics {
    /// All expressions about events.
    var expressions: [Expression] {
        calculations.flatMap { [$0.argument, $0.filter] }.compactMap { $0 }
            + groupBy.map(\.expression)
    }
}
