internal import Events

/// What was worked out for a dictionary: which entries meet a condition, what an expression makes
/// of them.
///
/// Row groups of a segment share dictionaries, so most ask what another has asked.
///
/// One thread each.
public final class DictionaryMemo {
    struct Key: Hashable {
        let dictionary: ObjectIdentifier
        let expression: Expression
    }

    struct Mapping {
        /// For each code, 0 first, the code of the result.
        let codes: [UInt32]
        let dictionary: ValueDictionary
    }

    private var sets: [Key: CodeSet] = [:]
    private var mappings: [Key: Mapping] = [:]
    private var elements: [ObjectIdentifier: ElementCodes.Sets] = [:]
    // An identity stays one only while its object lives.
    private var kept: [ObjectIdentifier: ValueDictionary] = [:]
    private var byteCount = 0

    public init() {}

    func codes(
        of dictionary: ValueDictionary, _ condition: Expression,
        _ find: (ValueDictionary) throws -> CodeSet
    ) rethrows -> CodeSet {
        let key = Key(dictionary: ObjectIdentifier(dictionary), expression: condition)
        if let known = sets[key] { return known }
        let found = try find(dictionary)
        makeRoom(for: dictionary, bytes: found.byteCount)
        sets[key] = found
        return found
    }

    func mapping(
        of dictionary: ValueDictionary, _ expression: Expression,
        _ make: (ValueDictionary) throws -> Mapping
    ) rethrows -> Mapping {
        let key = Key(dictionary: ObjectIdentifier(dictionary), expression: expression)
        if let known = mappings[key] { return known }
        let made = try make(dictionary)
        makeRoom(
            for: dictionary, bytes: made.codes.count * 4 + made.dictionary.byteCount)
        mappings[key] = made
        return made
    }

    func elements(of dictionary: ValueDictionary) -> ElementCodes.Sets {
        if let known = elements[ObjectIdentifier(dictionary)] { return known }
        let made = ElementCodes.Sets(of: dictionary)
        makeRoom(for: dictionary, bytes: made.byteCount)
        elements[ObjectIdentifier(dictionary)] = made
        return made
    }

    /// Keeps the dictionary, and forgets everything first when that would be too much: a query over
    /// many segments must not hold the dictionaries of all.
    private func makeRoom(for dictionary: ValueDictionary, bytes: Int) {
        let isKnown = kept[ObjectIdentifier(dictionary)] != nil
        let added = bytes + (isKnown ? 0 : dictionary.byteCount)
        if byteCount + added > ComputeLimits.memoBytes {
            sets = [:]
            mappings = [:]
            elements = [:]
            kept = [:]
            byteCount = 0
        }
        byteCount += kept.isEmpty ? bytes + dictionary.byteCount : added
        kept[ObjectIdentifier(dictionary)] = dictionary
    }
}
