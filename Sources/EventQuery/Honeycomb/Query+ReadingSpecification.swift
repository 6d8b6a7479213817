public import Bytes
import Compute
import Events

extension Query {
    /// The dataset name that means every dataset of the environment.
    public static let allDatasets = "__all__"

    /// Reads a query specification as Honeycomb's API takes it; `{}` counts two hours of events.
    ///
    /// Kept looser than Honeycomb's: any compare offset, up to 10,000 rows, and calculations over fields of
    /// other spans of a trace.
    public init(specification: JSONValue, dataset: String) throws(SpecificationError) {
        let object = try SpecificationObject(
            specification, at: "",
            known: [
                "calculations", "filters", "filter_combination", "breakdowns", "orders", "havings",
                "limit", "time_range", "start_time", "end_time", "granularity",
                "calculated_fields", "formulas", "compare_time_offset_seconds", "usage_mode", "id",
            ])
        self.init()
        source = dataset == Query.allDatasets ? .all : .named([dataset])
        timeRange = try object.timeRange()
        step = try object.granularity()
        transforms = try object.calculatedFields()
        if let condition = try SpecificationFilters.condition(object) {
            transforms.append(.filter(condition))
        }
        var statistics = Statistics(calculations: try object.calculations())
        statistics.formulas = try object.formulas(over: statistics.calculations)
        // Formulas are answered in the place of what they are made of.
        let isHidden = !statistics.formulas.isEmpty
        for place in statistics.calculations.indices {
            statistics.calculations[place].isHidden = isHidden
        }
        statistics.groupBy = try object.breakdowns(beside: statistics)
        statistics.having = try object.having(statistics)
        shape = .statistics(statistics)
        sort = try object.orders(statistics)
        limit = try object.limit()
        compareOffset = try object.positiveSeconds("compare_time_offset_seconds")
        isUnweighted = try object.bool("usage_mode") ?? false
        if expandsTooFar() { throw object.fail("calculated_fields", "grow too large") }
    }
}

// MARK: - Time and size

extension SpecificationObject {
    fileprivate func positiveSeconds(_ key: String) throws(SpecificationError) -> Int64? {
        guard let nanoseconds = try seconds(key) else { return nil }
        if nanoseconds <= 0 { throw fail(key, "must be above 0") }
        return nanoseconds
    }

    /// Of range, start and end two at most; the range is two hours where it is needed and absent.
    fileprivate func timeRange() throws(SpecificationError) -> TimeRange {
        let range = try positiveSeconds("time_range")
        let length = range ?? Query.defaultRange
        switch (try seconds("start_time"), try seconds("end_time")) {
        case (nil, nil): return .last(length)
        case (let start?, let end?):
            if range != nil {
                throw fail("time_range", "stands with start_time or end_time, not with both")
            }
            if start > end { throw fail("end_time", "is before start_time") }
            return .between(.absolute(start), .absolute(end))
        case (let start?, nil):
            let (end, overflow) = start.addingReportingOverflow(length)
            if overflow { throw fail("start_time", "is out of range") }
            return .between(.absolute(start), .absolute(end))
        case (nil, let end?):
            let (start, overflow) = end.subtractingReportingOverflow(length)
            if overflow { throw fail("end_time", "is out of range") }
            return .between(.absolute(start), .absolute(end))
        }
    }

    fileprivate func granularity() throws(SpecificationError) -> Step? {
        guard let nanoseconds = try seconds("granularity") else { return nil }
        if nanoseconds < 0 { throw fail("granularity", "must not be below 0") }
        return nanoseconds == 0 ? .automatic : .every(nanoseconds)
    }

    fileprivate func limit() throws(SpecificationError) -> Int? {
        guard let rows = try integer("limit") else { return nil }
        guard 1...Int64(QueryLimits.rowsMax) ~= rows else {
            throw fail("limit", "must be from 1 to \(QueryLimits.rowsMax)")
        }
        return Int(rows)
    }
}

// MARK: - Calculated fields

extension SpecificationObject {
    fileprivate func calculatedFields() throws(SpecificationError) -> [Transform] {
        var transforms: [Transform] = []
        for element in try array("calculated_fields", limit: 100) {
            let object = try SpecificationObject(
                element.value, at: element.path, known: ["name", "expression"])
            let (name, expression) = try object.derived()
            transforms.append(.evaluate(name: name, expression))
        }
        return transforms
    }

    /// A name and what it stands for.
    fileprivate func derived() throws(SpecificationError) -> (name: String, Expression) {
        guard let name = try string("name"), Words.properties[name] == nil else {
            throw fail("name", "is missing or the name of a property of every event")
        }
        guard let text = try string("expression") else { throw fail("expression", "is missing") }
        do {
            return (name, try DerivedColumnParser.expression(text))
        } catch {
            throw fail("expression", "at character \(error.offset + 1): \(error.message)")
        }
    }
}

// MARK: - Calculations

extension SpecificationObject {
    /// The calculations; of equal ones the first is kept.
    fileprivate func calculations() throws(SpecificationError) -> [Calculation] {
        var calculations: [Calculation] = []
        for element in try array("calculations", limit: QueryLimits.calculationsMax) {
            let object = try SpecificationObject(
                element.value, at: element.path,
                known: ["op", "column", "name", "filters", "filter_combination"])
            var calculation = try object.calculation(operationKey: "op")
            calculation.filter = try SpecificationFilters.condition(object)
            calculation.alias = try object.string("name")
            if calculations.contains(calculation) { continue }
            if calculations.contains(where: { $0.key == calculation.key }) {
                throw object.fail("name", "\(calculation.key) is the name of two calculations")
            }
            calculations.append(calculation)
        }
        return calculations.isEmpty ? [Calculation(.count)] : calculations
    }

    /// The operation and its column.
    fileprivate func calculation(operationKey: String) throws(SpecificationError) -> Calculation {
        guard let operation = try string(operationKey) else {
            throw fail(operationKey, "is missing")
        }
        guard let aggregate = Aggregate(honeycombName: operation) else {
            var message = "there is no operation \"\(operation)\""
            if let meant = nearestName(to: operation, among: Aggregate.honeycombNames) {
                message += "; did you mean \"\(meant)\"?"
            }
            throw fail(operationKey, message)
        }
        guard let column = try string("column") else {
            if aggregate.takesArgument.contains(0) { return Calculation(aggregate) }
            throw fail("column", "is missing; \(operation) needs one")
        }
        guard aggregate.takesArgument.contains(1) else {
            throw fail("column", "\(operation) takes no column")
        }
        return Calculation(aggregate, of: .field(FieldReference(plainName: column)))
    }

    /// The key of the first calculation with this operation and column.
    fileprivate func key(
        operationKey: String, among calculations: [Calculation]
    ) throws(SpecificationError) -> String {
        let wanted = try calculation(operationKey: operationKey)
        let found = calculations.first {
            $0.aggregate == wanted.aggregate && $0.argument == wanted.argument
        }
        guard let found else {
            throw fail(operationKey, "\(wanted.key) is not among the calculations")
        }
        return found.key
    }
}

// MARK: - Formulas

extension SpecificationObject {
    /// Formulas over named calculations, `$name`, and over the formulas before each.
    fileprivate func formulas(
        over calculations: [Calculation]
    ) throws(SpecificationError) -> [Formula] {
        var names = calculations.compactMap(\.alias)
        var formulas: [Formula] = []
        for element in try array("formulas", limit: QueryLimits.calculationsMax) {
            let object = try SpecificationObject(
                element.value, at: element.path, known: ["name", "expression"])
            let (name, expression) = try object.derived()
            if calculations.contains(where: { $0.key == name }) || names.contains(name) {
                throw object.fail("name", "\(name) is computed twice")
            }
            for case .named(let spoken) in expression.fields where !names.contains(spoken) {
                throw object.fail(
                    "expression", "$\(spoken) is not the name of a calculation or formula before")
            }
            if Statistics(calculations: calculations).heatmap(in: expression) != nil {
                throw object.fail("expression", "speaks of a heatmap, which has many numbers")
            }
            formulas.append(Formula(name: name, expression: expression))
            names.append(name)
        }
        return formulas
    }

    /// The formula that a condition without an operation is about; nil for any other.
    fileprivate func formulaKey(
        _ statistics: Statistics
    ) throws(SpecificationError) -> String? {
        guard self["calculate_op"] == nil, let name = try string("column") else { return nil }
        guard statistics.formulas.contains(where: { $0.name == name }) else {
            throw fail("column", "\(name) is not a formula")
        }
        return name
    }
}

// MARK: - Groups, order, conditions on groups

extension SpecificationObject {
    fileprivate func breakdowns(
        beside statistics: Statistics
    ) throws(SpecificationError) -> [GroupKey] {
        let taken = statistics.calculations.map(\.key) + statistics.formulas.map(\.name)
        var keys: [GroupKey] = []
        for element in try array("breakdowns", limit: QueryLimits.groupKeysMax) {
            guard let name = element.value.string else {
                let message = "must be a column's name, not \(element.value.typeName)"
                throw SpecificationError(path: element.path, message: message)
            }
            if keys.contains(where: { $0.name == name }) { continue }
            if taken.contains(name) {
                throw SpecificationError(
                    path: element.path, message: "\(name) is the name of a calculation too")
            }
            let each = SpecificationFilters.elements(name)
            if each != nil, keys.contains(where: \.isEach) {
                throw SpecificationError(path: element.path, message: "each stands only once")
            }
            let column = Expression.field(FieldReference(plainName: each ?? name))
            keys.append(GroupKey(name: name, expression: column, isEach: each != nil))
        }
        return keys
    }

    fileprivate func having(
        _ statistics: Statistics
    ) throws(SpecificationError) -> Expression? {
        var conditions: [Expression] = []
        for element in try array("havings", limit: 100) {
            let object = try SpecificationObject(
                element.value, at: element.path, known: ["calculate_op", "column", "op", "value"])
            let key: String
            if let formula = try object.formulaKey(statistics) {
                key = formula
            } else {
                key = try object.key(
                    operationKey: "calculate_op", among: statistics.calculations)
            }
            let sign = try object.string("op").flatMap { ComparisonOperator(rawValue: $0) }
            guard let sign else { throw object.fail("op", "must be one of = != > >= < <=") }
            guard let json = object["value"], json.number != nil,
                let value = FieldValue(json: json)
            else { throw object.fail("value", "must be a number") }
            let condition = Expression.compare(sign, .field(.named(key)), .literal(value))
            if statistics.heatmap(in: condition) != nil {
                throw object.fail("calculate_op", "must not be HEATMAP, which has many numbers")
            }
            conditions.append(condition)
        }
        return conditions.count > 1 ? .and(conditions) : conditions.first
    }

    fileprivate func orders(_ statistics: Statistics) throws(SpecificationError) -> [SortKey] {
        var keys: [SortKey] = []
        for element in try array("orders", limit: 200) {
            let object = try SpecificationObject(
                element.value, at: element.path, known: ["column", "op", "order"])
            let order = try object.string("order") ?? "ascending"
            guard order == "ascending" || order == "descending" else {
                throw object.fail("order", "must be ascending or descending")
            }
            let name: String
            if object["op"] != nil {
                name = try object.key(operationKey: "op", among: statistics.calculations)
            } else {
                guard let column = try object.string("column") else {
                    throw object.fail("column", "is missing")
                }
                let names =
                    statistics.groupBy.map(\.name) + statistics.calculations.compactMap(\.alias)
                    + statistics.formulas.map(\.name)
                guard names.contains(column) else {
                    throw object.fail("column", "\(column) is not among the breakdowns")
                }
                name = column
            }
            keys.append(SortKey(name, descending: order == "descending"))
        }
        return keys
    }
}
