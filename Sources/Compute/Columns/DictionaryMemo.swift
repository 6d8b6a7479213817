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
    // An identity stays one only while its object lives.
    private var kept: [ValueDictionary] = []

    public init() {}

    func codes(
        of dictionary: ValueDictionary, _ condition: Expression,
        _ find: (ValueDictionary) -> CodeSet
    ) -> CodeSet {
        let key = Key(dictionary: ObjectIdentifier(dictionary), expression: condition)
        if let known = sets[key] { return known }
        let found = find(dictionary)
        sets[key] = found
        kept.append(dictionary)
        return found
    }

    func mapping(
        of dictionary: ValueDictionary, _ expression: Expression,
        _ make: (ValueDictionary) -> Mapping
    ) -> Mapping {
        let key = Key(dictionary: ObjectIdentifier(dictionary), expression: expression)
        if let known = mappings[key] { return known }
        let made = make(dictionary)
        mappings[key] = made
        kept.append(dictionary)
        return made
    }
}
