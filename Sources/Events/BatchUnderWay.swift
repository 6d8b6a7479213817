internal import Bytes

/// What an `EventBatchBuilder` holds: columns of all batches it has built, events of this one.
///
/// A struct without reference counts and without checks of exclusive access, because every value of
/// every event goes through it.
struct BatchUnderWay: ~Copyable {
    private var names = DictionaryTable(expected: 256)
    private(set) var datasets = DictionaryTable(expected: 8)
    private(set) var columns: UnsafeMutablePointer<ColumnBuilder>
    private var columnCapacity = 128
    private(set) var columnCount = 0
    /// Columns with a value of the event under way; one that was taken back still counts.
    private var columnsOfEvent = 0
    /// Columns that may hold values of this batch; the others are of earlier ones.
    private(set) var inUse = GrowingBuffer<UInt32>(capacity: 256)
    private(set) var timestamps = GrowingBuffer<Int64>(capacity: 1024)
    private(set) var received = GrowingBuffer<Int64>(capacity: 1024)
    private(set) var sampleRates = GrowingBuffer<UInt32>(capacity: 1024)
    private(set) var datasetCodes = GrowingBuffer<UInt32>(capacity: 1024)
    private(set) var isSampled = false
    /// As `EventBatchBuilder` has it.
    var codeGeneration = 0
    private var spill = SpillWriter()
    /// Empty but while rows are encoded; keeps its memory.
    var renumbering = CodeRenumbering()

    init() { columns = BatchUnderWay.allocateColumns(columnCapacity) }

    deinit {
        columns.deinitialize(count: columnCount)
        columns.deallocate()
    }

    var rows: Int { timestamps.count }
    var fieldCount: Int { columnsOfEvent + spill.fieldCount }
    var columnsInUse: Int { inUse.count }

    // MARK: - Columns

    mutating func column(named name: UnsafeBufferPointer<UInt8>) -> Int? {
        if columnCount >= EventLimits.namesPerDataset {
            // Only names already there; the table must not grow with names that are spilled.
            return existingColumn(named: name)
        }
        let code = Int(names.code(of: name))
        if code > columnCount { addColumn(String(decoding: name, as: UTF8.self)) }
        return code - 1
    }

    func existingColumn(named name: UnsafeBufferPointer<UInt8>) -> Int? {
        names.existingCode(of: name).map { Int($0) - 1 }
    }

    private mutating func addColumn(_ name: String) {
        if columnCount == columnCapacity {
            let wider = BatchUnderWay.allocateColumns(columnCapacity * 2)
            wider.moveInitialize(from: columns, count: columnCount)
            columns.deallocate()
            columns = wider
            columnCapacity *= 2
        }
        (columns + columnCount).initialize(to: ColumnBuilder(name: name))
        columnCount += 1
    }

    /// Room for columns that begin with a cache line each: a string touches one line of its column
    /// instead of two, which is a fiftieth of the time of decoding.
    private static func allocateColumns(_ count: Int) -> UnsafeMutablePointer<ColumnBuilder> {
        let stride = MemoryLayout<ColumnBuilder>.stride
        precondition(stride % 64 == 0, "BUG: a column that does not fill its cache lines")
        return UnsafeMutableRawPointer.allocate(byteCount: count * stride, alignment: 64)
            .bindMemory(to: ColumnBuilder.self, capacity: count)
    }

    private mutating func spillColumn() -> Int {
        var name = EventBatch.spillName
        let code = Int(name.withUTF8 { names.code(of: $0) })
        if code > columnCount { addColumn(EventBatch.spillName) }
        precondition(code <= columnCount, "BUG: a name without a column")
        return code - 1
    }

    // MARK: - Fields of the event under way

    @inline(__always)
    mutating func append(_ text: SoughtValue, to column: Int) -> UInt32 {
        note(column)
        return columns[column].append(text, row: rows)
    }

    @inline(__always)
    mutating func append(_ value: Bool, to column: Int) -> UInt32 {
        note(column)
        return columns[column].append(value, row: rows)
    }

    @inline(__always)
    mutating func append(_ value: Int64, to column: Int) {
        note(column)
        columns[column].append(value, row: rows)
    }

    @inline(__always)
    mutating func append(_ value: Double, to column: Int) {
        note(column)
        columns[column].append(value, row: rows)
    }

    /// Makes way for a value: a second one of a field of one event replaces the first.
    @inline(__always)
    private mutating func note(_ column: Int) {
        precondition(column >= 0 && column < columnCount, "BUG: a column that was never made")
        let last = columns[column].lastRow
        if last == rows {
            columns[column].removeLast()
        } else {
            columnsOfEvent &+= 1
            if last < 0 { use(column) }
        }
    }

    private mutating func use(_ column: Int) {
        if columns[column].isInUse { return }
        columns[column].isInUse = true
        inUse.append(UInt32(truncatingIfNeeded: column))
    }

    mutating func code(of text: UnsafeBufferPointer<UInt8>, in column: Int) -> UInt32? {
        precondition(column >= 0 && column < columnCount, "BUG: a column that was never made")
        return columns[column].code(of: text)
    }

    mutating func append(_ fields: UnsafeBufferPointer<KnownField>) {
        let row = rows
        for field in fields {
            let column = field.column
            note(column)
            if field.isInteger {
                columns[column].append(field.integer, row: row)
            } else {
                columns[column].append(code: field.code, row: row)
            }
        }
    }

    func hasValue(in column: Int) -> Bool { columns[column].lastRow == rows }

    mutating func removeValue(of column: Int) {
        if columns[column].lastRow == rows { columns[column].removeLast() }
    }

    mutating func spill(_ name: UnsafeBufferPointer<UInt8>, _ value: FieldValue) {
        spill.append(String(decoding: name, as: UTF8.self), value)
    }

    // MARK: - Ends

    mutating func datasetCode(_ name: String) -> UInt32 {
        var name = name
        return name.withUTF8 { datasets.code(of: $0) }
    }

    mutating func finishEvent(
        timestamp: Int64, received arrival: Int64, sampleRate: UInt32, dataset: UInt32
    ) {
        if spill.fieldCount > 0 {
            let column = spillColumn()
            note(column)
            let row = rows
            let builder = columns + column
            spill.withText { _ = builder.pointee.append($0, row: row) }
            spill.removeAll()
        }
        columnsOfEvent = 0
        isSampled = isSampled || sampleRate != 1
        received.append(arrival)
        sampleRates.append(sampleRate)
        datasetCodes.append(dataset)
        timestamps.append(timestamp)
    }

    mutating func dropEvent() {
        for index in 0..<(columnsOfEvent > 0 ? inUse.count : 0) {
            removeValue(of: Int(inUse[index]))
        }
        columnsOfEvent = 0
        spill.removeAll()
    }

    /// Takes back row `row`, all later ones, and the event under way.
    mutating func removeRows(from row: Int) {
        if row == 0 { return removeAll() }
        dropEvent()
        for index in 0..<inUse.count { columns[Int(inUse[index])].removeRows(from: row) }
        timestamps.truncate(to: row)
        received.truncate(to: row)
        sampleRates.truncate(to: row)
        datasetCodes.truncate(to: row)
    }

    /// The batch of the first `rows` rows; those behind them are numbered from 0 from then on.
    mutating func take(_ rows: Int, spareCells: inout Int) -> EventBatch {
        dropEvent()
        let batch = EventBatch(
            timestamps: timestamps.array(first: rows), received: received.array(first: rows),
            sampleRates: isSampled ? sampleRates.array(first: rows) : nil,
            datasets: CodedLane(
                dictionary: datasets.dictionary(),
                codes: CodeArray(datasetCodes.array(first: rows), highest: UInt32(datasets.count))),
            columns: finishedColumns(rows))
        let kept = columnsThatFit(rows, &spareCells)
        removeRows(below: rows)
        return kept.map { Spill.spill(batch, keeping: $0) } ?? batch
    }

    private mutating func removeRows(below row: Int) {
        if row == rows { return removeAll() }
        codeGeneration += 1
        var used = GrowingBuffer<UInt32>(capacity: 256)
        swap(&used, &inUse)
        for index in 0..<used.count {
            let column = columns + Int(used[index])
            column.pointee.removeRows(below: row)
            if column.pointee.isInUse { inUse.append(used[index]) }
        }
        timestamps.removeFirst(row)
        received.removeFirst(row)
        sampleRates.removeFirst(row)
        datasetCodes.removeFirst(row)
    }

    /// The names of the fullest columns, when all together would take memory out of proportion to
    /// their values; nil when they may stay.
    private func columnsThatFit(_ rows: Int, _ spareCells: inout Int) -> Set<String>? {
        let used = (0..<inUse.count).map { columns + Int(inUse[$0]) }
        let values = used.reduce(0) { $0 + $1.pointee.valueCount }
        let earned = values * EventLimits.cellsPerValue
        let beyond = max(0, rows * used.count - earned)
        let cellsMax = earned + spareCells
        spareCells = max(0, spareCells - beyond)
        guard rows * used.count > cellsMax else { return nil }
        let fullest = used.sorted { $0.pointee.valueCount > $1.pointee.valueCount }
        // The spill column is no field's own: its rows are merged with what spills now.
        return Set(fullest.prefix(cellsMax / rows).map { $0.pointee.name })
            .subtracting([EventBatch.spillName])
    }

    private func finishedColumns(_ rows: Int) -> [(name: String, column: Column)] {
        var finished: [(name: String, column: Column)] = []
        finished.reserveCapacity(inUse.count)
        for index in 0..<inUse.count {
            let column = columns + Int(inUse[index])
            let counts = column.pointee.counts(below: rows)
            if counts.sum == 0 { continue }
            finished.append((column.pointee.name, column.pointee.column(rows: rows, counts)))
        }
        return finished
    }

    mutating func removeAll() {
        codeGeneration += 1
        for index in 0..<inUse.count { columns[Int(inUse[index])].removeAll() }
        inUse.removeAll()
        datasets.removeAll()
        timestamps.removeAll()
        received.removeAll()
        sampleRates.removeAll()
        datasetCodes.removeAll()
        columnsOfEvent = 0
        spill.removeAll()
        isSampled = false
    }

    mutating func forgetNames() {
        removeAll()
        names.removeAll()
        columns.deinitialize(count: columnCount)
        columnCount = 0
    }
}
