internal import SeriesStore

/// What the last evaluations of a rule found, to be compared with what they find when late events came.
struct PastVerdicts: Sendable {
    /// The series or groups that were found, by milliseconds since 1970; those without are left out.
    private var found: [Int64: Set<Labels>] = [:]
    /// Evaluations of which nothing is known.
    private var unknown: Set<Int64> = []

    /// Keeps what an evaluation found; nil for one that failed.
    mutating func note(_ labels: Set<Labels>?, at time: Int64) {
        if labels == nil { unknown.insert(time) }
        if let labels, !labels.isEmpty { found[time] = labels }
    }

    /// Puts what is known now in the place of what was found.
    mutating func replace(_ labels: Set<Labels>, at time: Int64) {
        found[time] = labels.isEmpty ? nil : labels
    }

    /// Forgets evaluations before a time.
    mutating func forget(before time: Int64) {
        if !found.isEmpty { found = found.filter { $0.key >= time } }
        if !unknown.isEmpty { unknown = unknown.filter { $0 >= time } }
    }

    /// What was found at a time; nil when that is not known.
    subscript(time: Int64) -> Set<Labels>? {
        unknown.contains(time) ? nil : found[time] ?? []
    }
}
