internal import Bytes
internal import Events

/// The groups that an answer shows when it is ordered by one number, the highest first, and cut off:
/// only groups that can be among them have to be merged.
///
/// A group that is among the first k of all is far in front in at least one of the partials, as every
/// number of its whole comes from there. (The threshold of Cao and Wang, PODC 2004, without their
/// rounds: candidates are looked up in all partials at once.)
public struct LeadingGroups: Sendable {
    /// How the number of a group comes from its numbers in the partials.
    public enum Combination: Sendable {
        /// Their sum, and none is below 0.
        case sum
        /// The highest of them.
        case highest
    }

    private let limit: Int
    private let state: Int
    private let reading: AggregateReading
    private let combination: Combination

    /// - Parameters:
    ///   - limit: groups shown, at least 1.
    ///   - state: the place among a partial's states of the one that orders.
    public init(
        _ limit: Int, byState state: Int, _ reading: AggregateReading, _ combination: Combination
    ) {
        self.limit = limit
        self.state = state
        self.reading = reading
        self.combination = combination
    }

    /// Groups beyond which it is worth the while to look for the leading ones.
    private static let groupsMin = 4096

    /// Of each partial the groups that can be among those shown, and whatever is the same group in
    /// another partial; nil when all must be merged.
    ///
    /// - Parameter groups: of each partial all cells with rows.
    func candidates(among groups: [[Int]], of partials: [GroupPartial]) -> [[Int]]? {
        let count = groups.reduce(0) { $0 + $1.count }
        guard count >= LeadingGroups.groupsMin, count / 8 > limit,
            partials.allSatisfy({ $0.space.dimensions.count == 1 })
        else { return nil }
        var numbers: [[Double]] = []
        for (partial, groups) in zip(partials, groups) {
            guard let exact = partial.states[state].exactNumbers(ofCells: groups, reading) else {
                return nil
            }
            numbers.append(exact)
        }
        guard let bound = bound(numbers) else { return nil }
        var leading: [ValueDictionary] = []
        for place in partials.indices {
            let cells = zip(groups[place], numbers[place]).filter { $0.1 >= bound }.map(\.0)
            guard let values = partials[place].values(ofCells: cells) else { return nil }
            leading.append(values)
        }
        let union = ValueDictionary.union(leading).union
        if union.count > count / 4 { return nil }
        return partials.indices.map { partials[$0].cells(of: union, among: groups[$0]) }
    }

    /// The number below which no partial has a group that is shown without being far in front in
    /// another one; nil when no partial has enough groups to tell.
    private func bound(_ numbers: [[Double]]) -> Double? {
        let highest = numbers.compactMap { $0.count < limit ? nil : $0.highest(limit) }.max()
        return highest.map { combination == .sum ? $0 / Double(numbers.count) : $0 }
    }
}

extension GroupPartial {
    /// The values of some cells of the only dimension; nil when it has none.
    fileprivate func values(ofCells cells: [Int]) -> ValueDictionary? {
        guard case .values(let dictionary) = space.dimensions[0] else { return nil }
        let entries = space.codes(ofCells: cells, in: 0).filter { $0 > 0 }.map { Int($0) - 1 }
        return dictionary.picking(entries.sorted())
    }

    /// Those of some cells that have one of the values in the only dimension, or none.
    fileprivate func cells(of values: ValueDictionary, among groups: [Int]) -> [Int] {
        guard case .values(let dictionary) = space.dimensions[0] else { return groups }
        var isWanted = Bitmap(count: dictionary.count + 1)
        isWanted[0] = true
        for code in dictionary.codes(ofEntriesIn: values) { isWanted[Int(code)] = true }
        return zip(groups, space.codes(ofCells: groups, in: 0)).filter { isWanted[Int($0.1)] }
            .map(\.0)
    }
}

extension [Double] {
    /// The number that so many are not below; there must be as many.
    fileprivate func highest(_ place: Int) -> Double {
        var best: [Double] = []
        var bound = -Double.infinity
        for number in self where best.count < place || number > bound {
            best.append(number)
            if best.count >= place * 4 + 64 {
                best.sort(by: >)
                best.removeLast(best.count - place)
                bound = best[place - 1]
            }
        }
        best.sort(by: >)
        return best[place - 1]
    }
}
