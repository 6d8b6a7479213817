/// The names of the store's files.
///
/// ```
/// 10s/1773187200000.series    samples as they were written, two hours from this millisecond on
/// 1m/1773187200000.series     cells of a minute, twelve hours
/// 1h/1772323200000.series     cells of an hour, thirty days
/// ```
/// A name that ends in `.tmp` is a file not finished; it goes at the next start.
enum BlockName {
    static let suffix = ".series"
    static let temporarySuffix = ".tmp"

    static func file(start: Int64) -> String { String(start) + suffix }

    /// The start of the block in a file; nil for other names.
    static func start(_ name: String) -> Int64? {
        guard name.hasSuffix(suffix), let start = Int64(name.dropLast(suffix.utf8.count)),
            file(start: start) == name
        else { return nil }
        return start
    }
}
