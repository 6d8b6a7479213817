public import Bytes
public import Events

/// The sets of a column as codes of their elements, to group by each of them.
///
/// A row without elements has the one element 0, which is none.
public struct ElementCodes {
    /// What a dictionary's entries are as sets.
    final class Sets {
        let dictionary: ValueDictionary
        /// For each code of the entries, 0 first, where its elements begin in `members`; one more at
        /// the end.
        let starts: [Int]
        /// Codes of `dictionary`.
        let members: [UInt32]

        init(of entries: ValueDictionary) {
            let elements = DictionaryBuilder()
            var starts = [0]
            var members: [UInt32] = [0]
            starts.append(1)
            for index in 0..<entries.count {
                let value = entries[index]
                let codes = (ArrayElements.elements(of: value) ?? [value]).map {
                    elements.code(of: $0)
                }
                members += codes.isEmpty ? [0] : codes
                starts.append(members.count)
            }
            dictionary = elements.dictionary()
            self.starts = starts
            self.members = members
        }

        var byteCount: Int { starts.count * 8 + members.count * 4 + dictionary.byteCount }
    }

    private let sets: Sets
    private let codes: CodeArray

    init(_ sets: Sets, _ codes: CodeArray) {
        self.sets = sets
        self.codes = codes
    }

    public var dictionary: ValueDictionary { sets.dictionary }

    /// The elements of the row that has most, of some rows; nil there means all.
    public func most(in rows: Bitmap?) -> Int {
        var most = 1
        forEach(rows) { _, start, end in most = max(most, end - start) }
        return most
    }

    /// One element of each row, and the rows that have so many.
    ///
    /// - Parameters:
    ///   - place: from 0; every row has an element 0.
    ///   - rows: which are asked for; nil for all.
    public func elements(at place: Int, in rows: Bitmap?) -> (codes: CodeArray, rows: Bitmap?) {
        var found = [UInt32](repeating: 0, count: codes.count)
        var having = place == 0 ? nil : Bitmap(count: codes.count)
        forEach(rows) { row, start, end in
            if place < end - start {
                found[row] = sets.members[start + place]
                having?[row] = true
            }
        }
        return (CodeArray(found, highest: UInt32(sets.dictionary.count)), having ?? rows)
    }

    private func forEach(_ rows: Bitmap?, _ body: (_ row: Int, _ start: Int, _ end: Int) -> Void) {
        func visit(_ row: Int) {
            let code = Int(codes[row])
            body(row, sets.starts[code], sets.starts[code + 1])
        }
        if let rows { rows.forEachRow(visit) } else { (0..<codes.count).forEach(visit) }
    }
}
