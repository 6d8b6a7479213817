internal import Bytes

/// Bytes that are not what was written.
public struct AlertMemoryError: Error, CustomStringConvertible {
    public let description: String
}

/// A JSON document in a file of alerts, after a line with version and checksum.
///
/// ```
/// widefield-alerts 1 CRC32C-OF-THE-REST-IN-HEXADECIMAL
/// {…}
/// ```
enum CheckedDocument {
    private static let title = Array("widefield-alerts 1 ".utf8)

    static func encode(_ document: JSONValue) -> [UInt8] {
        let body = Array(document.text.utf8)
        return title + line(of: body) + body
    }

    /// The checksum of a body, with the end of its line.
    private static func line(of body: [UInt8]) -> [UInt8] {
        let digits = String(Checksum.crc32c(body), radix: 16)
        return Array((String(repeating: "0", count: 8 - digits.count) + digits + "\n").utf8)
    }

    static func decode(_ bytes: [UInt8]) throws(AlertMemoryError) -> JSONValue {
        let start = title.count + 9
        guard bytes.count > start, bytes.starts(with: title) else {
            throw AlertMemoryError(description: "it does not begin as a file of alerts does")
        }
        let body = Array(bytes[start...])
        guard bytes[title.count..<start].elementsEqual(line(of: body)) else {
            throw AlertMemoryError(description: "its checksum is another one")
        }
        do throws(JSONError) {
            return try JSONValue(parsing: body)
        } catch {
            throw AlertMemoryError(description: "it is no JSON: \(error)")
        }
    }
}
