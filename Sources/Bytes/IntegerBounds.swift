extension UnsafeBufferPointer<Int64> {
    /// The least and the greatest integer, found in one pass; 0 and 0 where there are none.
    @inlinable
    public var bounds: (least: Int64, most: Int64) {
        guard var least = first else { return (0, 0) }
        var most = least
        for number in self {
            least = Swift.min(least, number)
            most = Swift.max(most, number)
        }
        return (least, most)
    }
}

extension Array<Int64> {
    /// The least and the greatest integer; 0 and 0 where there are none.
    @inlinable
    public var bounds: (least: Int64, most: Int64) { withUnsafeBufferPointer { $0.bounds } }
}
