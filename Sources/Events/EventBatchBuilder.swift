internal import Bytes

/// A value whose column is known: a string or a boolean by the code that the builder gave for it in
/// the same batch, or an integer of 32 bits.
public struct KnownField: BitwiseCopyable {
    /// A code, or the pattern of an integer.
    private let bits: UInt32
    /// The column, and whether it gets an integer, in the lowest bit.
    private let place: UInt32

    public init(column: Int, code: UInt32) {
        bits = code
        place = UInt32(truncatingIfNeeded: column) << 1
    }

    /// nil for an integer of more than 32 bits.
    public init?(column: Int, integer: Int64) {
        guard let short = Int32(exactly: integer) else { return nil }
        bits = UInt32(bitPattern: short)
        place = UInt32(truncatingIfNeeded: column) << 1 | 1
    }

    public var column: Int { Int(place >> 1) }
    public var isInteger: Bool { place & 1 != 0 }
    public var code: UInt32 { bits }
    public var integer: Int64 { Int64(Int32(bitPattern: bits)) }
}

/// Builds one batch event by event; the only way from decoded bytes into the house.
///
/// Protocol: `append` the fields of an event in any order, then `finishEvent` or `dropEvent`; after
/// the last event `finish`. The builder then begins anew and keeps its memory, so a worker uses one
/// for all its requests. Not thread-safe.
public final class EventBatchBuilder {
    // Behind a pointer, so that a call costs no check of exclusive access.
    private let batch: UnsafeMutablePointer<BatchUnderWay>

    public init() {
        batch = .allocate(capacity: 1)
        batch.initialize(to: BatchUnderWay())
    }

    deinit {
        batch.deinitialize(count: 1)
        batch.deallocate()
    }

    /// Events finished so far.
    public var rows: Int { batch.pointee.rows }
    public var isFull: Bool { rows == EventLimits.rowsPerBatch }
    /// Distinct fields of the event under way.
    public var fieldCount: Int { batch.pointee.fieldCount }
    /// Columns made so far; they are numbered from 0 and keep their number until `forgetNames`.
    public var columnCount: Int { batch.pointee.columnCount }
    /// Columns with values in this batch; about, for those of dropped events count too.
    public var columnsInUse: Int { batch.pointee.columnsInUse }

    /// The column of a field name, made when it is new; nil when the batch has no room for more
    /// names, and the field goes to `spill`.
    ///
    /// The name must be UTF-8 of at most `nameBytes` bytes.
    public func column(named name: UnsafeBufferPointer<UInt8>) -> Int? {
        batch.pointee.column(named: name)
    }

    /// The column of a field name; nil when there is none.
    public func existingColumn(named name: UnsafeBufferPointer<UInt8>) -> Int? {
        batch.pointee.existingColumn(named: name)
    }

    // MARK: - Fields of the event under way

    /// A string of UTF-8, at most `EventLimits.stringBytes` long; gives its code, 0 in a column that
    /// keeps its strings without looking them up.
    @discardableResult
    public func append(_ text: UnsafeBufferPointer<UInt8>, to column: Int) -> UInt32 {
        batch.pointee.append(SoughtValue(text), to: column)
    }

    /// As `append` of its bytes.
    public func append(_ text: SoughtValue, to column: Int) -> UInt32 {
        batch.pointee.append(text, to: column)
    }

    /// Gives the value's code.
    @discardableResult
    public func append(_ value: Bool, to column: Int) -> UInt32 {
        batch.pointee.append(value, to: column)
    }

    public func append(_ value: Int64, to column: Int) { batch.pointee.append(value, to: column) }

    /// Any float: −0 is kept as 0, what is not finite as its name.
    public func append(_ value: Double, to column: Int) {
        guard value.isFinite else {
            append(FieldValue(number: value), to: column)
            return
        }
        batch.pointee.append(value == 0 ? 0 : value, to: column)
    }

    /// One value of any type; `missing` leaves the field out.
    public func append(_ value: FieldValue, to column: Int) {
        switch value {
        case .missing: break
        case .bool(let value): append(value, to: column)
        case .int(let value): append(value, to: column)
        case .float(let value): append(value, to: column)
        case .string(var value): value.withUTF8 { _ = append($0, to: column) }
        }
    }

    /// Changes when codes that were given before hold no longer: the batch is ended, or a column keeps
    /// its strings without a dictionary from now on.
    public var codeGeneration: Int { batch.pointee.codeGeneration }

    /// The code by which `append` takes a string of the column, for strings that many events have;
    /// nil in a column that keeps its strings without looking them up.
    public func code(of text: UnsafeBufferPointer<UInt8>, in column: Int) -> UInt32? {
        batch.pointee.code(of: text, in: column)
    }

    /// Values by their codes, and integers.
    public func append(_ fields: UnsafeBufferPointer<KnownField>) { batch.pointee.append(fields) }

    /// Whether the event under way has a value in the column.
    public func hasValue(in column: Int) -> Bool { batch.pointee.hasValue(in: column) }

    /// Takes back the column's value of the event under way, if it has one.
    public func removeValue(of column: Int) { batch.pointee.removeValue(of: column) }

    /// Keeps a field for which the batch has no column.
    public func spill(_ name: UnsafeBufferPointer<UInt8>, _ value: FieldValue) {
        batch.pointee.spill(name, value)
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
    public func datasetCode(_ name: String) -> UInt32 { batch.pointee.datasetCode(name) }

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
        batch.pointee.finishEvent(
            timestamp: timestamp, received: arrival, sampleRate: max(1, sampleRate),
            dataset: dataset)
    }

    /// Takes back every field of the event under way.
    public func dropEvent() { batch.pointee.dropEvent() }

    /// Takes back row `row`, all later ones, and the event under way.
    public func removeRows(from row: Int) { batch.pointee.removeRows(from: row) }

    /// The batch of all finished events; the builder is empty afterwards.
    public func finish() -> EventBatch {
        var spareCells = EventLimits.spareCells
        return finish(spareCells: &spareCells)
    }

    /// One of several batches of a body.
    ///
    /// - Parameter spareCells: how many cells the batch may have beyond
    ///   `EventLimits.cellsPerValue` for each value; what it uses is taken off.
    public func finish(spareCells: inout Int) -> EventBatch {
        batch.pointee.take(rows, spareCells: &spareCells)
    }

    /// The batch of the first `rows` events; the others are those of the next one.
    public func take(_ rows: Int) -> EventBatch {
        precondition(rows <= self.rows, "BUG: more events taken than there are")
        var spareCells = EventLimits.spareCells
        return batch.pointee.take(rows, spareCells: &spareCells)
    }

    /// The bytes of a batch of the events from number `first` on, as `EventBatch.encoded()` gives
    /// them; the events stay.
    ///
    /// Takes a small part of the time it takes to make the batch and encode that.
    public func encoded(from first: Int) -> [UInt8] { batch.pointee.encoded(from: first) }

    /// Forgets the events; columns keep their numbers and their memory.
    public func removeAll() { batch.pointee.removeAll() }

    /// Forgets the columns too, as when a stream of other shape begins.
    public func forgetNames() { batch.pointee.forgetNames() }
}
