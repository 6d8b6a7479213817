internal import Bytes

/// The body of a call that makes or changes a definition, read member by member.
///
/// Each reader throws a problem that names the member when it is not what it should be; `null` counts
/// as absent.
struct DefinitionBody {
    private let object: JSONObject

    /// Throws a problem when the body is too large or no JSON object.
    ///
    /// - Parameter isOptional: whether no body is one without members.
    init(_ request: HTTPRequest, isOptional: Bool = false) throws(HTTPRefusal) {
        let body = try request.openedBody(limit: ServiceLimits.definitionBodyBytesMax + 1)
        if isOptional, body.count == 0 {
            object = JSONObject()
            return
        }
        guard body.count <= ServiceLimits.definitionBodyBytesMax else {
            throw HTTPRefusal(
                .problem(
                    .tooLarge,
                    "the body is larger than \(ServiceLimits.definitionBodyBytesMax) bytes"))
        }
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue(parsing: body.withBytes { Array($0) })
        } catch {
            throw HTTPRefusal(.problem(.unparseable, "the body is not JSON: \(error)"))
        }
        guard let object = document.object else {
            throw HTTPRefusal(.problem(.unparseable, "the body is not an object"))
        }
        self.object = object
    }

    init(_ object: JSONObject) { self.object = object }

    var members: [JSONObject.Member] { object.members }
    var names: [String] { object.members.map(\.key) }

    /// The member as it is, `null` too; nil when it is absent.
    func member(_ name: String) -> JSONValue? { object[name] }

    func has(_ name: String) -> Bool { object[name].map { $0 != .null } ?? false }

    /// A text of at most so many characters.
    func text(_ name: String, charactersMax: Int) throws(HTTPRefusal) -> String? {
        guard has(name) else { return nil }
        guard let text = object[name]?.string else {
            throw wrong(name, "is not a string", code: "incorrect_type")
        }
        guard text.unicodeScalars.count <= charactersMax else {
            throw wrong(name, "is longer than \(charactersMax) characters")
        }
        return text
    }

    /// A text that must be there and not be empty.
    func requiredText(_ name: String, charactersMax: Int) throws(HTTPRefusal) -> String {
        guard let text = try text(name, charactersMax: charactersMax), !text.isEmpty else {
            throw wrong(name, "is missing", code: "missing")
        }
        return text
    }

    func flag(_ name: String) throws(HTTPRefusal) -> Bool? {
        guard has(name) else { return nil }
        guard let flag = object[name]?.bool else {
            throw wrong(name, "is not a boolean", code: "incorrect_type")
        }
        return flag
    }

    func integer(_ name: String, in range: ClosedRange<Int64>) throws(HTTPRefusal) -> Int64? {
        guard has(name) else { return nil }
        guard let number = object[name]?.integer else {
            throw wrong(name, "is not a whole number", code: "incorrect_type")
        }
        guard range.contains(number) else {
            throw wrong(name, "is not from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func number(_ name: String) throws(HTTPRefusal) -> Double? {
        guard has(name) else { return nil }
        guard let number = object[name]?.number else {
            throw wrong(name, "is not a number", code: "incorrect_type")
        }
        return number
    }

    /// A list of texts that are not empty; nil when it is absent.
    func texts(_ name: String, countMax: Int) throws(HTTPRefusal) -> [String]? {
        guard has(name) else { return nil }
        let texts = object[name]?.array?.map { $0.string ?? "" }
        guard let texts, !texts.contains("") else {
            throw wrong(name, "is not a list of texts", code: "incorrect_type")
        }
        guard texts.count <= countMax else {
            throw wrong(name, "has more than \(countMax) entries")
        }
        return texts
    }

    /// A list of objects; nil when it is absent.
    func objects(_ name: String, countMax: Int) throws(HTTPRefusal) -> [DefinitionBody]? {
        guard has(name) else { return nil }
        let objects = object[name]?.array?.map(\.object)
        guard let objects, !objects.contains(nil) else {
            throw wrong(name, "is not a list of objects", code: "incorrect_type")
        }
        guard objects.count <= countMax else {
            throw wrong(name, "has more than \(countMax) entries")
        }
        return objects.compactMap { $0 }.map { DefinitionBody($0) }
    }

    /// A member that is an object itself; an empty one when it is absent.
    func object(_ name: String) throws(HTTPRefusal) -> DefinitionBody {
        guard has(name) else { return DefinitionBody(JSONObject()) }
        guard let inner = object[name]?.object else {
            throw wrong(name, "is not an object", code: "incorrect_type")
        }
        return DefinitionBody(inner)
    }

    func wrong(_ name: String, _ what: String, code: String = "invalid") -> HTTPRefusal {
        HTTPRefusal(.problem(.invalid, "\(name) \(what)", field: name, code: code))
    }
}
