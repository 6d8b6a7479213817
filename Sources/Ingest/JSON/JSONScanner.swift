internal import CKernels
internal import Events

/// Reads JSON (RFC 8259) from a padded body, token by token, without building anything.
///
/// Functions take the place where a token begins and give the place after it; no function passes
/// the body's end, because no token can hold the zero that stands there. Strings are UTF-8.
/// They are `mutating` for the reason that `KeyTrie` gives.
struct JSONScanner: ~Copyable {
    /// Bit b is set when byte b counts as space.
    ///
    /// In NDJSON a newline does not: it ends the document.
    private var spaceMask: UInt64 = 0
    private var end: Cursor
    /// Text that had to be written anew: strings with escapes, arrays without their spaces.
    var scratch = GrowingBuffer<UInt8>(capacity: 1024)
    /// What is open at a place inside a value that is passed over: `{` or `[`.
    private var levels = GrowingBuffer<UInt8>(capacity: 64)

    init() { end = UnsafePointer(scratch.base) }

    /// Turns to a body; `end` is where its padding begins.
    mutating func begin(end: Cursor, newlineIsSpace: Bool) {
        self.end = end
        spaceMask = 1 << 0x20 | 1 << 0x09 | 1 << 0x0D | (newlineIsSpace ? 1 << 0x0A : 0)
    }

    @inline(__always)
    func skipSpaces(_ start: Cursor) -> Cursor {
        var place = start
        while place[0] <= 0x20 && spaceMask >> UInt64(place[0]) & 1 != 0 { place += 1 }
        return place
    }
}

// MARK: - Strings

/// Where a string's bytes end: its closing quote.
struct ScannedString {
    let end: Cursor
    let hasEscapes: Bool
}

extension JSONScanner {
    /// Checks a string from the byte after its opening quote.
    @inline(__always)
    mutating func string(_ start: Cursor) throws(JSONFault) -> ScannedString {
        let scan = wf_scan_string(start, end)
        let place = start + scan.length
        // Fast path: ASCII without escapes.
        if place[0] == JSONByte.quote && !scan.has_non_ascii {
            return ScannedString(end: place, hasEscapes: false)
        }
        return try unusualString(start)
    }

    /// Slow path: escapes, other scripts, or no string at all.
    private mutating func unusualString(_ start: Cursor) throws(JSONFault) -> ScannedString {
        var place = start
        var hasEscapes = false
        while true {
            let scan = wf_scan_string(place, end)
            if scan.has_non_ascii && !wf_is_utf8(place, scan.length) {
                throw JSONFault("a string that is not UTF-8", at: firstNonUTF8(place, scan.length))
            }
            place += scan.length
            switch place[0] {
            case JSONByte.quote: return ScannedString(end: place, hasEscapes: hasEscapes)
            case JSONByte.backslash:
                hasEscapes = true
                place = try escape(place)
            default:
                throw place >= end
                    ? JSONFault("a string without an end", at: place)
                    : JSONFault("a control character in a string", at: place)
            }
        }
    }

    private func firstNonUTF8(_ start: Cursor, _ length: Int) -> Cursor {
        var low = 0
        // The longest prefix that is UTF-8, give or take the bytes of one character.
        var high = length
        while low < high {
            let middle = (low + high + 1) / 2
            if wf_is_utf8(start, middle) { low = middle } else { high = middle - 1 }
        }
        return start + low
    }

    private mutating func escape(_ start: Cursor) throws(JSONFault) -> Cursor {
        switch start[1] {
        case UInt8(ascii: "u"):
            for digit in 2..<6 where JSONScanner.hexadecimal(start[digit]) == nil {
                throw JSONFault("an escape without four hexadecimal digits", at: start)
            }
            return start + 6
        case JSONByte.quote, JSONByte.backslash, UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return start + 2
        default:
            throw JSONFault("an unknown escape", at: start)
        }
    }

    /// Appends a checked string to `scratch`, its escapes resolved.
    ///
    /// Half a surrogate pair has no UTF-8 and becomes U+FFFD.
    mutating func appendUnescaped(_ start: Cursor, _ end: Cursor) {
        var place = start
        while place < end {
            let scan = wf_scan_string(place, end)
            scratch.append(place, count: scan.length)
            place += scan.length
            if place >= end { return }
            switch place[1] {
            case UInt8(ascii: "u"):
                let (scalar, length) = JSONScanner.scalar(place)
                for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter {
                    scratch.append(byte)
                }
                place += length
                continue
            case UInt8(ascii: "b"): scratch.append(0x08)
            case UInt8(ascii: "f"): scratch.append(0x0C)
            case UInt8(ascii: "n"): scratch.append(0x0A)
            case UInt8(ascii: "r"): scratch.append(0x0D)
            case UInt8(ascii: "t"): scratch.append(0x09)
            case let other: scratch.append(other)
            }
            place += 2
        }
    }

    /// The character of a checked `\u` escape, or of two that are a surrogate pair.
    private static func scalar(_ place: Cursor) -> (scalar: Unicode.Scalar, length: Int) {
        let first = unit(place)
        if let scalar = Unicode.Scalar(first) { return (scalar, 6) }
        if first < 0xDC00, place[6] == JSONByte.backslash, place[7] == UInt8(ascii: "u") {
            let second = unit(place + 6)
            if second >= 0xDC00, second <= 0xDFFF,
                let scalar = Unicode.Scalar((first - 0xD800) << 10 + (second - 0xDC00) + 0x10000)
            {
                return (scalar, 12)
            }
        }
        return ("\u{FFFD}", 6)
    }

    private static func unit(_ place: Cursor) -> UInt32 {
        var value: UInt32 = 0
        for digit in 2..<6 { value = value << 4 | UInt32(hexadecimal(place[digit]) ?? 0) }
        return value
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}

// MARK: - Values passed over

extension JSONScanner {
    /// Checks any value and gives the place after it.
    ///
    /// - Parameter copying: whether the value's text is appended to `scratch`, without the spaces
    ///   outside its strings; copying ends once there are more than `EventLimits.stringBytes`.
    mutating func skipValue(_ start: Cursor, copying: Bool = false) throws(JSONFault) -> Cursor {
        let place = skipSpaces(start)
        let isContainer = place[0] == JSONByte.openObject || place[0] == JSONByte.openArray
        if !isContainer && !copying { return try scalarValue(place) }
        levels.removeAll()
        return try closeLevels(try openValue(place, copying), copying)
    }

    /// Checks the rest of an object, from the place after one of its values.
    mutating func skipMembers(_ start: Cursor) throws(JSONFault) -> Cursor {
        levels.removeAll()
        levels.append(JSONByte.openObject)
        return try closeLevels(start, false)
    }

    /// Reads on after a value until nothing is open any more.
    private mutating func closeLevels(
        _ start: Cursor, _ copying: Bool
    ) throws(JSONFault) -> Cursor {
        var place = start
        while levels.count > 0 {
            place = skipSpaces(place)
            let isObject = levels[levels.count - 1] == JSONByte.openObject
            if place[0] == JSONByte.comma {
                copy(place, 1, copying)
                place = skipSpaces(place + 1)
                if isObject { place = try key(place, copying) }
                place = try openValue(place, copying)
            } else if place[0] == (isObject ? JSONByte.closeObject : JSONByte.closeArray) {
                copy(place, 1, copying)
                levels.removeLast()
                place += 1
            } else {
                throw isObject
                    ? JSONFault("expected a comma or }", at: place)
                    : JSONFault("expected a comma or ]", at: place)
            }
        }
        return place
    }

    /// Reads a value that is no container whole, of a container all that opens before its first
    /// value that is none.
    private mutating func openValue(
        _ start: Cursor, _ copying: Bool
    ) throws(JSONFault) -> Cursor {
        var place = start
        while true {
            let opening = place[0]
            guard opening == JSONByte.openObject || opening == JSONByte.openArray else {
                let after = try scalarValue(place)
                copy(place, after - place, copying)
                return after
            }
            guard levels.count < IngestLimits.nesting else {
                throw JSONFault("brackets nested too deeply", at: place)
            }
            copy(place, 1, copying)
            place = skipSpaces(place + 1)
            // An opening bracket is two below its closing one.
            if place[0] == opening + 2 {
                copy(place, 1, copying)
                return place + 1
            }
            levels.append(opening)
            if opening == JSONByte.openObject { place = try key(place, copying) }
        }
    }

    /// Checks a key and its colon, and gives the place of the value.
    private mutating func key(_ start: Cursor, _ copying: Bool) throws(JSONFault) -> Cursor {
        guard start[0] == JSONByte.quote else {
            throw JSONFault("expected a field name in quotes", at: start)
        }
        let end = try string(start + 1).end + 1
        copy(start, end - start, copying)
        return try colon(end, copying)
    }

    private mutating func colon(_ start: Cursor, _ copying: Bool) throws(JSONFault) -> Cursor {
        let place = skipSpaces(start)
        guard place[0] == JSONByte.colon else { throw JSONFault("expected a colon", at: place) }
        copy(place, 1, copying)
        return skipSpaces(place + 1)
    }

    private mutating func scalarValue(_ start: Cursor) throws(JSONFault) -> Cursor {
        switch start[0] {
        case JSONByte.quote: return try string(start + 1).end + 1
        case JSONByte.minus, 0x30...0x39: return try number(start).end
        default: return try literal(start).end
        }
    }

    @inline(__always)
    private mutating func copy(_ place: Cursor, _ count: Int, _ copying: Bool) {
        guard copying, scratch.count <= EventLimits.stringBytes else { return }
        scratch.append(place, count: count)
    }
}

// MARK: - Words

/// `true`, `false` or `null`.
struct ScannedLiteral {
    let end: Cursor
    /// nil for `null`.
    let value: Bool?
}

extension JSONScanner {
    @inline(__always)
    mutating func literal(_ start: Cursor) throws(JSONFault) -> ScannedLiteral {
        let word = UnsafeRawPointer(start).loadUnaligned(as: UInt32.self).littleEndian
        switch word {
        case 0x6575_7274: return ScannedLiteral(end: start + 4, value: true)
        case 0x6C6C_756E: return ScannedLiteral(end: start + 4, value: nil)
        case 0x736C_6166 where start[4] == UInt8(ascii: "e"):
            return ScannedLiteral(end: start + 5, value: false)
        default:
            throw start >= end
                ? JSONFault("the body ends before its value does", at: start)
                : JSONFault("expected a value", at: start)
        }
    }
}
