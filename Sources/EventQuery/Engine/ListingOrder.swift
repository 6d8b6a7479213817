internal import Events

/// Where an event stands in the order of a listing, whatever source holds it.
struct ListingPosition: Hashable, Sendable {
    /// Values of the sort keys before time, then of those after it.
    var keys: [FieldValue]
    /// Nanoseconds since 1970.
    var time: Int64
    var received: Int64
    var dataset: String
}

/// The order of a listing's events: by the sort keys, then by time, receipt and dataset.
///
/// Events that share all of these came in one request; they stay in the order in which they came,
/// so that the order of all is the same in the head and in segments.
struct ListingOrder: Sendable {
    /// Sort keys that come before time.
    let keysBefore: [SortKey]
    /// Sort keys that come after it.
    let keysAfter: [SortKey]
    /// Newest first.
    let isDescending: Bool

    init(_ keys: [SortKey]) {
        let place = keys.firstIndex { $0.name == "timestamp" } ?? keys.count
        keysBefore = Array(keys[..<place])
        keysAfter = Array(keys[place...].dropFirst())
        isDescending = place < keys.count ? keys[place].descending : true
    }

    /// The sort keys whose values a position has.
    var keys: [SortKey] { keysBefore + keysAfter }

    /// Whether time alone tells most events apart.
    var isByTime: Bool { keysBefore.isEmpty }

    /// Whether the first comes before the second; nil when they are equal.
    func precedes(_ a: ListingPosition, _ b: ListingPosition) -> Bool? {
        for (place, key) in keysBefore.enumerated() where a.keys[place] != b.keys[place] {
            return key.descending ? a.keys[place] > b.keys[place] : a.keys[place] < b.keys[place]
        }
        if a.time != b.time { return isBefore(a.time, b.time) }
        for (index, key) in keysAfter.enumerated() {
            let place = keysBefore.count + index
            if a.keys[place] == b.keys[place] { continue }
            return key.descending ? a.keys[place] > b.keys[place] : a.keys[place] < b.keys[place]
        }
        if a.received != b.received { return isBefore(a.received, b.received) }
        if a.dataset != b.dataset { return a.dataset < b.dataset }
        return nil
    }

    /// Whether a time comes before another.
    func isBefore(_ time: Int64, _ other: Int64) -> Bool {
        isDescending ? time > other : time < other
    }

    /// Whether all events with this value of the first key come after a position.
    func isBeyond(_ value: FieldValue, _ bound: ListingPosition) -> Bool {
        keysBefore[0].descending ? value < bound.keys[0] : value > bound.keys[0]
    }

    /// Whether no event of a source can come before a position, or be equal to it.
    func isBeyond(_ times: ClosedRange<Int64>, _ bound: ListingPosition) -> Bool {
        isByTime && isBefore(bound.time, isDescending ? times.upperBound : times.lowerBound)
    }
}
