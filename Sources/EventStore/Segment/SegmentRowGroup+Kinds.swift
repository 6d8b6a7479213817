public import Events

extension SegmentRowGroup {
    /// The kinds of values a field has in the group, as far as the footer and the dictionary tell;
    /// nil when only the rows can tell.
    ///
    /// Empty when no row of the group has the field. Throws what reading the dictionary throws.
    public func knownKinds(of name: String) throws -> Set<ValueDictionary.Kind>? {
        guard let entry = segment.groupEntry(name, group: index) else { return [] }
        var kinds: Set<ValueDictionary.Kind> = []
        if entry.ints.map({ $0.present > 0 }) == true { kinds.insert(.int) }
        if entry.floats.map({ $0.present > 0 }) == true { kinds.insert(.float) }
        if entry.texts.map({ $0.present > 0 }) == true { kinds.insert(.string) }
        guard let coded = entry.coded, coded.present > 0 else { return kinds }
        guard let dictionary = try segment.dictionary(ofColumn: name),
            let only = dictionary.onlyKind
        else { return nil }
        kinds.insert(only)
        return kinds
    }
}

extension ValueDictionary {
    /// The kind that all entries have; nil when they differ or there are none.
    public var onlyKind: Kind? {
        guard let first = kinds.first, kinds.allSatisfy({ $0 == first }) else { return nil }
        return Kind(rawValue: first)
    }
}
