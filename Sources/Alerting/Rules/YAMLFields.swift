internal import Metrics

/// A mapping read key by key; keys that nobody asked for are told in the end.
struct YAMLFields {
    /// What the mapping is, for messages: `a rule`.
    let noun: String
    let node: YAMLNode
    private let entries: [(key: YAMLNode, value: YAMLNode)]
    private var asked: [String] = []
    private(set) var problems: [(place: TextPlace, message: String)] = []

    /// What is no mapping is told and has no keys.
    init(_ node: YAMLNode, _ noun: String) {
        self.noun = noun
        self.node = node
        if case .mapping(let entries) = node.content {
            self.entries = entries
        } else {
            entries = []
            if !node.isNull {
                problems.append((node.place, "\(noun) is a mapping, not \(node.typeName)"))
            }
        }
    }

    mutating func wrong(_ place: TextPlace, _ message: String) {
        problems.append((place, message))
    }

    /// The value of a key, nil when it is not there or nothing.
    mutating func value(_ key: String) -> YAMLNode? {
        asked.append(key)
        return entries.first { $0.key.text == key }.map(\.value).flatMap { $0.isNull ? nil : $0 }
    }

    mutating func text(_ key: String) -> YAMLText? {
        guard let value = value(key) else { return nil }
        guard let text = value.text else {
            wrong(value.place, "'\(key)' is a text, not \(value.typeName)")
            return nil
        }
        return YAMLText(text: text, place: value.place)
    }

    /// Milliseconds of a duration such as `1m30s`.
    mutating func duration(_ key: String) -> Int64? {
        guard let text = text(key) else { return nil }
        guard let milliseconds = DurationText.milliseconds(text.text) else {
            wrong(text.place, "'\(key)': not a valid duration string: \"\(text.text)\"")
            return nil
        }
        return milliseconds
    }

    mutating func integer(_ key: String) -> Int? {
        guard let text = text(key) else { return nil }
        guard let number = Int(text.text) else {
            wrong(text.place, "'\(key)' is a whole number, not \"\(text.text)\"")
            return nil
        }
        return number
    }

    mutating func number(_ key: String) -> Double? {
        guard let text = text(key) else { return nil }
        let plain = text.text.hasPrefix(".") ? String(text.text.dropFirst()) : text.text
        switch plain.lowercased() {
        case "inf", "+inf", "+.inf": return .infinity
        case "-inf", "-.inf": return -.infinity
        case "nan": return .nan
        default: break
        }
        guard let number = Double(text.text) else {
            wrong(text.place, "'\(key)' is a number, not \"\(text.text)\"")
            return nil
        }
        return number
    }

    mutating func flag(_ key: String) -> Bool? {
        guard let text = text(key) else { return nil }
        switch text.text {
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        default:
            wrong(text.place, "'\(key)' is true or false, not \"\(text.text)\"")
            return nil
        }
    }

    /// The elements of a list; none when it is not there.
    mutating func list(_ key: String) -> [YAMLNode] {
        guard let value = value(key) else { return [] }
        guard case .sequence(let elements) = value.content else {
            wrong(value.place, "'\(key)' is a list, not \(value.typeName)")
            return []
        }
        return elements
    }

    /// Texts by names, in the order of the file; nil when the key is not there.
    mutating func texts(_ key: String) -> [(name: YAMLText, text: String)]? {
        guard let value = value(key) else { return nil }
        guard case .mapping(let entries) = value.content else {
            wrong(value.place, "'\(key)' is a mapping, not \(value.typeName)")
            return nil
        }
        var found: [(name: YAMLText, text: String)] = []
        for (name, text) in entries {
            guard let nameText = name.text, let text = text.isNull ? "" : text.text else {
                wrong(name.place, "'\(key)' has names with texts")
                continue
            }
            found.append((YAMLText(text: nameText, place: name.place), text))
        }
        return found
    }

    /// Tells of keys that nobody asked for.
    mutating func refuseOthers() {
        for (key, _) in entries {
            if let name = key.text, asked.contains(name) { continue }
            wrong(key.place, "\(noun) has no key '\(key.text ?? key.typeName)'")
        }
    }
}

/// A text with its place.
struct YAMLText {
    let text: String
    let place: TextPlace
}
