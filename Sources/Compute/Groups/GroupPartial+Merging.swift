internal import Bytes
internal import Events

extension GroupPartial {
    /// All partials as one: those of the same dimensions by code, the others by value.
    ///
    /// - Parameters:
    ///   - partials: at least one, all with as many dimensions.
    ///   - shown: what of the result is looked at, so that other groups may be left out; nil for all.
    public static func merging(
        _ partials: [GroupPartial], showing shown: LeadingGroups? = nil
    ) -> GroupPartial {
        let spaces = mergingByCode(partials)
        guard let first = spaces.first else { preconditionFailure("BUG: no partials to merge") }
        if spaces.count == 1 { return first }
        let groups = spaces.map(\.groups)
        let leading = shown.flatMap { $0.candidates(among: groups, of: spaces) }
        return mergeByValue(spaces, leading ?? groups)
    }

    /// As few partials as no value has to be looked at for.
    public static func mergingByCode(_ partials: [GroupPartial]) -> [GroupPartial] {
        var spaces: [GroupPartial] = []
        for partial in partials {
            if let same = spaces.first(where: {
                $0.space.hasDimensions(partial.space.dimensions)
            }) {
                same.mergeByCode(partial)
            } else {
                spaces.append(partial)
            }
        }
        return spaces
    }

    /// Adds a partial of the same dimensions.
    private func mergeByCode(_ other: GroupPartial) {
        if space.isDense && other.space.isDense {
            merge(other, .same(other.space.cellCount))
            return
        }
        merge(other, other.cells(in: space, dimensions: other.space.dimensions.indices))
    }

    /// - Parameter groups: of each partial the cells that matter.
    private static func mergeByValue(
        _ partials: [GroupPartial], _ groups: [[Int]]
    ) -> GroupPartial {
        var dimensions: [GroupSpace.Dimension] = []
        // For each partial and each of its dimensions, the code in the union for each code.
        var maps = partials.map { _ in [[UInt32]?]() }
        for index in partials[0].space.dimensions.indices {
            let used = zip(partials, groups).compactMap { partial, groups in
                UsedValues(partial.space, groups, in: index)
            }
            guard used.count == partials.count else {
                dimensions.append(partials[0].space.dimensions[index])
                for place in partials.indices { maps[place].append(nil) }
                continue
            }
            let (union, codeMaps) = ValueDictionary.union(used.map(\.dictionary))
            dimensions.append(.values(union))
            for place in partials.indices {
                maps[place].append(used[place].codes(in: codeMaps[place]))
            }
        }
        let result = GroupPartial(
            GroupSpace(
                dimensions, rows: groups.reduce(0) { $0 + $1.count }, ownsDictionaries: true),
            partials[0].states.map { $0.makeEmpty() })
        for (place, state) in result.states.enumerated() {
            state.prepare(toMerge: partials.map { $0.states[place] })
        }
        for (place, partial) in partials.enumerated() {
            result.merge(
                partial,
                partial.cells(
                    in: result.space, dimensions: dimensions.indices, through: maps[place],
                    of: groups[place]))
        }
        return result
    }
}

/// The values that some groups have in one dimension.
private struct UsedValues {
    /// All values of the dimension, or only those that the groups have when they are few.
    let dictionary: ValueDictionary
    /// For each code of the dimension its code in `dictionary`; nil when that is the same.
    private let picked: [UInt32]?

    /// Nil when the dimension has no values.
    init?(_ space: GroupSpace, _ groups: [Int], in dimension: Int) {
        guard case .values(let whole) = space.dimensions[dimension] else { return nil }
        var isUsed = Bitmap(count: whole.count + 1)
        for code in space.codes(ofCells: groups, in: dimension) { isUsed[Int(code)] = true }
        if isUsed.population > whole.count / 2 {
            dictionary = whole
            picked = nil
            return
        }
        var entries: [Int] = []
        var picked = [UInt32](repeating: 0, count: whole.count + 1)
        isUsed.forEachRow { code in
            if code == 0 { return }
            entries.append(code - 1)
            picked[code] = UInt32(entries.count)
        }
        dictionary = whole.picking(entries)
        self.picked = picked
    }

    /// For each code of the dimension its code in a union; without meaning for codes not used.
    func codes(in union: [UInt32]) -> [UInt32] {
        picked.map { $0.map { union[Int($0)] } } ?? union
    }
}
