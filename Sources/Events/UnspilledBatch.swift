internal import Bytes

/// A batch whose spilled fields are columns again, made one at a time when they are asked for.
///
/// In memory a column takes room for every row, so rare fields spill; in a segment it does not, and
/// there each field that fits has a column of its own: a question about others costs the same however
/// many there are.
final class UnspilledBatch: EventSource {
    private let base: EventBatch
    // SENDABLE: the builders are changed by `init` only.
    private struct Restored: @unchecked Sendable {
        var places: [String: Int] = [:]
        var builders: [Builder] = []
    }
    private final class Builder {
        var column: ColumnBuilder
        init(_ name: String) { column = ColumnBuilder(name: name) }
    }
    private let restored: Restored
    /// The fields that stay spilled.
    private let spilled: Column?
    let fieldNames: [String]

    /// - Parameter names: the spilled fields that become columns.
    init(_ base: EventBatch, restoring names: Set<String>) {
        self.base = base
        var restored = Restored()
        var codes = DictionaryTable(expected: names.count)
        for var name in names.sorted() {
            name.withUTF8 { _ = codes.code(of: $0) }
            restored.places[name] = restored.builders.count
            restored.builders.append(Builder(name))
        }
        var left = ColumnBuilder(name: EventBatch.spillName)
        var kept = SpillWriter()
        base[EventBatch.spillName]?.forEachString { row, text in
            var reader = SpillReader(text)
            while let field = reader.next() {
                if let code = codes.existingCode(of: field.name) {
                    restored.builders[Int(code) - 1].column.append(field, row: row)
                } else if let value = Spill.value(letter: field.letter, text: field.text) {
                    kept.append(String(decoding: field.name, as: UTF8.self), value)
                }
            }
            if kept.fieldCount == 0 { return }
            kept.withText { left.append($0, row: row) }
            kept.removeAll()
        }
        self.restored = restored
        spilled = left.isEmpty ? nil : left.column(rows: base.rows)
        let own = base.names.filter { $0 != EventBatch.spillName && !names.contains($0) }
        fieldNames =
            own + names.sorted() + (left.isEmpty ? [] : [EventBatch.spillName])
    }

    var rows: Int { base.rows }
    var timeBounds: ClosedRange<Int64> { base.timeBounds }
    func loadTimestamps() throws -> [Int64] { base.timestamps }
    func loadReceived() throws -> [Int64] { base.received }
    func loadSampleRates() throws -> [UInt32]? { base.sampleRates }
    func loadDatasets() throws -> CodedLane { base.datasets }

    func loadColumn(_ name: String) throws -> Column? {
        if name == EventBatch.spillName { return spilled }
        guard let place = restored.places[name] else { return base[name] }
        let column = restored.builders[place].column.column(rows: rows)
        return base[name].map { column.filled(from: $0, name) } ?? column
    }

    func storedByteCount(ofColumn name: String) -> Int {
        base.storedByteCount(ofColumn: name)
    }
}

extension ColumnBuilder {
    /// The value of a spilled field; one that is not of the form is none.
    fileprivate mutating func append(_ field: SpillReader.Field, row: Int) {
        if field.letter == UInt8(ascii: "s") {
            append(field.text, row: row)
            return
        }
        switch Spill.value(letter: field.letter, text: field.text) {
        case .int(let value): append(value, row: row)
        case .float(let value): append(value, row: row)
        case .bool(let value): append(value, row: row)
        case .string, .missing, nil: break
        }
    }
}

extension Column {
    /// This column with the values of another in rows where it has none; for the few fields of which
    /// some rows spilled and others did not.
    fileprivate func filled(from other: Column, _ name: String) -> Column {
        var builder = ColumnBuilder(name: name)
        for row in 0..<rows {
            let own = value(at: row)
            switch own.isMissing ? other.value(at: row) : own {
            case .missing: break
            case .bool(let value): builder.append(value, row: row)
            case .int(let value): builder.append(value, row: row)
            case .float(let value): builder.append(value, row: row)
            case .string(var value): value.withUTF8 { _ = builder.append($0, row: row) }
            }
        }
        return builder.column(rows: rows)
    }

    /// Calls `body` with the bytes of each row's string, in row order.
    func forEachString(_ body: (Int, UnsafeBufferPointer<UInt8>) -> Void) {
        for row in 0..<rows {
            if let coded, coded.codes[row] != 0 {
                coded.dictionary.withString(at: Int(coded.codes[row]) - 1) { body(row, $0) }
            } else if let texts, texts.present?[row] ?? true {
                texts.text.withUnsafeBufferPointer { text in
                    let range = Int(texts.offsets[row])..<Int(texts.offsets[row + 1])
                    body(row, UnsafeBufferPointer(rebasing: text[range]))
                }
            }
        }
    }
}

extension Spill {
    /// The batches as what a segment is made of: every field that fits has a column of its own.
    ///
    /// A segment keeps at most `namesPerDataset` names as columns when some of its fields spilled,
    /// the most frequent of those.
    public static func unspill(_ batches: [EventBatch]) -> [any EventSource] {
        let batches = fit(batches)
        var rowsOfName: [String: Int] = [:]
        for batch in batches {
            batch[EventBatch.spillName]?.forEachString { _, text in
                var reader = SpillReader(text)
                while let field = reader.next() {
                    rowsOfName[String(decoding: field.name, as: UTF8.self), default: 0] += 1
                }
            }
        }
        // Fast path: hardly any events have fields without a column.
        if rowsOfName.isEmpty { return batches }
        let own = Set(batches.flatMap(\.names)).subtracting([EventBatch.spillName])
        let new = rowsOfName.filter { !own.contains($0.key) }
        let room = max(0, EventLimits.namesPerDataset - own.count)
        let names = Set(mostFrequent(new, room)).union(own.intersection(rowsOfName.keys))
        return batches.map { batch -> any EventSource in
            if batch[EventBatch.spillName] == nil { return batch }
            return UnspilledBatch(batch, restoring: names)
        }
    }
}
