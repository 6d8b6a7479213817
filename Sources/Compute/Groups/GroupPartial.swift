internal import Events

/// The aggregates of a query over the rows seen so far: what threads and segments merge.
public final class GroupPartial {
    public let space: GroupSpace
    /// Rows of each cell, not weighted: a cell without rows is no group.
    public let rowCounts: CountState
    public let states: [any AggregateState]

    /// An empty partial; `states` are empty too.
    public init(_ space: GroupSpace, _ states: [any AggregateState]) {
        self.space = space
        rowCounts = CountState(needsValue: false)
        self.states = states
        for case let counts as CountState in states { counts.count(beyond: rowCounts) }
        grow()
    }

    /// Brings all states to the number of cells that the space has now.
    public func grow() {
        rowCounts.grow(toCells: space.cellCount)
        for state in states { state.grow(toCells: space.cellCount) }
    }

    /// Puts the states in order before they are merged.
    public func settle() {
        for state in states { state.settle() }
    }

    /// Bytes held, about.
    public var byteCount: Int {
        states.reduce(rowCounts.byteCount + space.byteCount) { $0 + $1.byteCount }
    }

    /// Bytes held when nobody else holds the dictionaries, about.
    public var byteCountAlone: Int {
        let dictionaries = space.dimensions.reduce(0) { bytes, dimension in
            if case .values(let dictionary) = dimension {
                bytes + dictionary.byteCount
            } else {
                bytes
            }
        }
        return states.reduce(byteCount + dictionaries) { bytes, state in
            guard let distinct = state as? DistinctState else { return bytes }
            return bytes + distinct.byteCountAlone - distinct.byteCount
        }
    }

    /// A partial of its own with the same content.
    ///
    /// - Parameter buckets: what the last dimension's time buckets are to be in the copy, where
    ///   there is one: how many, and the number that bucket 0 has among them.
    public func copy(buckets: (count: Int, first: Int)? = nil) -> GroupPartial {
        var dimensions = space.dimensions
        var maps = [[UInt32]?](repeating: nil, count: dimensions.count)
        if let buckets, let last = dimensions.last {
            maps[dimensions.count - 1] = (0..<last.size).map { UInt32($0 + buckets.first) }
            dimensions[dimensions.count - 1] = .buckets(buckets.count)
        }
        let result = GroupPartial(
            GroupSpace(dimensions, rows: groups.count), states.map { $0.makeEmpty() })
        let map = cells(in: result.space, dimensions: dimensions.indices, through: maps)
        result.merge(self, map, keepingOther: true)
        return result
    }

    /// The cells that have rows, ascending.
    public var groups: [Int] {
        rowCounts.cellsCounted
    }

    /// Adds a partial whose cell i is this one's cell `map[i]`.
    ///
    /// - Parameter keepingOther: whether the other one is read again afterwards.
    func merge(_ other: GroupPartial, _ map: CellMap, keepingOther: Bool = false) {
        grow()
        rowCounts.merge(other.rowCounts, map, keepingOther: keepingOther)
        for (state, theirs) in zip(states, other.states) {
            state.merge(theirs, map, keepingOther: keepingOther)
        }
    }

    /// For each cell, the cell of another space that has the same codes in `dimensions`, each put
    /// through the map of its dimension where there is one; −1 for cells that are not among `groups`.
    ///
    /// - Parameter groups: nil for all cells with rows.
    func cells(
        in target: GroupSpace, dimensions: Range<Int>, through maps: [[UInt32]?] = [],
        of groups: [Int]? = nil
    ) -> CellMap {
        let groups = groups ?? self.groups
        let codes = dimensions.map { dimension in
            let codes = space.codes(ofCells: groups, in: dimension)
            guard dimension < maps.count, let map = maps[dimension] else { return codes }
            return codes.map { map[Int($0)] }
        }
        let found = target.cells(ofCombinations: codes, count: groups.count)
        var map = [Int](repeating: -1, count: space.cellCount)
        for (place, group) in groups.enumerated() { map[group] = found[place] }
        return .to(map)
    }

    /// The partial without its last dimension, and for each cell its cell there.
    public func droppingLastDimension() -> (partial: GroupPartial, map: CellMap) {
        let smaller = GroupSpace(Array(space.dimensions.dropLast()), rows: groups.count)
        let map = cells(in: smaller, dimensions: 0..<space.dimensions.count - 1)
        let result = GroupPartial(smaller, states.map { $0.makeEmpty() })
        result.merge(self, map, keepingOther: true)
        return (result, map)
    }

    /// The cells that are wanted, with those of one code in the last dimension as one.
    public func keepingLastDimension(where isWanted: (Int) -> Bool) -> GroupPartial {
        let last = space.dimensions.count - 1
        let result = GroupPartial(
            GroupSpace([space.dimensions[last]], rows: groups.count), states.map { $0.makeEmpty() })
        let map = cells(
            in: result.space, dimensions: last..<last + 1, of: groups.filter(isWanted))
        result.merge(self, map, keepingOther: true)
        return result
    }

    /// All cells but those in `left` as one group.
    public func total(without left: Set<Int> = []) -> GroupPartial {
        let result = GroupPartial(GroupSpace([], rows: 0), states.map { $0.makeEmpty() })
        let map = (0..<space.cellCount).map {
            rowCounts.count(ofCell: $0) > 0 && !left.contains($0) ? 0 : -1
        }
        result.merge(self, .to(map), keepingOther: true)
        return result
    }
}
