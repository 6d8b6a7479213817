internal import Bytes
internal import Events

/// A value of OTLP, as bytes that are not read further than they have to be.
enum AnyValue {
    case text(UnsafeBufferPointer<UInt8>)
    case bool(Bool)
    case int(Int64)
    case double(Double)
    /// An `ArrayValue`: any number of `AnyValue`s.
    case array(ProtobufReader)
    /// A `KeyValueList`: any number of `KeyValue`s.
    case list(ProtobufReader)
    case bytes(UnsafeBufferPointer<UInt8>)

    /// Reads an `AnyValue`, of whose fields the last one counts; nil when it has none.
    init?(_ message: ProtobufReader) throws(ProtobufFault) {
        var message = message
        var value: AnyValue?
        while case let tag = try message.nextTag(), tag != 0 {
            switch UInt8(truncatingIfNeeded: tag) {
            case _ where tag > 0xFF: try message.skip(tag)
            case AnyValueTag.text: value = .text(try message.bytes())
            case AnyValueTag.bool: value = .bool(try message.varint() != 0)
            case AnyValueTag.int: value = .int(Int64(bitPattern: try message.varint()))
            case AnyValueTag.double: value = .double(Double(bitPattern: try message.fixed64()))
            case AnyValueTag.array: value = .array(try message.message())
            case AnyValueTag.list: value = .list(try message.message())
            case AnyValueTag.bytes: value = .bytes(try message.bytes())
            default: try message.skip(tag)
            }
        }
        guard let value else { return nil }
        self = value
    }

    /// The value as a field has it; arrays, lists and bytes have to be made texts first.
    var fieldValue: FieldValue {
        switch self {
        case .text(let text): .string(String(decoding: text, as: UTF8.self))
        case .bool(let flag): .bool(flag)
        case .int(let number): .int(number)
        case .double(let number): FieldValue(number: number)
        case .array, .list, .bytes: .missing
        }
    }
}

/// Tags of `AnyValue`'s fields, and of the elements of its arrays and lists, each one byte.
enum AnyValueTag {
    static let text: UInt8 = 0x0A
    static let bool: UInt8 = 0x10
    static let int: UInt8 = 0x18
    static let double: UInt8 = 0x21
    static let array: UInt8 = 0x2A
    static let list: UInt8 = 0x32
    static let bytes: UInt8 = 0x3A
    static let element: UInt32 = 0x0A
}

/// An attribute as it came: a key, and a value if there is one.
struct KeyValue {
    private(set) var key = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
    private(set) var value: ProtobufReader?

    init(_ message: ProtobufReader) throws(ProtobufFault) {
        var message = message
        while case let tag = try message.nextTag(), tag != 0 {
            switch tag {
            case 0x0A: key = try message.bytes()
            case 0x12: value = try message.message()
            default: try message.skip(tag)
            }
        }
    }
}
