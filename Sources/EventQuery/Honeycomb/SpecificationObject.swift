public import Bytes
public import Events

/// One object of a specification, read member by member with errors that name the path.
struct SpecificationObject {
    let members: JSONObject
    let path: String

    /// Throws when the value is no object or has members of other names than the known ones.
    init(_ value: JSONValue, at path: String, known: [String]) throws(SpecificationError) {
        guard let members = value.object else {
            throw SpecificationError(
                path: path, message: "must be an object, not \(value.typeName)")
        }
        self.members = members
        self.path = path
        for member in members.members where !known.contains(member.key) {
            var message = "there is no such key"
            if let meant = nearestName(to: member.key, among: known) {
                message += "; did you mean \"\(meant)\"?"
            }
            throw SpecificationError(path: self.path(of: member.key), message: message)
        }
    }

    func path(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    func fail(_ key: String, _ message: String) -> SpecificationError {
        SpecificationError(path: path(of: key), message: message)
    }

    /// The member; nil when it is absent or null.
    subscript(key: String) -> JSONValue? {
        let value = members[key]
        return value == .null ? nil : value
    }

    private func wrong(_ key: String, _ wanted: String, _ value: JSONValue) -> SpecificationError {
        fail(key, "must be \(wanted), not \(value.typeName)")
    }

    func string(_ key: String) throws(SpecificationError) -> String? {
        guard let value = self[key] else { return nil }
        guard let text = value.string else { throw wrong(key, "a string", value) }
        return text
    }

    func bool(_ key: String) throws(SpecificationError) -> Bool? {
        guard let value = self[key] else { return nil }
        guard let flag = value.bool else { throw wrong(key, "true or false", value) }
        return flag
    }

    func integer(_ key: String) throws(SpecificationError) -> Int64? {
        guard let value = self[key] else { return nil }
        guard let number = value.integer else {
            let isNumber = value.number != nil
            throw isNumber ? fail(key, "must be a whole number") : wrong(key, "a number", value)
        }
        return number
    }

    /// A number of seconds, as nanoseconds.
    func seconds(_ key: String) throws(SpecificationError) -> Int64? {
        guard let seconds = try integer(key) else { return nil }
        let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { throw fail(key, "is out of range: \(seconds)") }
        return nanoseconds
    }

    /// The elements with their paths; none when the member is absent.
    func array(
        _ key: String, limit: Int
    ) throws(SpecificationError) -> [(path: String, value: JSONValue)] {
        guard let value = self[key] else { return [] }
        guard let elements = value.array else { throw wrong(key, "an array", value) }
        if elements.count > limit { throw fail(key, "has more than \(limit) elements") }
        return elements.enumerated().map { ("\(path(of: key))[\($0.offset)]", $0.element) }
    }
}

extension FieldValue {
    /// The field value that a JSON value is; nil for null, arrays and objects.
    init?(json: JSONValue) {
        switch json {
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .int(value)
        case .double(let value): self = FieldValue(number: value)
        case .string(let value): self = .string(value)
        case .null, .array, .object: return nil
        }
    }
}

extension JSONValue {
    /// The JSON value that shows a field's value; missing is null.
    public init(_ value: FieldValue) {
        switch value {
        case .missing: self = .null
        case .bool(let flag): self = .bool(flag)
        case .int(let number): self = .int(number)
        case .float(let number): self = .double(number)
        case .string(let text): self = .string(text)
        }
    }
}
