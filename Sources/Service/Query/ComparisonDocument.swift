internal import Bytes
internal import Compute
internal import EventQuery

/// The fields of a comparison as JSON: what `POST /api/bubbleup` answers beside `meta`.
extension JSONWriter {
    /// `"fields": [{"field", "kind", "score", "where", "values", "missing", "bins"}, …], "pairs": […],
    /// "statistic": {…}`.
    mutating func fields(_ comparisons: FieldComparisons) {
        key("fields")
        beginArray()
        for field in comparisons.fields {
            beginObject()
            key("field")
            string(field.name)
            members(of: field.comparison, telling: field.telling(comparisons.disparity))
            endObject()
        }
        endArray()
        pairs(comparisons.pairs)
        statistic(comparisons.disparity)
    }

    private mutating func pairs(_ pairs: [FieldComparisons.Pair]) {
        key("pairs")
        beginArray()
        for pair in pairs {
            beginObject()
            key("where")
            string(Expression.and(pair.conditions).text)
            key("fields")
            beginArray()
            for name in pair.fields { string(name) }
            endArray()
            key("score")
            double(shown(pair.score))
            count(pair.count)
            endObject()
        }
        endArray()
    }

    /// What a score is, and the figures that are the same for all fields.
    private mutating func statistic(_ disparity: Disparity) {
        key("statistic")
        beginObject()
        key("score")
        string("the share of the selection that the field tells from the baseline, at least")
        key("dimension")
        string("total variation distance, by the bounds of Wilson of each share")
        key("measure")
        string("distance of Kolmogorov and Smirnov, less \"chance\" (Dvoretzky, Kiefer, Wolfowitz)")
        if disparity.chanceDistance.isFinite {
            key("chance")
            double(shown(disparity.chanceDistance))
        }
        key("correction")
        string("Bonferroni, over all fields and the values of a dimension")
        key("error")
        double(Disparity.error)
        key("fields")
        int(Int64(disparity.fieldCount))
        key("evidence")
        beginObject()
        key("selection")
        double(shown(disparity.selectionEvidence))
        key("baseline")
        double(shown(disparity.baselineEvidence))
        endObject()
        endObject()
    }

    private mutating func members(of comparison: FieldComparison, telling: Expression?) {
        key("kind")
        string(comparison.isMeasure ? "measure" : "dimension")
        key("score")
        double(comparison.shownScore)
        if let telling {
            key("where")
            string(telling.text)
        }
        key("values")
        beginArray()
        for compared in comparison.values {
            beginObject()
            key("value")
            field(compared.value)
            count(compared.count)
            endObject()
        }
        endArray()
        key("missing")
        beginObject()
        count(comparison.missing)
        endObject()
        guard comparison.isMeasure else { return }
        key("bins")
        beginArray()
        for bin in comparison.bins {
            beginObject()
            key("low")
            double(bin.low)
            key("high")
            double(bin.high)
            count(bin.count)
            endObject()
        }
        endArray()
    }

    /// `"selection": n, "baseline": n`, as members of the object under way.
    mutating func count(_ count: ComparedCount) {
        key("selection")
        int(Int64(clamping: count.selection))
        key("baseline")
        int(Int64(clamping: count.baseline))
    }
}

extension FieldComparison {
    var shownScore: Double { shown(score) }
}

/// A figure of the statistic with four digits after the point: they say all that a score can.
private func shown(_ figure: Double) -> Double { (figure * 10_000).rounded() / 10_000 }
