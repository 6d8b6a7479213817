public import Bytes
internal import CKernels

/// One field of a batch: a lane for each way its values are kept.
///
/// A row has its value in at most one lane; a row in no lane has no such field. Immutable, hence
/// shared freely between threads.
public final class Column: Sendable {
    public let rows: Int
    /// Strings, booleans, and numbers that repeat, as codes of a dictionary.
    public let coded: CodedLane?
    public let ints: NumberLane<Int64>?
    /// Finite, never −0.
    public let floats: NumberLane<Double>?
    /// Strings that hardly repeat.
    public let texts: TextLane?

    public init(
        rows: Int, coded: CodedLane? = nil, ints: NumberLane<Int64>? = nil,
        floats: NumberLane<Double>? = nil, texts: TextLane? = nil
    ) {
        self.rows = rows
        self.coded = coded
        self.ints = ints
        self.floats = floats
        self.texts = texts
    }

    /// The value of one row; for rows that are shown, not for scans.
    public func value(at row: Int) -> FieldValue {
        if let coded {
            let code = coded.codes[row]
            if code != 0 { return coded.dictionary.value(ofCode: code) }
        }
        if let number = ints?[row] { return .int(number) }
        if let number = floats?[row] { return .float(number) }
        if let texts, let text = texts[row] { return .string(text) }
        return .missing
    }

    /// The values of some rows, one a row; empty when none of them has any.
    ///
    /// Events that are shown have few of the fields there are: of the others no value is made.
    public func values(at rows: [Int]) -> [FieldValue] {
        let isMet =
            coded?.codes.isMet(at: rows) == true
            || rows.contains {
                ints?.holds($0) == true || floats?.holds($0) == true || texts?.holds($0) == true
            }
        return isMet ? rows.map { value(at: $0) } : []
    }

    /// The rows that have a value.
    public func presence() -> Bitmap {
        var result = coded?.presence() ?? Bitmap(count: rows)
        for lane in [ints?.presence(), floats?.presence(), texts?.presence()] {
            if let lane { result.formUnion(lane) }
        }
        return result
    }

    /// Bytes the column takes in memory, about; dictionaries included.
    public var byteCount: Int {
        (coded.map { $0.codes.count * $0.codes.width + $0.dictionary.byteCount } ?? 0)
            + (ints?.byteCount ?? 0) + (floats?.byteCount ?? 0)
            + (texts.map { $0.offsets.count * 4 + $0.text.count } ?? 0)
    }
}

/// Codes of a dictionary, `codes.count == rows`; 0 where the row has no value in this lane.
public struct CodedLane: Sendable {
    public let dictionary: ValueDictionary
    public let codes: CodeArray

    public init(dictionary: ValueDictionary, codes: CodeArray) {
        self.dictionary = dictionary
        self.codes = codes
    }

    public func presence() -> Bitmap {
        var result = Bitmap(count: codes.count)
        result.withMutableWords { words in
            guard let base = words.baseAddress else { return }
            switch codes {
            case .bytes(let codes): wf_nonzero8(codes, codes.count, base)
            case .words(let codes): wf_nonzero16(codes, codes.count, base)
            case .longs(let codes): wf_nonzero32(codes, codes.count, base)
            }
        }
        return result
    }
}

/// Strings one after the other: row r is `text[offsets[r] ..< offsets[r + 1]]`.
public struct TextLane: Sendable {
    /// `rows + 1` entries, ascending from 0; a row without a string is empty here.
    public let offsets: [UInt32]
    public let text: [UInt8]
    /// Which rows have a string; nil when all have.
    public let present: Bitmap?

    public init(offsets: [UInt32], text: [UInt8], present: Bitmap?) {
        precondition(
            offsets.first == 0 && offsets.last.map { Int($0) } == text.count,
            "BUG: text lane whose offsets do not cover its text")
        self.offsets = offsets
        self.text = text
        self.present = present
    }

    public var rows: Int { offsets.count - 1 }

    public func holds(_ row: Int) -> Bool { present.map { $0[row] } ?? true }

    public subscript(row: Int) -> String? {
        if !holds(row) { return nil }
        return String(
            decoding: text[Int(offsets[row])..<Int(offsets[row + 1])], as: UTF8.self)
    }

    public func presence() -> Bitmap { present ?? Bitmap(count: rows, repeating: true) }
}
