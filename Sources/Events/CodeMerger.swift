extension CodedLane {
    /// Lanes with a value in every row, one after the other.
    init(merging parts: [(rows: Int, lane: CodedLane)], rows: Int) {
        let merger = CodeMerger(parts.map { ($0.rows, $0.lane) }, skipsStrings: false)
        self = merger.lane(rows: rows) ?? CodedLane(dictionary: .empty, codes: .bytes([]))
    }
}

/// Merges coded lanes: first the dictionaries, then, when the width of the codes is known, the codes.
final class CodeMerger {
    private let parts: [(rows: Int, lane: CodedLane?)]
    private let dictionary: DictionaryBuilder
    /// For each part with a lane the new code of each old one, 0 first; one after the other.
    private var map = GrowingBuffer<UInt32>(capacity: 256)
    private var few: FewIntegers?
    private var fewMap: [UInt32] = []

    /// Merges the dictionaries; strings are left out when they are kept elsewhere.
    init(_ parts: [(rows: Int, lane: CodedLane?)], skipsStrings: Bool) {
        self.parts = parts
        let most = parts.reduce(0) { max($0, $1.lane?.dictionary.count ?? 0) }
        dictionary = DictionaryBuilder(expected: most)
        for part in parts {
            guard let lane = part.lane else { continue }
            dictionary.appendCodes(
                ofEntriesIn: lane.dictionary, skippingStrings: skipsStrings, to: &map)
        }
    }

    /// Adds integers in rows that have no code.
    func overlay(_ integers: FewIntegers) {
        few = integers
        fewMap = [0] + integers.values.map { dictionary.code(of: $0) }
    }

    /// The merged lane; nil when no row has a value in it.
    func lane(rows: Int) -> CodedLane? {
        let count = dictionary.count
        if count == 0 { return nil }
        let codes: CodeArray =
            if count <= Int(UInt8.max) {
                .bytes(mapped(rows: rows))
            } else if count <= Int(UInt16.max) {
                .words(mapped(rows: rows))
            } else {
                .longs(mapped(rows: rows))
            }
        return CodedLane(dictionary: dictionary.dictionary(), codes: codes)
    }

    private func mapped<Code: FixedWidthInteger>(rows: Int) -> [Code] {
        [Code](unsafeUninitializedCapacity: rows) { result, initialized in
            guard var target = result.baseAddress else { return }
            var map = UnsafePointer(self.map.base)
            for part in parts {
                if let lane = part.lane {
                    switch lane.codes {
                    case .bytes(let codes): CodeMerger.map(codes, through: map, to: target)
                    case .words(let codes): CodeMerger.map(codes, through: map, to: target)
                    case .longs(let codes): CodeMerger.map(codes, through: map, to: target)
                    }
                    map += lane.dictionary.count + 1
                } else {
                    target.initialize(repeating: 0, count: part.rows)
                }
                target += part.rows
            }
            if let few {
                for row in 0..<rows where few.codes[row] != 0 {
                    result[row] = Code(truncatingIfNeeded: fewMap[Int(few.codes[row])])
                }
            }
            initialized = rows
        }
    }

    @inline(__always)
    private static func map<Old: FixedWidthInteger, New: FixedWidthInteger>(
        _ codes: [Old], through map: UnsafePointer<UInt32>, to target: UnsafeMutablePointer<New>
    ) {
        codes.withUnsafeBufferPointer { codes in
            for row in 0..<codes.count {
                target[row] = New(truncatingIfNeeded: map[Int(codes[row])])
            }
        }
    }
}

extension DictionaryBuilder {
    /// For each code of `other` (0 first) the code of the same value here; new values are added.
    public func codes(ofEntriesIn other: ValueDictionary) -> [UInt32] {
        var map = GrowingBuffer<UInt32>(capacity: other.count + 1)
        appendCodes(ofEntriesIn: other, skippingStrings: false, to: &map)
        return map.array()
    }

    /// Adds the values of `other` that are new.
    public func insert(entriesOf other: ValueDictionary) {
        var map = GrowingBuffer<UInt32>(capacity: other.count + 1)
        appendCodes(ofEntriesIn: other, skippingStrings: false, to: &map)
    }
}
