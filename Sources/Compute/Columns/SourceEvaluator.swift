public import Bytes
internal import CKernels
public import Events

/// Works out expressions over all rows of one source: conditions as bitmaps, values as columns.
///
/// What depends on a dictionary alone is worked out once for each and kept in `memo` from source to
/// source. One thread each.
public final class SourceEvaluator {
    public let source: any EventSource
    let evaluator: ExpressionEvaluator
    private let memo: DictionaryMemo
    /// Where fields of related events come from; nil when none is asked for.
    public let related: (any RelatedColumns)?
    private var columns: [FieldReference: Column?] = [:]
    /// Bytes of the fields that were asked for, as they are kept.
    public private(set) var bytesScanned = 0
    /// Called now and then within long work; what it throws ends the work.
    public var checkpoint: (() throws -> Void)?

    public init(
        _ source: any EventSource, _ evaluator: ExpressionEvaluator, memo: DictionaryMemo,
        related: (any RelatedColumns)? = nil
    ) {
        self.related = related
        self.source = source
        self.evaluator = evaluator
        self.memo = memo
    }

    public var rows: Int { source.rows }

    // MARK: - Values

    /// The field's values; nil when no row has any.
    public func column(_ reference: FieldReference) throws -> Column? {
        if let known = columns[reference] { return known }
        let column: Column?
        switch reference {
        case .named(let name):
            column = try source.values(named: name)
            bytesScanned += source.storedByteCount(ofColumn: name)
        case .related(let relation, let name):
            column = try related?.column(relation, name, for: self)
        case .timestamp: column = Column(integers: try source.loadTimestamps())
        case .received: column = Column(integers: try source.loadReceived())
        case .dataset: column = Column(rows: rows, coded: try source.loadDatasets())
        case .sampleRate:
            let rates = try source.loadSampleRates() ?? [UInt32](repeating: 1, count: rows)
            column = Column(integers: rates.map { Int64($0) })
        }
        columns[reference] = .some(column)
        return column
    }

    /// The expression's values; nil when no row has any.
    public func column(_ expression: Expression) throws -> Column? {
        if case .field(let reference) = expression { return try column(reference) }
        if case .call(.coalesce, let operands) = expression, operands.allSatisfy(\.isField) {
            // Fast path: of several names that a field may have, a source mostly has one.
            let found = try operands.compactMap { try column($0) }
            if found.count <= 1 { return found.first }
        }
        let fields = expression.fields
        if fields.count <= 1, let mapped = try mappedColumn(expression, fields.first) {
            return mapped
        }
        // Slow path: row by row.
        let lookup = try rowLookup(fields)
        let dictionary = DictionaryBuilder()
        var codes = [UInt32](repeating: 0, count: rows)
        let pace = Pace(expression)
        for row in 0..<rows {
            try pause(at: row, pace)
            codes[row] = dictionary.code(of: evaluator.value(of: expression) { lookup($0, row) })
            try SourceEvaluator.checkSize(dictionary)
        }
        return Column(codes, dictionary.dictionary())
    }

    /// The expression's values as sets of elements.
    public func elements(_ expression: Expression) throws -> ElementCodes {
        let column = try column(expression)
        let grouped = GroupCodes(column, rows: rows)
        // A dictionary that was made for these rows alone will not be met again.
        let isKept = column?.coded?.dictionary === grouped.dictionary
        let sets =
            isKept
            ? memo.elements(of: grouped.dictionary) : ElementCodes.Sets(of: grouped.dictionary)
        return ElementCodes(sets, grouped.codes)
    }

    /// Fast path: an expression of one field that is all codes is worked out once a distinct value.
    private func mappedColumn(_ expression: Expression, _ field: FieldReference?) throws -> Column?
    {
        let input = try field.flatMap { try column($0) }
        let coded = input?.coded
        if let input, input.ints != nil || input.floats != nil || input.texts != nil { return nil }
        let mapping = try memo.mapping(of: coded?.dictionary ?? .empty, expression) { dictionary in
            let result = DictionaryBuilder()
            let pace = Pace(expression)
            var map = [result.code(of: evaluator.value(of: expression) { _ in .missing })]
            for index in 0..<dictionary.count {
                try pause(at: index, pace)
                let value = dictionary[index]
                map.append(result.code(of: evaluator.value(of: expression) { _ in value }))
                try SourceEvaluator.checkSize(result)
            }
            return DictionaryMemo.Mapping(codes: map, dictionary: result.dictionary())
        }
        let codes =
            coded.map { lane in (0..<rows).map { mapping.codes[Int(lane.codes[$0])] } }
            ?? [UInt32](repeating: mapping.codes[0], count: rows)
        return Column(codes, mapping.dictionary)
    }

    /// Throws `DerivedValuesTooLarge` when an expression has made too many strings.
    @inline(__always)
    private static func checkSize(_ values: DictionaryBuilder) throws {
        if values.textByteCount > ComputeLimits.derivedBytes { throw DerivedValuesTooLarge() }
    }

    private func rowLookup(
        _ fields: Set<FieldReference>
    ) throws -> (FieldReference, Int) -> FieldValue {
        var inputs: [FieldReference: Column] = [:]
        for field in fields { inputs[field] = try column(field) }
        return { reference, row in inputs[reference]?.value(at: row) ?? .missing }
    }

    // MARK: - Conditions

    /// The rows for which a condition holds.
    public func rows(where condition: Expression) throws -> Bitmap {
        switch condition {
        case .and(let all):
            var result = Bitmap(count: rows, repeating: true)
            for part in all {
                result.formIntersection(try rows(where: part))
                if result.isEmpty { break }
            }
            return result
        case .or(let all):
            var result = Bitmap(count: rows)
            for part in all { result.formUnion(try rows(where: part)) }
            return result
        case .not(let a): return inverted(try rows(where: a))
        // Negative forms are the exact negation of the positive ones, so only those have kernels.
        case .compare(.notEqual, let a, let b):
            return inverted(try rows(where: .compare(.equal, a, b)))
        case .membership(let a, let members, negated: true):
            return inverted(try rows(where: .membership(a, members, negated: false)))
        case .match(let operation, let a, let text, negated: true):
            return inverted(try rows(where: .match(operation, a, text, negated: false)))
        case .exists(let a, let negated):
            let present = try presence(of: a)
            return negated ? inverted(present) : present
        default: return try leaf(condition)
        }
    }

    /// The rows in which an expression has a value.
    private func presence(of expression: Expression) throws -> Bitmap {
        // Fast path: where a source says which rows have a field, its values are not read for it.
        if case .field(let field) = expression, case .named(let name) = field,
            columns[field] == nil, try !source.mayHaveSpilled(name),
            let present = try source.presence(ofColumn: name)
        {
            return present
        }
        return try column(expression)?.presence() ?? Bitmap(count: rows)
    }

    private func inverted(_ bitmap: Bitmap) -> Bitmap {
        var result = bitmap
        result.invert()
        return result
    }

    private func leaf(_ condition: Expression) throws -> Bitmap {
        let fields = condition.fields
        guard fields.count == 1, let field = fields.first else {
            return try rowByRow(condition, fields)
        }
        if let found = try rowsFoundByValue(condition, field) { return found }
        let whenMissing = evaluator.isTrue(condition) { _ in .missing }
        if !whenMissing, try isRuledOut(condition, field) { return Bitmap(count: rows) }
        guard let column = try column(field) else {
            return Bitmap(count: rows, repeating: whenMissing)
        }
        var result = Bitmap(count: rows)
        if whenMissing { result = inverted(column.presence()) }
        if let lane = column.coded {
            let set = try codes(of: lane.dictionary, where: condition)
            result.withMutableWords { words in
                if let base = words.baseAddress { set.select(lane.codes, into: base) }
            }
        }
        if let lane = column.ints { result.formUnion(try ints(lane, condition)) }
        if let lane = column.floats { result.formUnion(try floats(lane, condition)) }
        if let lane = column.texts { result.formUnion(try texts(lane, condition)) }
        return result
    }

    private func codes(
        of dictionary: ValueDictionary, where condition: Expression
    ) throws -> CodeSet {
        let pace = Pace(condition)
        return try memo.codes(of: dictionary, condition) {
            try evaluator.codes(of: $0, where: condition) { try pause(at: $0, pace) }
        }
    }

    /// The rows that have one string, where the source finds them at less than its column's cost.
    private func rowsFoundByValue(
        _ condition: Expression, _ field: FieldReference
    ) throws -> Bitmap? {
        guard case .compare(.equal, .field, .literal(.string(let text))) = condition,
            case .named(let name) = field, columns[field] == nil,
            try !source.mayHaveSpilled(name),
            let found = try source.rows(equalTo: text, inColumn: name)
        else { return nil }
        if !found.isEmpty { bytesScanned += source.storedByteCount(ofColumn: name) }
        return found
    }

    /// Asks now and then whether to go on.
    @inline(__always)
    private func pause(at step: Int, _ pace: Pace) throws {
        if pace.isDue(at: step) { try checkpoint?() }
    }

    /// Whether it is known without reading values that a condition holds for no row.
    public func isRuledOut(_ condition: Expression) throws -> Bool {
        switch condition {
        case .and(let all): return try all.contains { try isRuledOut($0) }
        case .or(let all): return try all.allSatisfy { try isRuledOut($0) }
        case .not, .compare(.notEqual, _, _), .membership(_, _, negated: true),
            .match(_, _, _, negated: true), .exists:
            return false
        default:
            let fields = condition.fields
            guard fields.count == 1, let field = fields.first,
                !evaluator.isTrue(condition, { _ in .missing })
            else { return false }
            return try isRuledOut(condition, field)
        }
    }

    /// Whether what is known of a field's values proves that the condition holds for no row; then
    /// its values need not be read.
    private func isRuledOut(_ condition: Expression, _ field: FieldReference) throws -> Bool {
        guard case .named(let name) = field, columns[field] == nil,
            let zone = try source.zone(ofColumn: name)
        else { return false }
        if zone.hasTexts {
            let isAbsent = try condition.wantedStrings?
                .allSatisfy { try !source.mayHold($0, inColumn: name) }
            if isAbsent != true { return false }
        }
        // Spilled values of the field are not in the zone.
        if try source.mayHaveSpilled(name) { return false }
        let range = NumberRange(condition)
        if let ints = zone.ints {
            guard let wanted = range?.integers,
                wanted.high < ints.lowerBound
                    || wanted.low > ints.upperBound || wanted.low > wanted.high
            else { return false }
        }
        if let floats = zone.floats {
            guard let wanted = range?.floats,
                wanted.high < floats.lowerBound
                    || wanted.low > floats.upperBound || wanted.low > wanted.high
            else { return false }
        }
        guard let codes = zone.codes else { return true }
        return try !self.codes(of: codes.dictionary, where: condition)
            .contains(anyOf: codes.range)
    }

    private func rowByRow(_ condition: Expression, _ fields: Set<FieldReference>) throws -> Bitmap {
        let lookup = try rowLookup(fields)
        var result = Bitmap(count: rows)
        let pace = Pace(condition)
        for row in 0..<rows {
            try pause(at: row, pace)
            if evaluator.isTrue(condition, { lookup($0, row) }) { result[row] = true }
        }
        return result
    }

    private func ints(_ lane: NumberLane<Int64>, _ condition: Expression) throws -> Bitmap {
        var result: Bitmap
        if let range = NumberRange(condition)?.integers {
            result = Bitmap(lane.values) { range.contains($0) }
        } else {
            result = try rows(lane.values, where: condition) { .int($0) }
        }
        if let present = lane.present { result.formIntersection(present) }
        return result
    }

    private func floats(_ lane: NumberLane<Double>, _ condition: Expression) throws -> Bitmap {
        var result: Bitmap
        if let range = NumberRange(condition)?.floats {
            // The next float inside an open end is a closed one.
            let low = range.includesLow ? range.low : range.low.nextUp
            let high = range.includesHigh ? range.high : range.high.nextDown
            let values = lane.values
            result = Bitmap(count: rows)
            result.withMutableWords { words in
                guard let base = words.baseAddress else { return }
                wf_or_range_double(values, values.count, low, high, base)
            }
        } else {
            result = try rows(lane.values, where: condition) { .float($0) }
        }
        if let present = lane.present { result.formIntersection(present) }
        return result
    }

    /// Slow path: number by number.
    private func rows<Number>(
        _ numbers: [Number], where condition: Expression, _ value: (Number) -> FieldValue
    ) throws -> Bitmap {
        let pace = Pace(condition)
        var result = Bitmap(count: numbers.count)
        for (row, number) in numbers.enumerated() {
            try pause(at: row, pace)
            let value = value(number)
            if evaluator.isTrue(condition, { _ in value }) { result[row] = true }
        }
        return result
    }

    private func texts(_ lane: TextLane, _ condition: Expression) throws -> Bitmap {
        var result = Bitmap(count: rows)
        let holds = textCondition(condition)
        let pace = Pace(condition)
        try lane.text.withUnsafeBufferPointer { text in
            for row in 0..<lane.rows where lane.present?[row] ?? true {
                try pause(at: row, pace)
                let range = Int(lane.offsets[row])..<Int(lane.offsets[row + 1])
                if holds(UnsafeBufferPointer(rebasing: text[range])) { result[row] = true }
            }
        }
        return result
    }

    /// The condition as a test of a string's bytes, without making a string where that can be.
    private func textCondition(
        _ condition: Expression
    ) -> (UnsafeBufferPointer<UInt8>) -> Bool {
        switch condition {
        case .compare(.equal, .field, .literal(.string(let wanted))):
            let wanted = Array(wanted.utf8)
            return { text in
                text.count == wanted.count
                    && wanted.withUnsafeBufferPointer {
                        ExpressionEvaluator.holds(.startsWith, text, $0)
                    }
            }
        case .match(.matches, .field, let pattern, negated: false):
            let pattern = evaluator.pattern(pattern)
            return { pattern.matches($0) }
        case .match(let operation, .field, let part, negated: false):
            let part = Array(part.utf8)
            return { text in
                part.withUnsafeBufferPointer { ExpressionEvaluator.holds(operation, text, $0) }
            }
        default:
            return { [evaluator] text in
                let value = FieldValue.string(String(decoding: text, as: UTF8.self))
                return evaluator.isTrue(condition) { _ in value }
            }
        }
    }
}

extension Expression {
    /// The strings of which a value must be one for the condition on a field to hold; nil when other
    /// values can meet it.
    fileprivate var wantedStrings: [String]? {
        let wanted: [FieldValue]
        switch self {
        case .compare(.equal, .field, .literal(let value)): wanted = [value]
        case .membership(.field, let members, negated: false): wanted = members
        default: return nil
        }
        let strings = wanted.compactMap { value in
            if case .string(let text) = value { text } else { nil }
        }
        return strings.count == wanted.count ? strings : nil
    }
}

/// An expression made more strings of one batch or row group than a query may hold.
public struct DerivedValuesTooLarge: Error, Sendable, CustomStringConvertible {
    public var description: String {
        "a derived field makes more than \(ComputeLimits.derivedBytes >> 20) MiB of strings; "
            + "narrow the filter or the time range, or derive shorter strings"
    }
}

extension Column {
    /// A column that has an integer in every row.
    fileprivate convenience init(integers: [Int64]) {
        self.init(rows: integers.count, ints: NumberLane(values: integers, present: nil))
    }

    fileprivate convenience init?(_ codes: [UInt32], _ dictionary: ValueDictionary) {
        if dictionary.count == 0 { return nil }
        self.init(
            rows: codes.count,
            coded: CodedLane(
                dictionary: dictionary,
                codes: CodeArray(codes, highest: UInt32(dictionary.count))))
    }
}

extension Bitmap {
    /// The rows whose value meets a condition, 64 at a time.
    @inline(__always)
    fileprivate init<Value>(_ values: [Value], _ holds: (Value) -> Bool) {
        var words = [UInt64](repeating: 0, count: Bitmap.wordCount(values.count))
        values.withUnsafeBufferPointer { values in
            words.withUnsafeMutableBufferPointer { words in
                var row = 0
                while row + 64 <= values.count {
                    var word: UInt64 = 0
                    for bit in 0..<64 { word |= (holds(values[row + bit]) ? 1 : 0) << UInt64(bit) }
                    words[row >> 6] = word
                    row += 64
                }
                while row < values.count {
                    if holds(values[row]) { words[row >> 6] |= 1 << UInt64(row & 63) }
                    row += 1
                }
            }
        }
        self.init(count: values.count, words: words)
    }
}

extension Expression {
    fileprivate var isField: Bool { if case .field = self { true } else { false } }
}
