internal import Bytes
internal import CKernels
internal import Events

extension ExpressionEvaluator {
    func call(
        _ name: FunctionName, _ arguments: [Expression], _ lookup: (FieldReference) -> FieldValue
    ) -> FieldValue {
        switch name {
        case .if: return chosen(arguments, lookup)
        case .switch: return switched(arguments, lookup)
        case .coalesce:
            for argument in arguments {
                let value = value(of: argument, lookup)
                if !value.isMissing { return value }
            }
            return .missing
        case .extract, .countMatches:
            guard arguments.count == 2, case .literal(.string(let pattern)) = arguments[1] else {
                return .missing
            }
            return found(name, self.pattern(pattern), in: value(of: arguments[0], lookup))
        default:
            return ExpressionEvaluator.call(name, arguments.map { value(of: $0, lookup) })
        }
    }

    private func chosen(
        _ arguments: [Expression], _ lookup: (FieldReference) -> FieldValue
    ) -> FieldValue {
        var index = 0
        while index + 1 < arguments.count {
            if isTrue(arguments[index], lookup) { return value(of: arguments[index + 1], lookup) }
            index += 2
        }
        return index < arguments.count ? value(of: arguments[index], lookup) : .missing
    }

    private func switched(
        _ arguments: [Expression], _ lookup: (FieldReference) -> FieldValue
    ) -> FieldValue {
        guard let first = arguments.first else { return .missing }
        let wanted = value(of: first, lookup)
        var index = 1
        while index + 1 < arguments.count {
            if ExpressionEvaluator.compare(.equal, wanted, value(of: arguments[index], lookup)) {
                return value(of: arguments[index + 1], lookup)
            }
            index += 2
        }
        return index < arguments.count ? value(of: arguments[index], lookup) : .missing
    }

    private func found(
        _ name: FunctionName, _ pattern: RegularExpression, in value: FieldValue
    ) -> FieldValue {
        guard case .string(let text) = value else {
            return name == .countMatches ? .int(0) : .missing
        }
        if name == .countMatches { return .int(Int64(pattern.matchCount(in: text))) }
        return pattern.firstMatch(in: text).map { .string($0) } ?? .missing
    }

    /// A function of values, each worked out.
    private static func call(_ name: FunctionName, _ values: [FieldValue]) -> FieldValue {
        guard let value = values.first else { return .missing }
        switch name {
        case .concat:
            return .string(cut(values.filter { !$0.isMissing }.map(text).joined()))
        case .min: return values.filter { !$0.isMissing }.min() ?? .missing
        case .max: return values.filter { !$0.isMissing }.max() ?? .missing
        case .least: return ofFirstType(values).min() ?? .missing
        case .greatest: return ofFirstType(values).max() ?? .missing
        case .equalsAny: return .bool(!value.isMissing && values.dropFirst().contains(value))
        case .hash: return .float(MetroHash.share(of: values.map(text).joined()))
        case .bucket, .bucketLabel, .has, .containsText, .startsWith, .endsWith, .formatTime:
            guard values.count >= 2 else { return .missing }
            return call(name, value, values[1], Array(values.dropFirst(2)))
        default: return call(name, value)
        }
    }

    private static func call(
        _ name: FunctionName, _ first: FieldValue, _ second: FieldValue, _ rest: [FieldValue]
    ) -> FieldValue {
        switch name {
        case .bucket: return bucket(first, second)
        case .bucketLabel: return BucketLabel.label(of: first, width: second, ends: rest)
        case .formatTime:
            guard case .string(let format) = first,
                format.utf8.count <= ComputeLimits.timeFormatBytes, let seconds = number(second),
                let text = TimeFormat.text(format, seconds: seconds)
            else { return .missing }
            return .string(cut(text))
        case .has: return .bool(ArrayElements.holds(first, second))
        case .containsText: return holds(.contains, first, second)
        case .startsWith: return holds(.startsWith, first, second)
        case .endsWith: return holds(.endsWith, first, second)
        default: return .missing
        }
    }

    private static func holds(
        _ operation: MatchOperator, _ value: FieldValue, _ part: FieldValue
    ) -> FieldValue {
        guard case .string(var text) = value, case .string(var part) = part else {
            return .bool(false)
        }
        return .bool(
            text.withUTF8 { text in part.withUTF8 { holds(operation, text, $0) } })
    }

    /// Those of the values that are comparable with the first that is not missing.
    private static func ofFirstType(_ values: [FieldValue]) -> [FieldValue] {
        guard let first = values.first(where: { !$0.isMissing }) else { return [] }
        return values.filter { areComparable(first, $0) }
    }

    /// The lower bound of the bin of `width` that a number falls in; missing for a width of 0 or less.
    private static func bucket(_ value: FieldValue, _ width: FieldValue) -> FieldValue {
        guard let x = number(value), let size = number(width), size > 0 else { return .missing }
        if case .int(let whole) = value, case .int(let step) = width {
            let rest = whole % step
            let (low, overflow) = whole.subtractingReportingOverflow(rest < 0 ? rest + step : rest)
            return overflow ? .missing : .int(low)
        }
        let low = (x / size).rounded(.down) * size
        return low.isFinite ? FieldValue(number: low) : .missing
    }

    /// A function of one value.
    private static func call(_ name: FunctionName, _ value: FieldValue) -> FieldValue {
        switch (name, value) {
        case (.lower, .string(let text)): return .string(cut(text.lowercased()))
        case (.upper, .string(let text)): return .string(cut(text.uppercased()))
        case (.length, .string(let text)): return .int(Int64(text.unicodeScalars.count))
        case (.byteLength, .string(let text)): return .int(Int64(text.utf8.count))
        case (.floor, .float(let x)): return FieldValue(number: x.rounded(.down))
        case (.ceil, .float(let x)): return FieldValue(number: x.rounded(.up))
        case (.round, .float(let x)): return FieldValue(number: x.rounded())
        case (.floor, .int), (.ceil, .int), (.round, .int): return value
        case (.abs, .float(let x)): return FieldValue(number: Swift.abs(x))
        case (.abs, .int(let x)):
            return x == .min ? .float(0x1p63) : .int(Swift.abs(x))
        case (.log10, _):
            guard let x = number(value), x > 0 else { return .missing }
            return FieldValue(number: wf_log10(x))
        case (.unixTime, .string(let text)):
            guard let time = RFC3339.nanoseconds(text) else { return .missing }
            return FieldValue(number: Double(time) / 1e9)
        default: return converted(name, value)
        }
    }

    /// The text up to the length that every string value keeps to, cut between characters.
    private static func cut(_ text: String) -> String {
        if text.utf8.count <= EventLimits.stringBytes { return text }
        var end = text.utf8.index(text.startIndex, offsetBy: EventLimits.stringBytes)
        while end.samePosition(in: text.unicodeScalars) == nil {
            end = text.utf8.index(before: end)
        }
        return String(text[..<end])
    }
}
