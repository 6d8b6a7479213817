public import Bytes
import Compute
import Events

extension Query {
    /// The dataset name that means every dataset of the environment.
    public static let allDatasets = "__all__"

    /// Reads a query specification as Honeycomb's API takes it; `{}` counts two hours of events.
    ///
    /// Kept looser than Honeycomb's: any compare offset, and up to 10,000 rows. Refused with the
    /// path: formulas, relational fields, and functions of calculated fields that have no
    /// counterpart yet.
    public init(specification: JSONValue, dataset: String) throws(SpecificationError) {
        let object = try SpecificationObject(
            specification, at: "",
            known: [
                "calculations", "filters", "filter_combination", "breakdowns", "orders", "havings",
                "limit", "time_range", "start_time", "end_time", "granularity",
                "calculated_fields", "formulas", "compare_time_offset_seconds", "usage_mode", "id",
            ])
        if let formulas = object["formulas"], formulas != .array([]) {
            throw object.fail("formulas", "are not available yet")
        }
        self.init()
        source = dataset == Query.allDatasets ? .all : .named([dataset])
        timeRange = try object.timeRange()
        step = try object.granularity()
        transforms = try object.calculatedFields()
        if let condition = try SpecificationFilters.condition(object) {
            transforms.append(.filter(condition))
        }
        var statistics = Statistics(calculations: try object.calculations())
        statistics.groupBy = try object.breakdowns(beside: statistics.calculations)
        statistics.having = try object.having(statistics.calculations)
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
            guard let name = try object.string("name"), Words.properties[name] == nil else {
                throw object.fail("name", "is missing or the name of a property of every event")
            }
            guard let text = try object.string("expression") else {
                throw object.fail("expression", "is missing")
            }
            let expression: Expression
            do {
                expression = try DerivedColumnParser.expression(text)
            } catch {
                throw object.fail(
                    "expression", "at character \(error.offset + 1): \(error.message)")
            }
            transforms.append(.evaluate(name: name, expression))
        }
        return transforms
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

// MARK: - Groups, order, conditions on groups

extension SpecificationObject {
    fileprivate func breakdowns(
        beside calculations: [Calculation]
    ) throws(SpecificationError) -> [GroupKey] {
        var keys: [GroupKey] = []
        for element in try array("breakdowns", limit: QueryLimits.groupKeysMax) {
            guard let name = element.value.string else {
                let message = "must be a column's name, not \(element.value.typeName)"
                throw SpecificationError(path: element.path, message: message)
            }
            if keys.contains(where: { $0.name == name }) { continue }
            if calculations.contains(where: { $0.key == name }) {
                throw SpecificationError(
                    path: element.path, message: "\(name) is the name of a calculation too")
            }
            let each = SpecificationFilters.elements(name)
            if each != nil, keys.contains(where: \.isEach) {
                throw SpecificationError(path: element.path, message: "each stands only once")
            }
            let column = try SpecificationFilters.column(each ?? name, at: element.path)
            keys.append(GroupKey(name: name, expression: column, isEach: each != nil))
        }
        return keys
    }

    fileprivate func having(
        _ calculations: [Calculation]
    ) throws(SpecificationError) -> Expression? {
        var conditions: [Expression] = []
        for element in try array("havings", limit: 100) {
            let object = try SpecificationObject(
                element.value, at: element.path, known: ["calculate_op", "column", "op", "value"])
            let key = try object.key(operationKey: "calculate_op", among: calculations)
            let sign = try object.string("op").flatMap { ComparisonOperator(rawValue: $0) }
            guard let sign else { throw object.fail("op", "must be one of = != > >= < <=") }
            guard let json = object["value"], json.number != nil,
                let value = FieldValue(json: json)
            else { throw object.fail("value", "must be a number") }
            conditions.append(.compare(sign, .field(.named(key)), .literal(value)))
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
