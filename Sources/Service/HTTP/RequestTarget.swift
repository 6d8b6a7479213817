/// The target of a request line, split before it is decoded.
///
/// The path is split at its slashes first and each element is percent-decoded afterwards, so
/// `%2F` is a slash inside an element. In the query, `+` is a space.
struct RequestTarget: Sendable, Equatable {
    /// The path as it was sent, without the query.
    let rawPath: String
    /// The decoded elements between the slashes; `/` has none, `/a/` has `a` and an empty one.
    let path: [String]
    /// The decoded names and values after the question mark, in order.
    let query: [QueryItem]

    /// One `name=value` of a query; a name alone has the empty value.
    struct QueryItem: Sendable, Equatable {
        let name: String
        let value: String
    }

    /// Takes a target in origin form (`/path?query`) or absolute form (`http://host/path`).
    ///
    /// Returns nil for a broken percent escape, bytes that are no UTF-8, or another form.
    init?(_ target: String) {
        var rest = Substring(target)
        let isAbsolute = rest.utf8.first != UInt8(ascii: "/")
        for scheme in ["http://", "https://"] where isAbsolute && rest.hasPrefix(scheme) {
            rest = rest.dropFirst(scheme.count)
            rest = rest.firstIndex(of: "/").map { rest[$0...] } ?? "/"
        }
        guard rest.utf8.first == UInt8(ascii: "/") else { return nil }
        let mark = rest.utf8.firstIndex(of: UInt8(ascii: "?")) ?? rest.endIndex
        rawPath = String(rest[..<mark])
        var elements: [String] = []
        if rawPath != "/" {
            for element in rawPath.utf8.dropFirst().split(
                separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            {
                guard let decoded = percentDecoded(element, plusIsSpace: false) else { return nil }
                elements.append(decoded)
            }
        }
        path = elements
        guard let items = RequestTarget.items(of: rest[mark...].dropFirst()) else { return nil }
        query = items
    }

    /// The first value of a query item of this name.
    func queryValue(_ name: String) -> String? {
        query.first { $0.name == name }?.value
    }

    /// The first item that has none of these names; `environment` is known everywhere.
    func unknownItem(besides names: [String]) -> String? {
        query.first { !names.contains($0.name) && $0.name != "environment" }?.name
    }

    /// What `name=value&…` says, a query or a form; nil for a broken percent escape.
    static func items(of text: Substring) -> [QueryItem]? {
        var items: [QueryItem] = []
        for part in text.utf8.split(separator: UInt8(ascii: "&")) {
            let equals = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
            let value = equals == part.endIndex ? part[equals...] : part[equals...].dropFirst()
            guard let name = percentDecoded(part[..<equals], plusIsSpace: true),
                let decoded = percentDecoded(value, plusIsSpace: true)
            else { return nil }
            items.append(QueryItem(name: name, value: decoded))
        }
        return items
    }
}

/// Replaces `%XX` by its byte; nil for a broken escape or when the result is no UTF-8.
func percentDecoded(_ text: Substring.UTF8View, plusIsSpace: Bool) -> String? {
    // Nearly every text is what it says.
    if !text.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) {
        return String(Substring(text))
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var iterator = text.makeIterator()
    while let byte = iterator.next() {
        switch byte {
        case UInt8(ascii: "%"):
            guard let high = iterator.next().flatMap(hexadecimalValue),
                let low = iterator.next().flatMap(hexadecimalValue)
            else { return nil }
            bytes.append(high << 4 | low)
        case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
        default: bytes.append(byte)
        }
    }
    return String(validating: bytes, as: UTF8.self)
}

/// Escapes every byte but letters, digits and `- . _ ~`, as one path element or query value.
func percentEncoded(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
            result.unicodeScalars.append(Unicode.Scalar(byte))
        default:
            result += byte < 16 ? "%0" : "%"
            result += String(byte, radix: 16, uppercase: true)
        }
    }
    return result
}

/// The value of one hexadecimal digit in ASCII.
func hexadecimalValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
}
