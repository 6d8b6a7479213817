import EventQuery
import Events

/// Where an engine's answer differs from the oracle's, beyond what is promised; nil when nowhere.
func difference(_ expected: Answer, _ found: Answer) -> String? {
    if expected.events != found.events {
        let place = zip(expected.events, found.events).prefix { $0 == $1 }.count
        return "event \(place) of \(expected.events.count), \(found.events.count) found: "
            + "\(expected.events.dropFirst(place).first?.text ?? "none"), not "
            + (found.events.dropFirst(place).first?.text ?? "none")
    }
    if let difference = difference(expected.compared, found.compared) { return difference }
    if let difference = difference(expected.groups, found.groups) { return difference }
    if let difference = difference(expected.series, found.series) { return difference }
    if let wanted = expected.totals, let totals = found.totals {
        let none: [Answer.Cell] = []
        for (one, other) in [
            (wanted.all, totals.all), (wanted.other ?? none, totals.other ?? none),
        ] {
            let rows = (Answer.Row(keys: [], cells: one), Answer.Row(keys: [], cells: other))
            if let difference = difference(rows.0, rows.1) { return "totals: \(difference)" }
        }
    }
    guard let wanted = expected.earlier else { return nil }
    guard let earlier = found.earlier else { return "no earlier time" }
    let before =
        difference(wanted.groups, earlier.groups) ?? difference(wanted.series, earlier.series)
    return before.map { "earlier: \($0)" }
}

private func difference(_ expected: [Answer.Compared], _ found: [Answer.Compared]) -> String? {
    if expected.map(\.field) != found.map(\.field) {
        return "fields \(found.map(\.field)), not \(expected.map(\.field))"
    }
    for (wanted, field) in zip(expected, found) where wanted != field {
        let place = zip(wanted.texts, field.texts).prefix { $0 == $1 }.count
        return "\(wanted.field): \(field.texts.dropFirst(place).first ?? "the end"), not "
            + (wanted.texts.dropFirst(place).first ?? "the end")
    }
    return nil
}

private func difference(_ expected: [Answer.Row], _ found: [Answer.Row]) -> String? {
    if expected.count != found.count { return "\(expected.count) groups, not \(found.count)" }
    for (place, rows) in zip(expected, found).enumerated() {
        if let difference = difference(rows.0, rows.1) { return "group \(place): \(difference)" }
    }
    return nil
}

private func difference(
    _ expected: [(time: Int64, row: Answer.Row)], _ found: [(time: Int64, row: Answer.Row)]
) -> String? {
    if expected.count != found.count { return "\(expected.count) points, not \(found.count)" }
    for (place, points) in zip(expected, found).enumerated() {
        if points.0.time != points.1.time {
            return "point \(place): at \(points.0.time), not \(points.1.time)"
        }
        if let difference = difference(points.0.row, points.1.row) {
            return "point \(place): \(difference)"
        }
    }
    return nil
}

private func difference(_ expected: Answer.Row, _ found: Answer.Row) -> String? {
    guard expected.keys == found.keys else { return "keys \(expected.keys), not \(found.keys)" }
    guard expected.cells.count == found.cells.count else { return "another number of columns" }
    for (place, cells) in zip(expected.cells, found.cells).enumerated() {
        guard agree(cells.0, cells.1) else {
            return "\(expected.keys), column \(place): \(cells.0), not \(cells.1)"
        }
    }
    return nil
}

/// Integers, strings and what is missing exactly; floats to 1e-9; heatmaps bin by bin.
private func agree(_ expected: Answer.Cell, _ found: Answer.Cell) -> Bool {
    switch (expected, found) {
    case (.value(.float(let a)), .value(.float(let b))): isNear(a, b)
    case (.value(.float(let a)), .value(.int(let b))): isNear(a, Double(b))
    case (.value(.int(let a)), .value(.float(let b))): isNear(Double(a), b)
    case (.value(let a), .value(let b)): a == b
    case (.bins(let values), .bins(let bins)) where values.elementsEqual(bins, by: ==):
        // Two answers of the engine: its bins are not values of the naive evaluator.
        true
    case (.bins(let values), .bins(let bins)):
        values.reduce(0) { $0 + $1.count } == bins.reduce(0) { $0 + $1.count }
            && bins.allSatisfy { bin in
                let inside = values.filter { holds(bin.low, bin.high, $0.low) }
                return inside.reduce(0) { $0 + $1.count } == bin.count
            }
    default: false
    }
}

/// A bin holds the edge that is nearer to 0 and not the other; one from 0 to 0 holds zeros.
private func holds(_ low: Double, _ high: Double, _ value: Double) -> Bool {
    if low == high { return value == low }
    return low < 0 ? low < value && value <= high : low <= value && value < high
}

private func isNear(_ a: Double, _ b: Double) -> Bool {
    (a - b).magnitude <= 1e-9 * (1 + max(a.magnitude, b.magnitude))
}
