/// A place of a directory where a text was found.
public struct FoundText: Hashable, Sendable, CustomStringConvertible {
    /// Relative to the searched directory.
    public let path: String
    /// What of the file holds it: `field user.id`, `idempotency keys`, `bytes`.
    public let place: String
    /// Values that hold it, each once where a dictionary has it; offsets for bytes.
    public let count: Int

    public init(path: String, place: String, count: Int) {
        self.path = path
        self.place = place
        self.count = count
    }

    public var description: String { "\(path): \(place): \(count)" }
}

/// What is searched for, and how many values of each place of a file held it.
struct TextSearch {
    let text: [UInt8]
    /// The number the text is written as, if it is one.
    private let int: Int64?
    private let float: Double?
    private(set) var counts: [String: Int] = [:]

    init(_ text: String) {
        self.text = Array(text.utf8)
        int = Int64(text)
        float = Double(text).flatMap { $0.isFinite ? $0 : nil }
    }

    mutating func note(_ place: String, _ count: Int) {
        if count > 0 { counts[place, default: 0] += count }
    }

    func holds(_ string: String) -> Bool { holds(Array(string.utf8)) }

    /// Whether the text is among the bytes, as it is or as JSON writes it.
    ///
    /// An array is kept as the text that was sent, which may have any character escaped, and such a text may
    /// stand in another.
    func holds(_ bytes: [UInt8]) -> Bool {
        var bytes = bytes
        for _ in 0..<TextSearch.nestedTextsMax {
            if bytes.contains(text: text) { return true }
            guard bytes.contains(UInt8(ascii: "\\")) else { return false }
            bytes = bytes.withoutEscapes()
        }
        return bytes.contains(text: text)
    }

    /// How many JSON texts are looked for in each other.
    private static let nestedTextsMax = 3

    func isEqual(_ number: Int64) -> Bool { number == int || Double(number) == float }
    func isEqual(_ number: Double) -> Bool { number == float }
}
