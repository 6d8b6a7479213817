/// Writes structs in Thrift's compact protocol: what Parquet's metadata need of it.
///
/// Fields must be written in ascending order of their numbers.
public struct CompactThriftWriter {
    private enum Kind: UInt8 {
        case yes = 1
        case no = 2
        case int32 = 5
        case int64 = 6
        case binary = 8
        case list = 9
        case structure = 12
    }

    private var writer = ByteWriter()
    private var lastField: Int16 = 0

    public init() {}

    public var bytes: [UInt8] { writer.bytes }

    public mutating func field(_ number: Int16, _ value: Bool) {
        header(number, value ? .yes : .no)
    }

    public mutating func field(_ number: Int16, _ value: Int32) {
        header(number, .int32)
        writer.writeSignedVarint(Int64(value))
    }

    public mutating func field(_ number: Int16, _ value: Int64) {
        header(number, .int64)
        writer.writeSignedVarint(value)
    }

    public mutating func field(_ number: Int16, _ text: String) {
        header(number, .binary)
        writer.writeString(text)
    }

    public mutating func field(_ number: Int16, _ values: [Int32]) {
        list(number, .int32, count: values.count)
        for value in values { writer.writeSignedVarint(Int64(value)) }
    }

    public mutating func field(_ number: Int16, _ texts: [String]) {
        list(number, .binary, count: texts.count)
        for text in texts { writer.writeString(text) }
    }

    /// A struct within the struct.
    public mutating func field(
        _ number: Int16, _ body: (inout CompactThriftWriter) -> Void
    ) {
        header(number, .structure)
        structure(body)
    }

    /// A list of structs, one for each of `elements`.
    public mutating func field<Element>(
        _ number: Int16, _ elements: [Element],
        _ body: (inout CompactThriftWriter, Element) -> Void
    ) {
        list(number, .structure, count: elements.count)
        for element in elements { structure { body(&$0, element) } }
    }

    /// Ends the outermost struct.
    public mutating func end() { writer.write(UInt8(0)) }

    private mutating func structure(_ body: (inout CompactThriftWriter) -> Void) {
        let outer = lastField
        lastField = 0
        body(&self)
        end()
        lastField = outer
    }

    private mutating func list(_ number: Int16, _ kind: Kind, count: Int) {
        header(number, .list)
        if count < 15 {
            writer.write(UInt8(count) << 4 | kind.rawValue)
        } else {
            writer.write(0xF0 | kind.rawValue)
            writer.writeVarint(count)
        }
    }

    private mutating func header(_ number: Int16, _ kind: Kind) {
        let step = number - lastField
        precondition(step > 0, "BUG: fields of a struct out of order")
        if step <= 15 {
            writer.write(UInt8(step) << 4 | kind.rawValue)
        } else {
            writer.write(kind.rawValue)
            writer.writeSignedVarint(Int64(number))
        }
        lastField = number
    }
}
