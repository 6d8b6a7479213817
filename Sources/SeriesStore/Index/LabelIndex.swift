internal import Bytes

/// Which series have which labels; series are numbered from 0.
protocol LabelIndex {
    var seriesCount: Int { get }

    /// The labels of one name: each value with the number of the list of its series.
    func values(of name: String) throws(DecodeError) -> [(value: String, list: Int)]

    /// The number of the list of series with this label; nil when there is none.
    func list(_ name: String, _ value: String) throws(DecodeError) -> Int?

    /// Adds the series of a list to a set of `seriesCount` rows.
    func insert(list: Int, into set: inout Bitmap) throws(DecodeError)
}

extension LabelIndex {
    /// The series that every matcher lets through.
    func series(matching matchers: [LabelMatcher]) throws(DecodeError) -> Bitmap {
        var result = Bitmap(count: seriesCount, repeating: true)
        for matcher in matchers { result.formIntersection(try series(matching: matcher)) }
        return result
    }

    private func series(matching matcher: LabelMatcher) throws(DecodeError) -> Bitmap {
        var found = Bitmap(count: seriesCount)
        // A series without the label has the empty value: where that is let through, those are taken
        // away whose values are not.
        let takesAbsent = matcher.matches("")
        if !takesAbsent, let values = matcher.onlyValues {
            for value in values {
                guard let list = try list(matcher.name, value) else { continue }
                try insert(list: list, into: &found)
            }
            return found
        }
        for (value, list) in try values(of: matcher.name)
        where matcher.matches(value) != takesAbsent {
            try insert(list: list, into: &found)
        }
        if takesAbsent { found.invert() }
        return found
    }
}

extension LabelMatcher {
    /// The only values that are let through, each once; nil when they are not listed.
    fileprivate var onlyValues: Set<String>? {
        switch operation {
        case .equal: [value]
        case .matches: alternatives.map(Set.init)
        case .notEqual, .doesNotMatch: nil
        }
    }
}
