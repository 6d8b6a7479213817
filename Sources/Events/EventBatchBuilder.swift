internal import Bytes

/// Builds one batch event by event; the only way from decoded bytes into the house.
///
/// Protocol: `append` the fields of an event in any order, then `finishEvent` or `dropEvent`; after
/// the last event `finish`. The builder then begins anew and keeps its memory, so a worker uses one
/// for all its requests. Not thread-safe.
public final class EventBatchBuilder {
    private let names = DictionaryBuilder(expected: 256)
    private let datasets = DictionaryBuilder()
    private var owners: [ColumnBuilder] = []
    // `owners` keeps them alive; this lane is read once a value and must not count references.
    private var builders = GrowingBuffer<Unmanaged<ColumnBuilder>>(capacity: 256)
    private var touched = GrowingBuffer<UInt32>(capacity: 256)
    /// Columns that may hold values of this batch; the others are of earlier ones.
    private var inUse = GrowingBuffer<UInt32>(capacity: 256)
    private var timestamps = GrowingBuffer<Int64>(capacity: 1024)
    private var received = GrowingBuffer<Int64>(capacity: 1024)
    private var sampleRates = GrowingBuffer<UInt32>(capacity: 1024)
    private var datasetCodes = GrowingBuffer<UInt32>(capacity: 1024)
    private var isSampled = false
    private var spill = SpillWriter()

    public init() {}

    /// Events finished so far.
    public var rows: Int { timestamps.count }
    public var isFull: Bool { rows == EventLimits.rowsPerBatch }
    /// Distinct fields of the event under way.
    public var fieldCount: Int { touched.count + spill.fieldCount }
    /// Columns made so far; they are numbered from 0 and keep their number until `forgetNames`.
    public var columnCount: Int { owners.count }
    /// Columns with values in this batch; about, for those of dropped events count too.
    public var columnsInUse: Int { inUse.count }

    /// The column of a field name, made when it is new; nil when the batch has no room for more
    /// names, and the field goes to `spill`.
    ///
    /// The name must be UTF-8 of at most `nameBytes` bytes.
    public func column(named name: UnsafeBufferPointer<UInt8>) -> Int? {
        if owners.count >= EventLimits.namesPerDataset {
            // Only names already there; the table must not grow with names that are spilled.
            return names.existingCode(of: name).map { Int($0) - 1 }
        }
        let code = Int(names.code(of: name))
        if code > owners.count {
            let owner = ColumnBuilder(name: String(decoding: name, as: UTF8.self))
            owners.append(owner)
            builders.append(.passUnretained(owner))
        }
        return code - 1
    }

    // MARK: - Fields of the event under way

    @inline(__always)
    private func touch(_ column: Int, _ body: (ColumnBuilder) -> Void) {
        builders[column]._withUnsafeGuaranteedRef { builder in
            if builder.lastRow != rows { note(builder, UInt32(truncatingIfNeeded: column)) }
            body(builder)
        }
    }

    @inline(__always)
    private func note(_ builder: ColumnBuilder, _ column: UInt32) {
        touched.append(column)
        if !builder.isInUse {
            builder.isInUse = true
            inUse.append(column)
        }
    }

    /// A string of UTF-8, at most `EventLimits.stringBytes` long.
    public func append(_ text: UnsafeBufferPointer<UInt8>, to column: Int) {
        touch(column) { $0.append(text, row: rows) }
    }

    public func append(_ value: Bool, to column: Int) {
        touch(column) { $0.append(value, row: rows) }
    }

    public func append(_ value: Int64, to column: Int) {
        touch(column) { $0.append(value, row: rows) }
    }

    /// Any float: −0 is kept as 0, what is not finite as its name.
    public func append(_ value: Double, to column: Int) {
        guard value.isFinite else {
            append(FieldValue(number: value), to: column)
            return
        }
        touch(column) { $0.append(value == 0 ? 0 : value, row: rows) }
    }

    /// One value of any type; `missing` leaves the field out.
    public func append(_ value: FieldValue, to column: Int) {
        switch value {
        case .missing: break
        case .bool(let value): append(value, to: column)
        case .int(let value): append(value, to: column)
        case .float(let value): append(value, to: column)
        case .string(var value): value.withUTF8 { append($0, to: column) }
        }
    }

    /// Takes back the column's value of the event under way, if it has one.
    public func removeValue(of column: Int) {
        let owner = owners[column]
        if owner.lastRow == rows { owner.removeLast() }
    }

    /// Keeps a field for which the batch has no column.
    public func spill(_ name: UnsafeBufferPointer<UInt8>, _ value: FieldValue) {
        spill.append(String(decoding: name, as: UTF8.self), value)
    }

    /// One value of any type under any name, to its column or to the spill.
    public func append(_ value: FieldValue, named name: String) {
        var name = name
        name.withUTF8 { bytes in
            if let column = column(named: bytes) {
                append(value, to: column)
            } else {
                spill(bytes, value)
            }
        }
    }

    // MARK: - Ends

    /// The code by which `finishEvent` names a dataset.
    public func datasetCode(_ name: String) -> UInt32 {
        var name = name
        return name.withUTF8 { datasets.code(of: $0) }
    }

    /// Keeps the event under way.
    ///
    /// - Parameters:
    ///   - timestamp: the event's own time, nanoseconds since 1970.
    ///   - received: when it arrived, nanoseconds since 1970.
    ///   - sampleRate: how many events it stands for; 0 counts as 1.
    public func finishEvent(
        timestamp: Int64, received arrival: Int64, sampleRate: UInt32, dataset: UInt32
    ) {
        precondition(!isFull, "BUG: more events than a batch holds")
        if spill.fieldCount > 0, let column = spillColumn() {
            spill.withText { append($0, to: column) }
        }
        spill.removeAll()
        touched.removeAll()
        let rate = max(1, sampleRate)
        isSampled = isSampled || rate != 1
        received.append(arrival)
        sampleRates.append(rate)
        datasetCodes.append(dataset)
        timestamps.append(timestamp)
    }

    /// Takes back every field of the event under way.
    public func dropEvent() {
        for index in 0..<touched.count {
            owners[Int(touched[index])].removeLast()
        }
        touched.removeAll()
        spill.removeAll()
    }

    /// The batch of all finished events; the builder is empty afterwards.
    public func finish() -> EventBatch {
        dropEvent()
        let batch = EventBatch(
            timestamps: timestamps.array(), received: received.array(),
            sampleRates: isSampled ? sampleRates.array() : nil,
            datasets: CodedLane(
                dictionary: datasets.dictionary(),
                codes: CodeArray(datasetCodes.array(), highest: UInt32(datasets.count))),
            columns: columns())
        removeAll()
        return batch
    }

    private func columns() -> [(name: String, column: Column)] {
        var columns: [(name: String, column: Column)] = []
        columns.reserveCapacity(inUse.count)
        for index in 0..<inUse.count {
            let owner = owners[Int(inUse[index])]
            if !owner.isEmpty { columns.append((owner.name, owner.column(rows: rows))) }
        }
        return columns
    }

    /// Forgets the events; columns keep their numbers and their memory.
    public func removeAll() {
        for index in 0..<inUse.count { owners[Int(inUse[index])].removeAll() }
        inUse.removeAll()
        datasets.removeAll()
        timestamps.removeAll()
        received.removeAll()
        sampleRates.removeAll()
        datasetCodes.removeAll()
        touched.removeAll()
        spill.removeAll()
        isSampled = false
    }

    /// Forgets the columns too, as when a stream of other shape begins.
    public func forgetNames() {
        removeAll()
        names.removeAll()
        builders.removeAll()
        owners.removeAll()
    }

    private func spillColumn() -> Int? {
        if let index = owners.firstIndex(where: { $0.name == EventBatch.spillName }) {
            return index
        }
        let owner = ColumnBuilder(name: EventBatch.spillName)
        owners.append(owner)
        builders.append(.passUnretained(owner))
        // The name's code must be the column's number plus one, as for every other column.
        var name = EventBatch.spillName
        let code = name.withUTF8 { names.code(of: $0) }
        precondition(Int(code) == owners.count, "BUG: the spill column has a name of its own")
        return owners.count - 1
    }
}
