/// Appends members of one flat JSON object, each with a comma after it, as fast as bytes are
/// copied.
///
/// Names and texts are the generator's own and need no escaping.
struct JSONLine {
    private(set) var bytes: [UInt8] = []

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    mutating func begin() { bytes.append(UInt8(ascii: "{")) }

    /// Ends the object, in the place of the last comma, and the line.
    mutating func end() {
        bytes[bytes.count - 1] = UInt8(ascii: "}")
        bytes.append(UInt8(ascii: "\n"))
    }

    mutating func members(_ other: [UInt8]) { bytes.append(contentsOf: other) }

    mutating func member(_ name: StaticString, _ text: String) {
        key(name)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: text.utf8)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ","))
    }

    mutating func member(_ name: StaticString, _ value: Int) {
        key(name)
        digits(value)
        bytes.append(UInt8(ascii: ","))
    }

    mutating func member(_ name: StaticString, _ value: Bool) {
        key(name)
        bytes.append(contentsOf: value ? "true".utf8 : "false".utf8)
        bytes.append(UInt8(ascii: ","))
    }

    /// A number that is not negative, to three decimals.
    mutating func member(_ name: StaticString, thousandths value: Int) {
        key(name)
        digits(value / 1000)
        let rest = value % 1000
        if rest != 0 {
            bytes.append(UInt8(ascii: "."))
            for digit in [rest / 100, rest / 10 % 10, rest % 10] {
                bytes.append(UInt8(ascii: "0") + UInt8(digit))
            }
        }
        bytes.append(UInt8(ascii: ","))
    }

    /// 16 hexadecimal digits of each word.
    mutating func member(_ name: StaticString, identifier words: UInt64...) {
        key(name)
        bytes.append(UInt8(ascii: "\""))
        for word in words {
            for shift in stride(from: 60, through: 0, by: -4) {
                let digit = UInt8(word >> UInt64(shift) & 15)
                bytes.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
            }
        }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ","))
    }

    private mutating func key(_ name: StaticString) {
        bytes.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func digits(_ value: Int) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        var rest = value.magnitude
        let start = bytes.count
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        bytes[start...].reverse()
    }
}
