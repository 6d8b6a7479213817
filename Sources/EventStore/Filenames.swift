/// The names of everything in a store's directory.
///
/// ```
/// lock                          held by the process that has the store open
/// log/00000042.log              the write-ahead log, one for all environments
/// environments/<name>/manifest  what segments there are
/// environments/<name>/00000007.seg
/// ```
/// A directory with a file `unfinished-backup` is one that a backup was not done with.
/// A name that ends in `.tmp` is a file not finished; it goes at the next start.
enum Filenames {
    static let lock = "lock"
    static let log = "log"
    static let unfinishedBackup = "unfinished-backup"
    static let environments = "environments"
    static let manifest = "manifest"
    static let temporarySuffix = ".tmp"
    static let logSuffix = ".log"
    static let segmentSuffix = ".seg"

    static func logFile(_ number: UInt64) -> String { padded(number) + logSuffix }

    static func segmentFile(_ number: UInt64) -> String { padded(number) + segmentSuffix }

    /// The number of a log file; nil for other names.
    static func logNumber(_ name: String) -> UInt64? { number(name, suffix: logSuffix) }

    /// The number of a segment file; nil for other names.
    static func segmentNumber(_ name: String) -> UInt64? { number(name, suffix: segmentSuffix) }

    /// A directory's name for an environment: letters, digits, `-` and `_` as they are, any other
    /// byte as `%` and two hexadecimal digits.
    static func directory(ofEnvironment name: String) -> String {
        var text = ""
        for byte in name.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F:
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                text += digits.utf8.count == 1 ? "%0" + digits : "%" + digits
            }
        }
        return text
    }

    /// The environment that `directory(ofEnvironment:)` named so; nil when none has that name.
    static func environment(ofDirectory directory: String) -> String? {
        var bytes: [UInt8] = []
        var rest = directory.utf8[...]
        while let byte = rest.popFirst() {
            if byte != UInt8(ascii: "%") {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, let text = String(Substring(digits)) as String?,
                let value = UInt8(text, radix: 16)
            else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard let name = String(validating: bytes, as: UTF8.self),
            Filenames.directory(ofEnvironment: name) == directory
        else { return nil }
        return name
    }

    private static func padded(_ number: UInt64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 8 - digits.utf8.count)) + digits
    }

    private static func number(_ name: String, suffix: String) -> UInt64? {
        guard name.hasSuffix(suffix) else { return nil }
        let digits = name.dropLast(suffix.utf8.count)
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt64(digits),
            padded(number) == digits
        else { return nil }
        return number
    }
}
