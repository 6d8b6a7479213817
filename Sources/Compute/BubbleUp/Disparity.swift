internal import CKernels

/// How much a field tells the selection from the baseline, as far as that cannot be chance.
///
/// The score is a share of the selection, 0…1: for dimensions a lower bound of the total variation
/// distance between the two distributions of values (Wilson's bounds of each share), for measures one
/// of the distance of Kolmogorov and Smirnov (the inequality of Dvoretzky, Kiefer and Wolfowitz with
/// Massart's constant). Bounds are wide enough that of all values of all fields looked at, one of
/// twenty comparisons is expected to have one that is wrong (Bonferroni), so ids of requests, fields
/// by the hundred and selections of ten events do not rank by accident.
public struct Disparity: Sendable {
    /// One of so many comparisons is expected to say more of any field than is there.
    public static let error = 0.05

    private let sizes: ComparedCount
    /// Rows that would carry as much evidence if each stood for itself: (Σw)² / Σw² (Kish).
    public let selectionEvidence: Double
    /// The same of the baseline.
    public let baselineEvidence: Double
    private let fields: Double

    /// - Parameters:
    ///   - sizes: the two sets, weighted.
    ///   - squares: the sums of the squared weights of the two sets.
    ///   - fields: how many fields are compared.
    public init(_ sizes: ComparedCount, squares: (selection: Double, baseline: Double), fields: Int)
    {
        func evidence(_ size: UInt64, _ squares: Double) -> Double {
            squares == 0 ? 0 : Double(size) * Double(size) / squares
        }
        self.sizes = sizes
        selectionEvidence = evidence(sizes.selection, squares.selection)
        baselineEvidence = evidence(sizes.baseline, squares.baseline)
        self.fields = Double(max(1, fields))
    }

    /// The score of a field, 0…1.
    func score(_ field: FieldComparison) -> Double {
        if selectionEvidence == 0 || baselineEvidence == 0 { return 0 }
        if let distance = field.distance { return max(0, distance - chanceDistance) }
        return score(dimension: field)
    }

    /// What the most selected values, and the field's absence, have more in the selection.
    private func score(dimension field: FieldComparison) -> Double {
        let squaredZ = squaredZ(field.distinct + 1)
        var excess = surplus(field.missing, squaredZ)
        for value in field.values {
            // A row may have several elements of an array: together they tell no more than the best.
            let found = surplus(value.count, squaredZ)
            excess = field.isSet ? max(excess, found) : excess + found
        }
        return min(1, max(excess, surplus(present(field), squaredZ)))
    }

    /// How many standard deviations a bound is away, squared, when so many were looked at in each field.
    func squaredZ(_ alternatives: Int) -> Double {
        // P(Z > z) <= exp(-z²/2) / 2, which is the error divided by the comparisons.
        2 * wf_log(fields * Double(alternatives) / (2 * Disparity.error))
    }

    /// How many fields are compared.
    public var fieldCount: Int { Int(fields) }

    /// The rows that have a field.
    func present(_ field: FieldComparison) -> ComparedCount {
        ComparedCount(
            selection: sizes.selection - field.missing.selection,
            baseline: sizes.baseline - field.missing.baseline)
    }

    /// The distance that two samples of one distribution of numbers may have by chance; not finite when one
    /// of them is empty.
    public var chanceDistance: Double {
        let level = (wf_log(2 * fields / Disparity.error) / 2).squareRoot()
        return level * (1 / selectionEvidence + 1 / baselineEvidence).squareRoot()
    }

    /// How much more of the selection than of the baseline this is, at least.
    func surplus(_ count: ComparedCount, _ squaredZ: Double) -> Double {
        let share = count.share(of: sizes)
        guard share.difference > 0 else { return 0 }
        let low = wilson(share.selection, selectionEvidence, squaredZ, -1)
        return max(0, low - wilson(share.baseline, baselineEvidence, squaredZ, 1))
    }

    /// Wilson's bound of a share that was seen in `n` rows; `side` −1 for the lower, 1 for the upper.
    private func wilson(_ share: Double, _ n: Double, _ squaredZ: Double, _ side: Double) -> Double
    {
        let spread = (squaredZ * (share * (1 - share) * n + squaredZ / 4)).squareRoot()
        return min(1, max(0, (share * n + squaredZ / 2 + side * spread) / (n + squaredZ)))
    }
}
