internal import CKernels
internal import Events

/// The bin of a number as text, to group by: `0 - 10`, `10 - 20`, and beyond the ends `< 0`, `> 30`.
///
/// A number on the border of two bins is in the lower one, save that the lowest of all is in the
/// first bin.
enum BucketLabel {
    /// The label; missing when one of the values is no number or the width is not above 0.
    ///
    /// - Parameter ends: where the first bin begins, and where the last one ends; either may be absent.
    static func label(of value: FieldValue, width: FieldValue, ends: [FieldValue]) -> FieldValue {
        var wanted: [Double] = []
        for value in [value, width] + ends {
            guard let number = ExpressionEvaluator.number(value) else { return .missing }
            wanted.append(number)
        }
        let (x, size) = (wanted[0], wanted[1])
        let low = wanted.count > 2 ? wanted[2] : nil
        let high = wanted.count > 3 ? wanted[3] : nil
        guard size > 0 else { return .missing }
        if let low, x < low { return .string("< \(text(low))") }
        if let high, x > high { return .string("> \(text(high))") }
        let base = low ?? 0
        var bin = ((x - base) / size).rounded(.up) - 1
        if low != nil { bin = max(bin, 0) }
        let start = base + bin * size
        let end = min(base + (bin + 1) * size, high ?? .infinity)
        guard start.isFinite, end.isFinite else { return .missing }
        return .string("\(text(start)) - \(text(end))")
    }

    /// A border as text, rounded to twelve digits: three steps of 0.1 end at 0.3.
    private static func text(_ border: Double) -> String {
        var rounded = border
        if border != 0, Int64(exactly: border) == nil {
            let digits = 11 - wf_log10(border.magnitude).rounded(.down)
            let scale = wf_exp10(digits)
            let scaled = (border * scale).rounded() / scale
            if scaled.isFinite { rounded = scaled }
        }
        return ExpressionEvaluator.text(FieldValue(number: rounded))
    }
}
