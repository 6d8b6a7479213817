internal import Bytes
public import Events

/// A column as codes to group by, whatever lanes it has; 0 for missing.
public struct GroupCodes {
    public let dictionary: ValueDictionary
    public let codes: CodeArray

    /// Fast path: a column of codes is what it is.
    ///
    /// Others get a dictionary of their own.
    public init(_ column: Column?, rows: Int) {
        guard let column else {
            dictionary = .empty
            codes = .bytes([UInt8](repeating: 0, count: rows))
            return
        }
        if let lane = column.coded, column.ints == nil, column.floats == nil, column.texts == nil {
            dictionary = lane.dictionary
            codes = lane.codes
            return
        }
        let builder = DictionaryBuilder(expected: 4096)
        var codes = [UInt32](repeating: 0, count: rows)
        if let lane = column.coded {
            let map = builder.codes(ofEntriesIn: lane.dictionary)
            for row in 0..<rows { codes[row] = map[Int(lane.codes[row])] }
        }
        column.ints?.forEach { row, number in
            codes[row] = builder.code(of: number)
            return true
        }
        column.floats?.forEach { row, number in
            codes[row] = builder.code(of: number)
            return true
        }
        if let lane = column.texts {
            lane.text.withUnsafeBufferPointer { text in
                for row in 0..<rows where lane.present?[row] ?? true {
                    let range = Int(lane.offsets[row])..<Int(lane.offsets[row + 1])
                    codes[row] = builder.code(of: UnsafeBufferPointer(rebasing: text[range]))
                }
            }
        }
        dictionary = builder.dictionary()
        self.codes = CodeArray(codes, highest: UInt32(builder.count))
    }
}
