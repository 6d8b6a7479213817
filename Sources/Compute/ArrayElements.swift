internal import Bytes
public import Events

/// Arrays as sets of values.
///
/// An array that was sent is kept as its JSON text. Its elements are a set: equal ones are one, nulls
/// are none, and arrays and objects in it are their JSON texts. A value that is no array is the set of
/// itself.
public enum ArrayElements {
    /// The elements of an array, each once, in the order in which they are first met; nil for what is
    /// no array.
    public static func elements(of value: FieldValue) -> [FieldValue]? {
        guard case .string(var text) = value else { return nil }
        return text.withUTF8 { elements(of: $0) }
    }

    /// The elements of an array's text; nil for what is no array.
    static func elements(of text: UnsafeBufferPointer<UInt8>) -> [FieldValue]? {
        guard text.first == UInt8(ascii: "["), text.last == UInt8(ascii: "]"),
            let array = try? JSONValue(parsing: Array(text)).array
        else { return nil }
        var elements: [FieldValue] = []
        var seen: Set<FieldValue> = []
        for element in array {
            let value = self.element(element)
            if !value.isMissing, seen.insert(value).inserted { elements.append(value) }
        }
        return elements
    }

    private static func element(_ json: JSONValue) -> FieldValue {
        switch json {
        case .null: .missing
        case .bool(let flag): .bool(flag)
        case .int(let number): .int(number)
        case .double(let number): FieldValue(number: number)
        case .string(let text): .string(text)
        case .array, .object: .string(json.text)
        }
    }

    /// Whether a set has an element; nothing has what is missing.
    static func holds(_ set: FieldValue, _ element: FieldValue) -> Bool {
        if element.isMissing { return false }
        return elements(of: set)?.contains(element) ?? (set == element)
    }
}
