internal import Bytes
internal import Compute
internal import EventQuery

/// The fields of a comparison as JSON: what `POST /api/bubbleup` answers beside `meta`.
extension JSONWriter {
    /// `"fields": [{"field", "kind", "score", "values", "missing", "bins"}, …]`.
    mutating func fields(_ comparisons: FieldComparisons) {
        key("fields")
        beginArray()
        for field in comparisons.fields {
            beginObject()
            key("field")
            string(field.name)
            members(of: field.comparison)
            endObject()
        }
        endArray()
        key("pairs")
        beginArray()
        for pair in comparisons.pairs {
            beginObject()
            key("where")
            string(Expression.and(pair.conditions).text)
            key("fields")
            beginArray()
            for name in pair.fields { string(name) }
            endArray()
            key("score")
            double((pair.score * 10_000).rounded() / 10_000)
            count(pair.count)
            endObject()
        }
        endArray()
    }

    private mutating func members(of comparison: FieldComparison) {
        key("kind")
        string(comparison.isMeasure ? "measure" : "dimension")
        key("score")
        double(comparison.shownScore)
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
    /// The score with four digits: they say all that a score can.
    var shownScore: Double { (score * 10_000).rounded() / 10_000 }
}
