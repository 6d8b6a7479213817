extension JSONValue {
    /// How deep arrays and objects may nest.
    public static let depthMax = 64

    /// Reads one document, strictly as RFC 8259 has it; of equal keys the last one counts.
    ///
    /// Throws `JSONError` also for nesting deeper than `depthMax`, numbers beyond a double's range,
    /// lone surrogates and a byte order mark.
    public init(parsing bytes: [UInt8]) throws(JSONError) {
        let result: Result<JSONValue, JSONError> = bytes.withUnsafeBufferPointer { buffer in
            var parser = JSONParser(bytes: buffer)
            return Result { () throws(JSONError) in try parser.document() }
        }
        self = try result.get()
    }

    /// Reads one document from text; see `init(parsing:)` for bytes.
    public init(parsing text: String) throws(JSONError) { try self.init(parsing: Array(text.utf8)) }
}

/// A recursive-descent reader over bytes that stay alive while it works.
private struct JSONParser {
    let bytes: UnsafeBufferPointer<UInt8>
    var offset = 0
    var depth = 0

    init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    mutating func document() throws(JSONError) -> JSONValue {
        skipSpace()
        let value = try value()
        skipSpace()
        if offset < bytes.count { throw fail("text after the end of the document") }
        return value
    }

    private func fail(_ message: String, at place: Int? = nil) -> JSONError {
        JSONError(message, at: place ?? offset, in: bytes)
    }

    /// The byte at the reader's place; 0 at the end, which no JSON outside strings contains.
    private var current: UInt8 { offset < bytes.count ? bytes[offset] : 0 }

    private mutating func skipSpace() {
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"):
                offset += 1
            default: return
            }
        }
    }

    private mutating func value() throws(JSONError) -> JSONValue {
        switch current {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw fail("expected a value")
        }
    }

    private mutating func word(
        _ text: StaticString, _ value: JSONValue
    ) throws(JSONError) -> JSONValue {
        let start = offset
        for index in 0..<text.utf8CodeUnitCount {
            guard current == text.utf8Start[index] else {
                throw fail("expected \(text)", at: start)
            }
            offset += 1
        }
        return value
    }
}

// MARK: - Arrays and objects

extension JSONParser {
    private mutating func enter() throws(JSONError) {
        depth += 1
        if depth > JSONValue.depthMax {
            throw fail("nested deeper than \(JSONValue.depthMax) levels")
        }
        offset += 1
        skipSpace()
    }

    private mutating func array() throws(JSONError) -> JSONValue {
        try enter()
        var elements: [JSONValue] = []
        if current != UInt8(ascii: "]") {
            while true {
                elements.append(try value())
                skipSpace()
                if current != UInt8(ascii: ",") { break }
                offset += 1
                skipSpace()
            }
        }
        guard current == UInt8(ascii: "]") else { throw fail("expected , or ]") }
        offset += 1
        depth -= 1
        return .array(elements)
    }

    private mutating func object() throws(JSONError) -> JSONValue {
        try enter()
        var members: [JSONObject.Member] = []
        var places = KeyPlaces()
        if current != UInt8(ascii: "}") {
            while true {
                guard current == UInt8(ascii: "\"") else { throw fail("expected a key in quotes") }
                let key = try string()
                skipSpace()
                guard current == UInt8(ascii: ":") else { throw fail("expected :") }
                offset += 1
                skipSpace()
                let member = JSONObject.Member(key, try value())
                if let place = places.place(of: key, among: members) {
                    members[place] = member
                } else {
                    members.append(member)
                }
                skipSpace()
                if current != UInt8(ascii: ",") { break }
                offset += 1
                skipSpace()
            }
        }
        guard current == UInt8(ascii: "}") else { throw fail("expected , or }") }
        offset += 1
        depth -= 1
        return .object(JSONObject(members))
    }
}

/// Where the keys of an object under way stand: looked through while few, then found by hash.
private struct KeyPlaces {
    private var table: [[UInt8]: Int] = [:]

    /// The place of an equal key; nil when the key is new and goes last.
    mutating func place(of key: String, among members: [JSONObject.Member]) -> Int? {
        if members.count < 8 {
            return members.firstIndex { $0.key.utf8.elementsEqual(key.utf8) }
        }
        if table.isEmpty {
            for (place, member) in members.enumerated() { table[Array(member.key.utf8)] = place }
        }
        if let known = table[Array(key.utf8)] { return known }
        table[Array(key.utf8)] = members.count
        return nil
    }
}

// MARK: - Numbers

extension JSONParser {
    private mutating func skipDigits() throws(JSONError) {
        let start = offset
        while current >= UInt8(ascii: "0"), current <= UInt8(ascii: "9") { offset += 1 }
        if offset == start { throw fail("expected a digit") }
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = offset
        var isInteger = true
        if current == UInt8(ascii: "-") { offset += 1 }
        if current == UInt8(ascii: "0") { offset += 1 } else { try skipDigits() }
        if current == UInt8(ascii: ".") {
            isInteger = false
            offset += 1
            try skipDigits()
        }
        if current | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            offset += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { offset += 1 }
            try skipDigits()
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if isInteger, let value = Int64(text) { return .int(value) }
        guard let value = Double(text), value.isFinite else {
            throw fail("number is beyond the range of a double", at: start)
        }
        return .double(value)
    }
}

// MARK: - Strings

extension JSONParser {
    private mutating func string() throws(JSONError) -> String {
        offset += 1
        let start = offset
        // Fast path: no escapes, the string is a stretch of the text.
        try skipPlain()
        if current == UInt8(ascii: "\"") {
            let text = try validated(bytes[start..<offset], at: start)
            offset += 1
            return text
        }
        // Slow path: stretches and escapes are gathered.
        var gathered = Array(bytes[start..<offset])
        while current != UInt8(ascii: "\"") {
            try escape(into: &gathered)
            let stretch = offset
            try skipPlain()
            gathered.append(contentsOf: bytes[stretch..<offset])
        }
        offset += 1
        return try gathered.withUnsafeBufferPointer { buffer in
            Result { () throws(JSONError) in try validated(buffer[...], at: start) }
        }.get()
    }

    private func validated(
        _ text: Slice<UnsafeBufferPointer<UInt8>>, at place: Int
    ) throws(JSONError) -> String {
        guard let string = String(validating: text, as: UTF8.self) else {
            throw fail("string is not UTF-8", at: place)
        }
        return string
    }

    /// Moves to the next quote or backslash.
    private mutating func skipPlain() throws(JSONError) {
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return }
            if byte < 0x20 { throw fail("control character in a string") }
            offset += 1
        }
        throw fail("the string has no end")
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        let start = offset
        offset += 1
        let letter = current
        offset += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): try unicodeEscape(into: &text, from: start)
        default: throw fail("unknown escape in a string", at: start)
        }
    }

    private mutating func unicodeEscape(
        into text: inout [UInt8], from start: Int
    ) throws(JSONError) {
        var code = try hexadecimal()
        if code >= 0xD800, code < 0xDC00, current == UInt8(ascii: "\\") {
            offset += 1
            guard current == UInt8(ascii: "u") else { throw fail("lone surrogate", at: start) }
            offset += 1
            let low = try hexadecimal()
            guard low >= 0xDC00, low < 0xE000 else { throw fail("lone surrogate", at: start) }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw fail("lone surrogate", at: start) }
        text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            switch current {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                code = code << 4 | UInt32(current - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
                code = code << 4 | UInt32((current | 0x20) - UInt8(ascii: "a") + 10)
            default: throw fail("expected four hexadecimal digits")
            }
            offset += 1
        }
        return code
    }
}
