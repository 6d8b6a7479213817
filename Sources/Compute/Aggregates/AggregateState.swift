public import Events

/// One aggregate of a query over the cells of a group space: fed by batches, merged, then asked.
///
/// One thread each; partials of threads and of spaces are merged.
public protocol AggregateState: AnyObject {
    /// Makes room for cells 0 ..< `count`; new ones have seen nothing.
    func grow(toCells count: Int)
    /// Takes rows of a source.
    func update(_ rows: GroupedRows, _ input: AggregateInput) throws
    /// Puts what was taken in order, on the thread that took it, before states are merged.
    func settle()
    /// Makes an empty state ready for others of its kind, all of which are merged into it next.
    func prepare(toMerge others: [any AggregateState])
    /// Adds another state of the same kind: its cell i is this one's cell `map[i]`.
    ///
    /// - Parameter keepingOther: whether the other one is asked or merged again afterwards; if not,
    ///   its memory may become this one's.
    func merge(_ other: any AggregateState, _ map: CellMap, keepingOther: Bool)
    /// What the aggregate says of one cell.
    func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue
    /// What the aggregate says of many cells, when that is always a number that a double holds
    /// exactly; nil when it must be asked cell by cell.
    func exactNumbers(ofCells cells: [Int], _ reading: AggregateReading) -> [Double]?
    /// An empty state of the same kind.
    func makeEmpty() -> any AggregateState
    /// Bytes held, about.
    var byteCount: Int { get }
    /// Values that were of a type the aggregate does not take.
    var ignored: Int { get }
}

extension AggregateState {
    public func settle() {}
    public func prepare(toMerge others: [any AggregateState]) {}
    public func exactNumbers(ofCells cells: [Int], _ reading: AggregateReading) -> [Double]? { nil }
}

/// What is asked of a state: several answers can come from one, and then it is built once.
public enum AggregateReading: Hashable, Sendable {
    /// The only thing the state has to say.
    case plain
    case sum
    case average
    /// The value at this share (0…1) of the events.
    case quantile(Double)
    case histogram
    /// The same, where the numbers that were counted are places of bins.
    case binned(NumberBins)
}

/// What an aggregate says of a group.
public enum AggregateValue: Hashable, Sendable {
    case value(FieldValue)
    case histogram([HistogramBin])
    case exponential(ExponentialCounts)
}

/// How many events had a value from `low` up to, and not including, `high`; infinite where a bin has no
/// such end.
public struct HistogramBin: Hashable, Sendable {
    public let low: Double
    public let high: Double
    public let count: UInt64

    public init(low: Double, high: Double, count: UInt64) {
        self.low = low
        self.high = high
        self.count = count
    }
}

/// The argument of an aggregate over one source, in the shapes that aggregates ask for; each is made
/// once, however many aggregates share it.
public final class AggregateInput {
    public let column: Column?
    public let rows: Int
    /// The events' times, for aggregates that reckon with them.
    public let timestamps: [Int64]?
    private var numbersKnown: [Bool: NumberColumn] = [:]
    private var codesKnown: GroupCodes?

    public init(_ column: Column?, rows: Int, timestamps: [Int64]? = nil) {
        self.column = column
        self.rows = rows
        self.timestamps = timestamps
    }

    /// The numbers of the column; booleans as 0 and 1 when asked for.
    func numbers(includingBooleans: Bool) -> NumberColumn {
        if let known = numbersKnown[includingBooleans] { return known }
        let made = NumberColumn(column, rows: rows, includingBooleans: includingBooleans)
        numbersKnown[includingBooleans] = made
        return made
    }

    /// The column as codes.
    public var codes: GroupCodes {
        if let codesKnown { return codesKnown }
        let made = GroupCodes(column, rows: rows)
        codesKnown = made
        return made
    }
}

/// Combines each element of `other` into the one of `values` that `map` names.
///
/// Over plain arrays, not over an object's properties: those are checked for exclusive access at
/// every touch, which cost a third of a merge of 350,000 groups.
@inline(__always)
func merge<Value>(
    _ values: inout [Value], _ other: [Value], _ map: CellMap, _ combine: (Value, Value) -> Value
) {
    values.withUnsafeMutableBufferPointer { values in
        other.withUnsafeBufferPointer { other in
            switch map {
            case .same:
                for cell in 0..<other.count { values[cell] = combine(values[cell], other[cell]) }
            case .to(let targets):
                for cell in 0..<other.count where targets[cell] >= 0 {
                    values[targets[cell]] = combine(values[targets[cell]], other[cell])
                }
            }
        }
    }
}

/// Lengthens an array of one element a cell; new cells hold `value`.
@inline(__always)
func extend<Value>(_ values: inout [Value], toCells count: Int, with value: Value) {
    if values.count < count {
        values.append(contentsOf: repeatElement(value, count: count - values.count))
    }
}
