internal import CKernels
internal import Events

/// Bins of equal width, on the scale of the numbers or of their logarithms, and one on either side for
/// what lies beyond them.
///
/// Bin 0 is what lies below, bins 1 to `count` are between, bin `count + 1` is what lies above; each of
/// those between holds its lower edge and not its upper one. On a logarithmic scale zero and negative
/// numbers lie below.
public struct NumberBins: Hashable, Sendable {
    /// Bins between the two ends, 1 to `NumberBins.most`.
    public let count: Int
    public let isLogarithmic: Bool
    /// How a number, or its base-10 logarithm, becomes the place of a bin: times `factor` or by
    /// `divisor`, the other of which is 1, less `origin`, rounded down.
    private let factor: Double
    private let divisor: Double
    private let origin: Double

    /// The most bins: their places are counted by `HistogramState`, which tells whole numbers apart up to
    /// 128.
    public static let most = 100

    /// Bins that cover the numbers from `low` to `high` exactly.
    ///
    /// Nil unless `low < high` are finite, not too close together for bins of their own and, on a
    /// logarithmic scale, above 0.
    public init?(from low: Double, to high: Double, count: Int, isLogarithmic: Bool) {
        let (from, to) = isLogarithmic ? (wf_log10(low), wf_log10(high)) : (low, high)
        guard low < high, (to - from).isFinite, !isLogarithmic || low > 0 else { return nil }
        self.isLogarithmic = isLogarithmic
        self.count = min(max(1, count), NumberBins.most)
        factor = Double(self.count) / (to - from)
        divisor = 1
        origin = from * factor
        guard factor.isFinite, origin.isFinite else { return nil }
    }

    /// At most about `most` bins that hold the numbers from `low` to `high`, with edges that people count
    /// in: multiples of 1, 2 or 5 of a power of ten, or whole parts of decades.
    ///
    /// Nil as above, but that both may be equal.
    public init?(fitting low: Double, _ high: Double, most: Int, isLogarithmic: Bool) {
        guard low <= high, low.isFinite, high.isFinite, !isLogarithmic || low > 0 else {
            return nil
        }
        let most = min(max(2, most), NumberBins.most)
        self.isLogarithmic = isLogarithmic
        let (from, to) = isLogarithmic ? (wf_log10(low), wf_log10(high)) : (low, high)
        let wanted = (to - from) / Double(most - 1)
        guard wanted.isFinite else { return nil }
        if isLogarithmic {
            let parts = [500.0, 200, 100, 50, 20, 10, 5, 4, 3, 2, 1]
            divisor = parts.contains { 1 / $0 >= wanted } ? 1 : wanted.rounded(.up)
            factor = divisor > 1 ? 1 : parts.first { 1 / $0 >= wanted } ?? 1
        } else {
            (factor, divisor) = NumberBins.roundWidth(
                atLeast: wanted > 0 ? wanted : max(1e-9, low.magnitude / 1e6))
        }
        let (factor, divisor) = (factor, divisor)
        origin = (from * factor / divisor).rounded(.down)
        count = min(
            NumberBins.most,
            max(1, Int((to * factor / divisor).rounded(.down) - origin) + 1))
    }

    /// The narrowest width of 1, 2 or 5 times a power of ten that is not below one, as a factor for
    /// widths below 1: its whole number makes edges exact that their width would not.
    private static func roundWidth(atLeast width: Double) -> (factor: Double, divisor: Double) {
        let power = wf_log10(width).rounded(.down)
        if power < 0 {
            let unit = wf_exp10(-power)
            let factors = [unit, unit / 2, unit / 5, unit / 10]
            return (factors.first { 1 / $0 >= width } ?? unit / 10, 1)
        }
        let unit = wf_exp10(power)
        return (1, [unit, unit * 2, unit * 5].first { $0 >= width } ?? unit * 10)
    }

    /// The edges of a bin; infinite where it has none.
    public func bounds(ofBin bin: Int) -> (low: Double, high: Double) {
        (bin <= 0 ? -.infinity : edge(bin - 1), bin > count ? .infinity : edge(bin))
    }

    private func edge(_ number: Int) -> Double {
        let scaled = (origin + Double(number)) * divisor / factor
        return isLogarithmic ? wf_exp10(scaled) : scaled
    }

    /// The expression that gives the bin of a number as a whole number, and anything else as it is.
    public func bin(of argument: Expression) -> Expression {
        func number(_ value: Double) -> Expression { .literal(FieldValue(number: value)) }
        var scaled = isLogarithmic ? .call(.log10, [argument]) : argument
        if factor != 1 { scaled = .arithmetic(.multiply, scaled, number(factor)) }
        if divisor != 1 { scaled = .arithmetic(.divide, scaled, number(divisor)) }
        let place = Expression.arithmetic(
            .add, .call(.floor, [.arithmetic(.subtract, scaled, number(origin))]), number(1))
        let clamped = Expression.call(
            .max, [number(0), .call(.min, [place, number(Double(count + 1))])])
        let isCounted = Expression.compare(
            isLogarithmic ? .greater : .greaterOrEqual, argument,
            number(isLogarithmic ? 0 : -.greatestFiniteMagnitude))
        let isBelow = Expression.compare(.lessOrEqual, argument, number(0))
        return isLogarithmic
            ? .call(.if, [isCounted, clamped, isBelow, number(0), argument])
            : .call(.if, [isCounted, clamped, argument])
    }
}
