/// Writes the part of FlatBuffers that Arrow's metadata need: tables, vectors, strings, structs.
///
/// A FlatBuffer is written from its end to its beginning, so that what is pointed at stands behind what
/// points. The bytes are therefore kept reversed, and a place is its distance from the end.
public struct FlatBufferWriter {
    /// Something that was written and can be pointed at.
    public struct Place: Sendable {
        /// Bytes from its first byte to the end of the buffer.
        fileprivate let fromEnd: Int
    }

    /// The value of one slot of a table.
    public enum Slot: Sendable {
        case bool(Bool)
        case byte(UInt8)
        case int16(Int16)
        case int32(Int32)
        case int64(Int64)
        case reference(Place)

        fileprivate var size: Int {
            switch self {
            case .bool, .byte: 1
            case .int16: 2
            case .int32, .reference: 4
            case .int64: 8
            }
        }
    }

    private var reversed: [UInt8] = []

    public init() {}

    /// Text, as UTF-8 with its length before it and a NUL behind it.
    public mutating func string(_ text: String) -> Place {
        align(4, before: text.utf8.count + 1)
        reversed.append(0)
        reversed.append(contentsOf: text.utf8.reversed())
        push(UInt32(text.utf8.count))
        return here
    }

    /// References to tables or strings.
    public mutating func vector(_ places: [Place]) -> Place {
        align(4, before: places.count * 4)
        for place in places.reversed() { push(reference(to: place)) }
        push(UInt32(places.count))
        return here
    }

    /// Structs of 64-bit numbers, `numbersEach` in each.
    public mutating func vector(of numbers: [Int64], numbersEach: Int) -> Place {
        // The length stands before the first number, which is aligned.
        align(8, before: numbers.count * 8)
        for number in numbers.reversed() { push(number) }
        push(UInt32(numbers.count / numbersEach))
        return here
    }

    /// A table; slots that are nil are absent.
    public mutating func table(_ slots: [Slot?]) -> Place {
        let end = reversed.count
        var places = [Int](repeating: 0, count: slots.count)
        // The largest first, so that little is lost to alignment.
        for size in [8, 4, 2, 1] {
            for (index, slot) in slots.enumerated() {
                guard let slot, slot.size == size else { continue }
                align(size, before: size)
                push(slot)
                places[index] = reversed.count
            }
        }
        align(4, before: 4)
        let sizeOfSlots = 4 + 2 * slots.count
        push(Int32(sizeOfSlots))
        let start = reversed.count
        for place in places.reversed() { push(UInt16(place == 0 ? 0 : start - place)) }
        push(UInt16(start - end))
        push(UInt16(sizeOfSlots))
        return Place(fromEnd: start)
    }

    /// The whole buffer, whose root is a table; a multiple of 8 bytes.
    public mutating func finish(_ root: Place) -> [UInt8] {
        align(8, before: 4)
        push(reference(to: root))
        return reversed.reversed()
    }

    private var here: Place { Place(fromEnd: reversed.count) }

    /// The distance to a place from where a reference to it is about to be written.
    private func reference(to place: Place) -> UInt32 {
        UInt32(reversed.count + 4 - place.fromEnd)
    }

    private mutating func push(_ slot: Slot) {
        switch slot {
        case .bool(let value): push(UInt8(value ? 1 : 0))
        case .byte(let value): push(value)
        case .int16(let value): push(value)
        case .int32(let value): push(value)
        case .int64(let value): push(value)
        case .reference(let place): push(reference(to: place))
        }
    }

    private mutating func push(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { reversed.append(contentsOf: $0) }
    }

    /// Fills up so that what begins `count` bytes further to the front is aligned.
    private mutating func align(_ size: Int, before count: Int) {
        while (reversed.count + count) % size != 0 { reversed.append(0) }
    }
}
