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

    public var byteCount: Int {
        states.reduce(rowCounts.byteCount) { $0 + $1.byteCount }
    }

    /// The cells that have rows, ascending.
    public var groups: [Int] {
        (0..<space.cellCount).filter { rowCounts.count(ofCell: $0) > 0 }
    }

    /// Adds a partial whose cell i is this one's cell `map[i]`, −1 for none.
    private func merge(_ other: GroupPartial, _ map: [Int]) {
        grow()
        rowCounts.merge(other.rowCounts, map)
        for (state, theirs) in zip(states, other.states) { state.merge(theirs, map) }
    }

    // MARK: - Merging

    /// Adds a partial of the same dimensions: no value is looked at.
    public func merge(_ other: GroupPartial) {
        precondition(space.hasDimensions(other.space.dimensions), "BUG: partials of two spaces")
        if space.isDense && other.space.isDense {
            merge(other, Array(0..<other.space.cellCount))
            return
        }
        merge(other, other.cells(in: space, dimensions: other.space.dimensions.indices))
    }

    /// For each cell, the cell of another space that has the same codes in `dimensions`; −1 for
    /// cells without rows.
    private func cells(in target: GroupSpace, dimensions: Range<Int>) -> [Int] {
        let groups = groups
        var codes = dimensions.map { _ in [UInt32]() }
        for group in groups {
            let all = space.codes(ofCell: group)
            for (place, dimension) in dimensions.enumerated() {
                codes[place].append(all[dimension])
            }
        }
        let found = target.cells(codes, count: groups.count)
        var map = [Int](repeating: -1, count: space.cellCount)
        for (place, group) in groups.enumerated() { map[group] = Int(found[place]) }
        return map
    }

    /// The partial without its last dimension, and for each cell its cell there.
    public func droppingLastDimension() -> (partial: GroupPartial, map: [Int]) {
        let smaller = GroupSpace(Array(space.dimensions.dropLast()), rows: groups.count)
        let map = cells(in: smaller, dimensions: 0..<space.dimensions.count - 1)
        let result = GroupPartial(smaller, states.map { $0.makeEmpty() })
        result.merge(self, map)
        return (result, map)
    }

    /// All cells but those in `left` as one group.
    public func total(without left: Set<Int> = []) -> GroupPartial {
        let result = GroupPartial(GroupSpace([], rows: 0), states.map { $0.makeEmpty() })
        result.merge(
            self,
            (0..<space.cellCount).map {
                rowCounts.count(ofCell: $0) > 0 && !left.contains($0) ? 0 : -1
            })
        return result
    }

    /// Merges partials of any dictionaries, by value.
    public final class ByValue {
        private let builders: [DictionaryBuilder?]
        private let bucketCount: Int
        private let table: CellTable
        private let makeStates: () -> [any AggregateState]
        private var partial: GroupPartial?

        /// An empty one for partials with these dimensions, whatever their dictionaries.
        public init(
            like dimensions: [GroupSpace.Dimension],
            _ makeStates: @escaping () -> [any AggregateState]
        ) {
            var buckets = 0
            builders = dimensions.map { dimension in
                switch dimension {
                case .values: return DictionaryBuilder(expected: 256)
                case .buckets(let count):
                    buckets = count
                    return nil
                }
            }
            bucketCount = buckets
            // Up to two dimensions of 32 bits make one exact key.
            table = CellTable(
                width: dimensions.count, strides: dimensions.count <= 2 ? [1, 1 << 32] : nil)
            self.makeStates = makeStates
        }

        public var byteCount: Int {
            builders.reduce(partial?.byteCount ?? 0) {
                $0 + ($1?.textByteCount ?? 0) + ($1?.count ?? 0) * 25
            }
        }

        public func merge(_ other: GroupPartial) {
            let maps: [[UInt32]?] = zip(builders, other.space.dimensions).map {
                builder, dimension in
                guard let builder, case .values(let dictionary) = dimension else { return nil }
                return builder.codes(ofEntriesIn: dictionary)
            }
            var map = [Int](repeating: -1, count: other.space.cellCount)
            for cell in other.groups {
                var codes = other.space.codes(ofCell: cell)
                for (dimension, codeMap) in maps.enumerated() {
                    if let codeMap { codes[dimension] = codeMap[Int(codes[dimension])] }
                }
                map[cell] = table.cell(codes)
            }
            let target = partial ?? GroupPartial(GroupSpace(dimensions, table), makeStates())
            target.merge(other, map)
            partial = target
        }

        private var dimensions: [GroupSpace.Dimension] {
            builders.map { builder in
                builder.map { .values($0.dictionary()) } ?? .buckets(bucketCount)
            }
        }

        /// What was merged, its dimensions now complete.
        public func finish() -> GroupPartial {
            let space = GroupSpace(dimensions, table)
            guard let partial else { return GroupPartial(space, makeStates()) }
            return GroupPartial(space, partial)
        }
    }

    /// The same aggregates under a space whose dictionaries have grown.
    private init(_ space: GroupSpace, _ other: GroupPartial) {
        self.space = space
        rowCounts = other.rowCounts
        states = other.states
        grow()
    }
}
