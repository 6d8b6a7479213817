/// Header fields in the order they came or go; names are found whatever their case.
struct HTTPHeaders: Sendable, ExpressibleByDictionaryLiteral {
    /// Name and value as they are on the wire.
    private(set) var fields: [(name: String, value: String)] = []

    /// No fields.
    init() {}

    /// The fields in the order they are written.
    init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { (name: $0.0, value: $0.1) }
    }

    /// Makes room for so many fields.
    mutating func reserveCapacity(_ count: Int) { fields.reserveCapacity(count) }

    /// Appends a field; fields of the same name stay.
    mutating func add(_ name: String, _ value: String) {
        fields.append((name, value))
    }

    /// The first value of the name, nil when there is none; setting replaces every field of the
    /// name.
    subscript(_ name: String) -> String? {
        get { fields.first { equalsIgnoringCase($0.name, name) }?.value }
        set {
            fields.removeAll { equalsIgnoringCase($0.name, name) }
            if let newValue { fields.append((name, newValue)) }
        }
    }

    /// Every value of the name, in order.
    func all(_ name: String) -> [String] {
        fields.lazy.filter { equalsIgnoringCase($0.name, name) }.map(\.value)
    }

    /// How many fields have the name.
    func count(of name: String) -> Int {
        fields.reduce(0) { $0 + (equalsIgnoringCase($1.name, name) ? 1 : 0) }
    }
}

/// Whether two texts differ at most in the case of their ASCII letters.
func equalsIgnoringCase(_ a: String, _ b: String) -> Bool {
    let (x, y) = (a.utf8, b.utf8)
    guard x.count == y.count else { return false }
    // Fast path: nearly every client writes names as the specifications do.
    return a == b || x.elementsEqual(y) { asciiLowercase($0) == asciiLowercase($1) }
}

private func asciiLowercase(_ byte: UInt8) -> UInt8 {
    byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
}
