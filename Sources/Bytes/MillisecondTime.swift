extension Int64 {
    /// Nanoseconds of so many milliseconds, as far as 64 bits reach: beyond, the last one there is.
    public var nanosecondsOfMilliseconds: Int64 {
        let (product, overflows) = multipliedReportingOverflow(by: 1_000_000)
        return overflows ? (self < 0 ? .min : .max) : product
    }
}

extension RFC3339 {
    /// A time of so many milliseconds since 1970 in UTC; of one that nanoseconds do not reach, the last
    /// that they do, in the year 1677 or 2262.
    public static func text(milliseconds: Int64) -> String {
        text(nanoseconds: milliseconds.nanosecondsOfMilliseconds)
    }
}
