/// What rounds of evaluations took, and whether they came in time.
public struct RoundFigures: Sendable {
    /// Rounds in which a group was evaluated.
    public private(set) var count = 0
    /// Those of them before which an evaluation was missed, because the round before took too long.
    public private(set) var late = 0
    /// What all of them took.
    public private(set) var nanoseconds: Int64 = 0
    /// What the last one took.
    public private(set) var lastNanoseconds: Int64 = 0

    mutating func note(nanoseconds: Int64, isLate: Bool) {
        count += 1
        if isLate { late += 1 }
        self.nanoseconds += nanoseconds
        lastNanoseconds = nanoseconds
    }
}
