internal import Synchronization

/// Remembers what became of a dictionary with others, for as long as the dictionary lives.
///
/// The dictionaries of segments are the same for every question, and to unite those of six segments
/// with 80,000 users each took most of a question that counts users. It takes about as much memory as
/// the dictionaries themselves.
final class DictionaryUnionMemory: Sendable {
    private struct Member {
        // An identity stays one only while its object lives.
        weak var dictionary: ValueDictionary?
    }

    private struct Union {
        let members: [Member]
        let union: ValueDictionary
        let maps: [[UInt32]]
    }

    /// Entries of a dictionary below which it is quicker to unite it again.
    static let entriesMin = 1024

    private let last = Mutex<Union?>(nil)

    func union(
        of dictionaries: [ValueDictionary]
    ) -> (union: ValueDictionary, maps: [[UInt32]])? {
        last.withLock { last in
            guard let last, last.members.count == dictionaries.count,
                zip(last.members, dictionaries).allSatisfy({ $0.dictionary === $1 })
            else { return nil }
            return (last.union, last.maps)
        }
    }

    func remember(
        _ union: ValueDictionary, _ maps: [[UInt32]], of dictionaries: [ValueDictionary]
    ) {
        let made = Union(
            members: dictionaries.map { Member(dictionary: $0) }, union: union, maps: maps)
        last.withLock { $0 = made }
    }
}
