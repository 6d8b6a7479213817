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

    func holds(_ string: String) -> Bool { Array(string.utf8).contains(text: text) }
    func holds(_ bytes: [UInt8]) -> Bool { bytes.contains(text: text) }
    func isEqual(_ number: Int64) -> Bool { number == int || Double(number) == float }
    func isEqual(_ number: Double) -> Bool { number == float }
}
