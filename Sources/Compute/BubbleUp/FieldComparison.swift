public import Events

/// What is said of one field: how its values are spread over the selection and the baseline.
public struct FieldComparison: Sendable {
    /// Those of highest selection count, then baseline count; equal ones by value, ascending.
    public private(set) var values: [ComparedValue]
    /// Whether the field has arrays, of which each element is a value of its own.
    public private(set) var isSet: Bool
    /// Rows without the field.
    public let missing: ComparedCount
    /// Of a measure; else empty.
    public let bins: [ComparedBin]
    /// `Disparity`, 0…1; 0 until it is set.
    public private(set) var score = 0.0
    /// Values that were looked at to find these.
    public private(set) var distinct: Int
    /// Of a measure, the side of the edge on which the selection has most more than the baseline.
    let cut: TellingCondition?
    /// Of a measure, the distance of its numbers; nil of a dimension.
    let distance: Double?

    init(
        values: [ComparedValue], isSet: Bool, missing: ComparedCount, distinct: Int,
        distance: Double?, cut: TellingCondition?, bins: [ComparedBin]
    ) {
        self.cut = cut
        self.values = values
        self.isSet = isSet
        self.missing = missing
        self.distinct = distinct
        self.distance = distance
        self.bins = bins
    }

    /// Whether the field has numbers only, and many different ones; else it is a dimension.
    public var isMeasure: Bool { distance != nil }

    public mutating func setScore(_ disparity: Disparity) { score = disparity.score(self) }

    /// Adds the values of another part of all values; this is the first part.
    public mutating func add(_ part: FieldComparison, valuesMax: Int) {
        values = Array((values + part.values).sorted(by: ComparedValue.precedes).prefix(valuesMax))
        distinct += part.distinct
        isSet = isSet || part.isSet
    }
}

/// One value of a field and how many rows of both sets have it.
public struct ComparedValue: Hashable, Sendable {
    public var value: FieldValue
    public var count: ComparedCount

    public init(value: FieldValue, count: ComparedCount) {
        self.value = value
        self.count = count
    }

    /// The order of an answer.
    static func precedes(_ a: ComparedValue, _ b: ComparedValue) -> Bool {
        a.count == b.count ? a.value < b.value : a.count.precedes(b.count)
    }
}

extension ComparedCount {
    /// Whether it comes before another one that is not equal: by selection, then by baseline.
    func precedes(_ other: ComparedCount) -> Bool {
        (selection, baseline) > (other.selection, other.baseline)
    }
}
