/// A sum that keeps what rounding loses, after Kahan with Neumaier's improvement.
struct CompensatedSum: Sendable {
    var value: Double
    /// What is to be added to `value` in the end.
    var compensation: Double

    init(_ value: Double = 0, compensation: Double = 0) {
        self.value = value
        self.compensation = compensation
    }

    @inline(__always)
    mutating func add(_ term: Double) {
        let total = value + term
        if total.isInfinite {
            compensation = 0
        } else if value.magnitude >= term.magnitude {
            compensation += (value - total) + term
        } else {
            compensation += (term - total) + value
        }
        value = total
    }

    /// The sum with its compensation; an infinite one has none.
    var total: Double { value.isInfinite ? value : value + compensation }
}
