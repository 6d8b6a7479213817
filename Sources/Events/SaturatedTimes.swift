// Times and durations of events are whatever their senders say, so sums and differences of them stop
// at the ends of what 64 bits hold.
extension Int64 {
    /// The sum, or the end of the range that it would go beyond.
    public func addingSaturated(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other > 0 ? .max : .min) : sum
    }

    /// The difference, or the end of the range that it would go beyond.
    public func subtractingSaturated(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other > 0 ? .min : .max) : difference
    }
}
