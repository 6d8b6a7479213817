public import Bytes

internal import Synchronization

/// Events as columns: the one shape of data between a decoder and an answer.
///
/// At most `EventLimits.rowsPerBatch` rows. The log stores batches, the head is a list of them, a
/// row group of a segment is scanned as one (`EventSource`). Immutable.
public final class EventBatch: Sendable {
    /// The events' own times, nanoseconds since 1970, one a row.
    public let timestamps: [Int64]
    /// When each event was received, nanoseconds since 1970.
    public let received: [Int64]
    /// How many events each one stands for, from 1; nil when each stands for itself.
    public let sampleRates: [UInt32]?
    /// The dataset of each row: strings only, no row without.
    public let datasets: CodedLane
    /// Field names, in the order in which they were first met.
    public let names: [String]
    /// The columns of `names`, in that order.
    let columns: [Column]
    /// Where each name stands in `names`; made when the first column is asked for by name, which most
    /// small batches of the head never see: they are merged before.
    private let places = Mutex<[String: Int]?>(nil)
    /// Made when the first question asks whether a field spilled.
    private let spilledNames = Mutex<SpilledNames?>(nil)
    public let timeBounds: ClosedRange<Int64>
    /// Bytes the batch takes in memory, about.
    public let byteCount: Int

    public init(
        timestamps: [Int64], received: [Int64], sampleRates: [UInt32]?, datasets: CodedLane,
        columns: [(name: String, column: Column)]
    ) {
        precondition(
            received.count == timestamps.count && datasets.codes.count == timestamps.count
                && columns.allSatisfy { $0.column.rows == timestamps.count },
            "BUG: a batch with columns of different lengths")
        self.timestamps = timestamps
        self.received = received
        self.sampleRates = sampleRates
        self.datasets = datasets
        names = columns.map(\.name)
        self.columns = columns.map(\.column)
        let (earliest, latest) = timestamps.bounds
        timeBounds = earliest...latest
        byteCount =
            timestamps.count * (16 + (sampleRates == nil ? 0 : 4) + datasets.codes.width)
            + columns.reduce(0) { $0 + $1.column.byteCount + 128 }
    }

    /// The column of fields that found no column of their own (`Spill`); no client can send a field
    /// of this name, for none may begin with NUL.
    public static let spillName = "\u{0}spill"

    public var rows: Int { timestamps.count }

    public subscript(name: String) -> Column? {
        let place = places.withLock { places in
            if places == nil {
                var made = [String: Int](minimumCapacity: names.count)
                for (place, name) in names.enumerated() {
                    let earlier = made.updateValue(place, forKey: name)
                    precondition(earlier == nil, "BUG: two columns of one name")
                }
                places = made
            }
            return places?[name]
        }
        return place.map { columns[$0] }
    }
}

/// What a scan reads: a batch of the head, or one row group of a segment.
///
/// Columns of a segment are read and decoded when they are asked for. All calls are safe from any
/// thread.
public protocol EventSource: AnyObject, Sendable {
    var rows: Int { get }
    /// The earliest and the latest timestamp.
    var timeBounds: ClosedRange<Int64> { get }
    func loadTimestamps() throws -> [Int64]
    func loadReceived() throws -> [Int64]
    /// Stretches of rows, in row order, within which times do not descend; together all rows, or
    /// none when nothing is known.
    var ascendingRuns: [Range<Int>] { get }
    /// nil when every event stands for itself.
    func loadSampleRates() throws -> [UInt32]?
    /// Every row has a dataset, unless `hasDeadRows`: then those of code 0 are no events any more.
    func loadDatasets() throws -> CodedLane
    var hasDeadRows: Bool { get }
    /// The field's values; nil when no row has it. The spill column is asked for by its own name.
    func loadColumn(_ name: String) throws -> Column?
    /// Whether any row may have spilled the field; false is a proof that none has.
    func mayHaveSpilled(_ name: String) throws -> Bool
    /// The rows whose value is a string, found at less than the cost of reading the column; nil when
    /// there is no such way. Spilled fields are not looked at.
    func rows(equalTo text: String, inColumn name: String) throws -> Bitmap?
    /// The rows that have a value of the field, told at less than the cost of reading the column; nil
    /// when there is no such way. Spilled fields are not looked at.
    func presence(ofColumn name: String) throws -> Bitmap?
    /// Whether any row may have a string; false is a proof that none has. Spilled fields are not
    /// looked at.
    func mayHold(_ text: String, inColumn name: String) throws -> Bool
    /// Says whose `values(ofColumn:at:)` will be asked for, so that they may be fetched meanwhile.
    func willRead(_ names: [String])
    /// The column's values of some rows, one a row, for events that are shown; empty when none of them
    /// has any.
    func values(ofColumn name: String, at rows: [Int]) throws -> [FieldValue]
    /// What is known of a column's values before it is read; nil when nothing is.
    func zone(ofColumn name: String) throws -> ColumnZone?
    /// Bytes that a column takes where it is kept, compressed or in memory; 0 when no row has it.
    func storedByteCount(ofColumn name: String) -> Int
    /// The names of all columns, the spill column among them.
    var fieldNames: [String] { get }
    /// What several sources with the same `fieldNames` belong to, as a segment; nil for none.
    var nameOwner: (any AnyObject & Sendable)? { get }
}

extension EventSource {
    public var nameOwner: (any AnyObject & Sendable)? { nil }
    public var hasDeadRows: Bool { false }
    public var ascendingRuns: [Range<Int>] { [] }
    public func zone(ofColumn name: String) throws -> ColumnZone? { nil }
    public func rows(equalTo text: String, inColumn name: String) throws -> Bitmap? { nil }
    public func presence(ofColumn name: String) throws -> Bitmap? { nil }

    public func mayHaveSpilled(_ name: String) throws -> Bool {
        try loadColumn(EventBatch.spillName) != nil
    }

    public func mayHold(_ text: String, inColumn name: String) throws -> Bool { true }

    public func willRead(_ names: [String]) {}

    public func values(ofColumn name: String, at rows: [Int]) throws -> [FieldValue] {
        try loadColumn(name)?.values(at: rows) ?? []
    }
}

extension EventBatch: EventSource {
    public func loadTimestamps() throws -> [Int64] { timestamps }
    public func loadReceived() throws -> [Int64] { received }
    public func loadSampleRates() throws -> [UInt32]? { sampleRates }
    public func loadDatasets() throws -> CodedLane { datasets }
    public func loadColumn(_ name: String) throws -> Column? { self[name] }
    public func storedByteCount(ofColumn name: String) -> Int { self[name]?.byteCount ?? 0 }

    public func mayHaveSpilled(_ name: String) -> Bool {
        guard let column = self[EventBatch.spillName] else { return false }
        return spilledNames.withLock { known in
            let names = known ?? SpilledNames(in: column)
            known = names
            return names.mayContain(name)
        }
    }

    public var fieldNames: [String] { names }
}
