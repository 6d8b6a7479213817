public import Bytes
import Compute
import Events

extension Query {
    /// The query as Honeycomb's API has it, defaults left out; the dataset stands outside of it.
    ///
    /// Throws `SpecificationError` for what a specification cannot say: lists of events,
    /// samples, comparisons, other functions, conditions and calculations beyond columns and values, times between seconds.
    public func specification() throws(SpecificationError) -> JSONValue {
        guard case .statistics(let statistics) = shape else {
            throw SpecificationError(
                path: "", message: "only a query with stats has a specification")
        }
        if sampleShare != nil {
            throw SpecificationError(path: "", message: "a specification has no sample")
        }
        var object = JSONObject()
        var calculations: [JSONValue] = []
        for calculation in statistics.calculations {
            calculations.append(try calculation.specification())
        }
        object.append("calculations", .array(calculations))
        if !statistics.formulas.isEmpty {
            object.append("formulas", .array(try statistics.formulaSpecifications()))
        }
        guard statistics.calculations.allSatisfy({ $0.isHidden != statistics.formulas.isEmpty })
        else {
            let message = "a specification shows either all calculations or formulas alone"
            throw SpecificationError(path: "calculations", message: message)
        }
        try writeTransforms(to: &object)
        if !statistics.groupBy.isEmpty {
            object.append("breakdowns", .array(try statistics.breakdowns()))
        }
        if !sort.isEmpty {
            object.append("orders", .array(try sort.map(statistics.order)))
        }
        if let having = statistics.having {
            object.append("havings", .array(try statistics.havings(having)))
        }
        if let limit { object.append("limit", .int(Int64(limit))) }
        try writeTime(to: &object)
        if isUnweighted { object.append("usage_mode", true) }
        return .object(object)
    }

    /// Adds the derived fields and all conditions.
    ///
    /// A specification derives first and filters afterwards, so a field that hides one of its name
    /// must not stand behind a condition.
    private func writeTransforms(to object: inout JSONObject) throws(SpecificationError) {
        var conditions: [Expression] = []
        var fields: [JSONValue] = []
        for transform in transforms {
            switch transform {
            case .filter(let condition): conditions.append(condition)
            case .evaluate(let name, let expression):
                let path = "calculated_fields"
                if !conditions.isEmpty {
                    let message =
                        "\(name) is derived after a condition; a specification cannot say so"
                    throw SpecificationError(path: path, message: message)
                }
                guard let text = DerivedColumnPrinter.text(expression) else {
                    let message = "a specification has no expression for \(expression.text)"
                    throw SpecificationError(path: path, message: message)
                }
                fields.append(["name": .string(name), "expression": .string(text)])
            }
        }
        if !fields.isEmpty { object.append("calculated_fields", .array(fields)) }
        let condition = conditions.count > 1 ? Expression.and(conditions) : conditions.first
        guard let condition else { return }
        try SpecificationFilters.write(condition, at: "filters", to: &object)
    }

    private func writeTime(to object: inout JSONObject) throws(SpecificationError) {
        switch timeRange {
        case .last(Query.defaultRange): break
        case .last(let length), .between(.beforeNow(let length), .beforeNow(0)):
            object.append("time_range", try seconds(length, at: "time_range"))
        case .between(.absolute(let start), .absolute(let end)):
            object.append("start_time", try seconds(start, at: "start_time"))
            object.append("end_time", try seconds(end, at: "end_time"))
        case .between:
            let message = "a specification has no range that moves with now but ends before it"
            throw SpecificationError(path: "time_range", message: message)
        }
        switch step {
        case nil: break
        case .automatic: object.append("granularity", 0)
        case .every(let width):
            object.append("granularity", try seconds(width, at: "granularity"))
        }
        if let compareOffset {
            let key = "compare_time_offset_seconds"
            object.append(key, try seconds(compareOffset, at: key))
        }
    }

    private func seconds(
        _ nanoseconds: Int64, at path: String
    ) throws(SpecificationError) -> JSONValue {
        guard nanoseconds % 1_000_000_000 == 0 else {
            throw SpecificationError(path: path, message: "must be whole seconds")
        }
        return .int(nanoseconds / 1_000_000_000)
    }
}

// MARK: - Calculations

extension Calculation {
    /// Honeycomb's operation and column.
    fileprivate func operation(
        at path: String, key: String
    ) throws(SpecificationError) -> JSONObject {
        let none = SpecificationError(
            path: path, message: "a specification has no operation for \(callText)")
        guard let name = aggregate.honeycombName else { throw none }
        var object = JSONObject([JSONObject.Member(key, .string(name))])
        switch argument {
        case nil: break
        case .field(let reference):
            guard let column = reference.plainName else { throw none }
            object.append("column", .string(column))
        default: throw none
        }
        return object
    }

    fileprivate func specification() throws(SpecificationError) -> JSONValue {
        var object = try operation(at: "calculations", key: "op")
        if let alias { object.append("name", .string(alias)) }
        if let filter {
            try SpecificationFilters.write(filter, at: "calculations", to: &object)
        }
        return .object(object)
    }
}

// MARK: - Groups, order, conditions on groups

extension Statistics {
    fileprivate func breakdowns() throws(SpecificationError) -> [JSONValue] {
        var names: [JSONValue] = []
        for key in groupBy {
            guard case .field(let reference) = key.expression, let name = reference.plainName,
                key.name == (key.isEach ? "each(\(name))" : name)
            else {
                let message = "a specification groups by columns only, not by \(key.name)"
                throw SpecificationError(path: "breakdowns", message: message)
            }
            names.append(.string(key.name))
        }
        return names
    }

    fileprivate func formulaSpecifications() throws(SpecificationError) -> [JSONValue] {
        let names = calculations.compactMap(\.alias) + formulas.map(\.name)
        var written: [JSONValue] = []
        for formula in formulas {
            let spoken = formula.expression.fields
            guard let text = DerivedColumnPrinter.text(formula.expression),
                spoken.allSatisfy({ names.contains($0.plainName ?? "") })
            else {
                let message =
                    "a specification has no formula for \(formulaText(formula.expression))"
                throw SpecificationError(path: "formulas", message: message)
            }
            written.append(["name": .string(formula.name), "expression": .string(text)])
        }
        return written
    }

    /// The operation and column of a calculation by its key.
    private func operation(
        ofKey name: String, at path: String, key: String
    ) throws(SpecificationError) -> JSONObject? {
        guard let wanted = calculations.first(where: { $0.key == name }) else { return nil }
        let first = calculations.first {
            $0.aggregate == wanted.aggregate && $0.argument == wanted.argument
        }
        // Another calculation of the same operation would be meant.
        guard first?.key == name else { return nil }
        return try wanted.operation(at: path, key: key)
    }

    fileprivate func order(_ sort: SortKey) throws(SpecificationError) -> JSONValue {
        let named = JSONObject([JSONObject.Member("column", .string(sort.name))])
        var object = try operation(ofKey: sort.name, at: "orders", key: "op") ?? named
        if sort.descending { object.append("order", "descending") }
        return .object(object)
    }

    private func formulaColumn(_ name: String) -> JSONObject? {
        guard formulas.contains(where: { $0.name == name }) else { return nil }
        return JSONObject([JSONObject.Member("column", .string(name))])
    }

    fileprivate func havings(_ having: Expression) throws(SpecificationError) -> [JSONValue] {
        var conditions = [having]
        if case .and(let operands) = having { conditions = operands }
        var havings: [JSONValue] = []
        for condition in conditions {
            guard
                case .compare(let sign, .field(.named(let name)), .literal(let value)) = condition,
                JSONValue(value).number != nil,
                var object = try operation(ofKey: name, at: "havings", key: "calculate_op")
                    ?? formulaColumn(name)
            else {
                let message = "a specification compares calculations with numbers only"
                throw SpecificationError(path: "havings", message: message)
            }
            object.append("op", .string(sign.rawValue))
            object.append("value", JSONValue(value))
            havings.append(.object(object))
        }
        return havings
    }
}
