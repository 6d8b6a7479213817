/// Bounds of what the evaluation of one query may hold beside the groups themselves.
enum ComputeLimits {
    /// Arguments of a call that takes as many as are wanted.
    static let arguments = 1000
    /// Bytes of a format of times.
    static let timeFormatBytes = 256
    /// Bytes of the different strings that an expression makes of one batch or row group: four times
    /// what a row group of usual events holds.
    static let derivedBytes = 512 << 20
    /// Bytes that one thread remembers of dictionaries; then it forgets them and begins anew.
    static let memoBytes = 128 << 20
}
