import Bytes
import TestSupport

/// Writes MessagePack, each value in any of the ways the format allows.
struct PackedBytes {
    var bytes: [UInt8] = []
    /// Draws the way; nil for the shortest one.
    var random: SeededRandom?

    init(random: SeededRandom? = nil) { self.random = random }

    /// The head of a batch of `count` events, in its shortest form up to 15.
    static func batch(_ events: [[UInt8]]) -> [UInt8] {
        [0x90 | UInt8(events.count)] + events.flatMap { $0 }
    }

    /// `{"data": …}` around the bytes of a value.
    static func element(data: [UInt8]) -> [UInt8] {
        [0x81, 0xA4] + Array("data".utf8) + data
    }

    /// `{"v": …}` around the bytes of a value.
    static func field(_ value: [UInt8], named name: String = "v") -> [UInt8] {
        var packed = PackedBytes()
        packed.map(1)
        packed.text(name)
        return packed.bytes + value
    }

    mutating func append(_ value: JSONValue) {
        switch value {
        case .null: bytes.append(0xC0)
        case .bool(let flag): bytes.append(flag ? 0xC3 : 0xC2)
        case .int(let number): int(number)
        case .double(let number): double(number)
        case .string(let text): self.text(text)
        case .array(let elements):
            array(elements.count)
            for element in elements { append(element) }
        case .object(let object):
            map(object.members.count)
            for member in object.members {
                text(member.key)
                append(member.value)
            }
        }
    }

    mutating func int(_ number: Int64) {
        var ways: [[UInt8]] = []
        if (-32...127).contains(number) { ways.append([UInt8(truncatingIfNeeded: number)]) }
        func offer<Width: FixedWidthInteger>(_ head: UInt8, _ type: Width.Type) {
            if let exact = Width(exactly: number) {
                ways.append([head] + PackedBytes.bigEndian(exact))
            }
        }
        offer(0xCC, UInt8.self)
        offer(0xD0, Int8.self)
        offer(0xCD, UInt16.self)
        offer(0xD1, Int16.self)
        offer(0xCE, UInt32.self)
        offer(0xD2, Int32.self)
        offer(0xCF, UInt64.self)
        offer(0xD3, Int64.self)
        choose(ways)
    }

    mutating func double(_ number: Double) {
        var ways = [[0xCB] + PackedBytes.bigEndian(number.bitPattern)]
        if Double(Float(number)) == number {
            ways.append([0xCA] + PackedBytes.bigEndian(Float(number).bitPattern))
        }
        choose(ways)
    }

    mutating func text(_ text: String) { content(Array(text.utf8), 0xA0, 31, [0xD9, 0xDA, 0xDB]) }

    mutating func binary(_ content: [UInt8]) { self.content(content, 0, -1, [0xC4, 0xC5, 0xC6]) }

    mutating func array(_ count: Int) { heads(count, 0x90, 15, [nil, 0xDC, 0xDD]) }

    mutating func map(_ count: Int) { heads(count, 0x80, 15, [nil, 0xDE, 0xDF]) }

    private mutating func content(
        _ content: [UInt8], _ small: UInt8, _ smallMax: Int, _ heads: [UInt8?]
    ) {
        self.heads(content.count, small, smallMax, heads)
        bytes += content
    }

    /// A head with its count: in the first byte, or in 1, 2 or 4 bytes behind it.
    private mutating func heads(
        _ count: Int, _ small: UInt8, _ smallMax: Int, _ heads: [UInt8?]
    ) {
        var ways: [[UInt8]] = []
        if count <= smallMax { ways.append([small | UInt8(count)]) }
        if let head = heads[0], count < 1 << 8 { ways.append([head, UInt8(count)]) }
        if let head = heads[1], count < 1 << 16 {
            ways.append([head] + PackedBytes.bigEndian(UInt16(count)))
        }
        if let head = heads[2] { ways.append([head] + PackedBytes.bigEndian(UInt32(count))) }
        choose(ways)
    }

    private mutating func choose(_ ways: [[UInt8]]) {
        if var random = self.random {
            bytes += ways.randomElement(using: &random) ?? []
            self.random = random
        } else {
            bytes += ways[0]
        }
    }

    static func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }
}
