/// Query text that cannot be understood, and where.
public struct QueryError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Line of the place, from 1.
    public let line: Int
    /// Unicode scalars from the start of the line, from 1.
    public let column: Int
    /// What is wrong, with the nearest right word where there is one.
    public let message: String
    /// What could stand at the place; empty when the message says it all.
    public let expected: [String]

    public init(line: Int, column: Int, message: String, expected: [String] = []) {
        self.line = line
        self.column = column
        self.message = message
        self.expected = expected
    }

    /// An error at a byte of the text.
    init(_ message: String, at offset: Int, of text: [UInt8], expected: [String] = []) {
        var line = 1
        var column = 1
        for byte in text[0..<min(offset, text.count)] {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        self.init(line: line, column: column, message: message, expected: expected)
    }

    public var description: String {
        let place = "line \(line), column \(column): \(message)"
        return expected.isEmpty ? place : place + "; expected " + expected.joined(separator: ", ")
    }
}
