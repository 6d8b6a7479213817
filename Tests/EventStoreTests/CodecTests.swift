import Bytes
import Events
import Testing

@testable import EventStore

/// What the codecs' kernels do, held against plain loops.
@Suite struct CodecTests {
    private func roundTrip(_ strings: [String]) throws {
        var list = StringListCodec.List()
        for string in strings {
            var string = string
            string.withUTF8 { list.append($0) }
        }
        var writer = ByteWriter()
        StringListCodec.encode(list, into: &writer)
        var reader = ByteReader(writer.bytes)
        let opened = try StringListCodec.decode(
            &reader, count: strings.count, bytesMax: list.text.count)
        #expect(opened.text == list.text && opened.offsets == list.offsets)
        #expect(reader.isAtEnd)
    }

    @Test func `hexadecimal ids of every length come back, and take half the bytes`() throws {
        var random = SystemRandomNumberGenerator()
        for digits in 1...70 {
            let strings = (0..<5).map { _ in
                String((0..<digits).map { _ in "0123456789abcdef".randomElement(using: &random)! })
            }
            try roundTrip(strings)
        }
    }

    @Test func `one character that is no lowercase hexadecimal digit is kept, wherever it stands`()
        throws
    {
        for length in [8, 16, 18, 32, 40] {
            for place in 0..<length {
                for wrong in ["/", ":", "`", "g", "A", "F", "@", "\u{7F}", "\0"] {
                    let id = String(repeating: "0f9a", count: length / 4 + 1).prefix(length)
                    let other = id.prefix(place) + wrong + id.dropFirst(place + 1)
                    try roundTrip([String(id), String(other)])
                }
            }
        }
    }

    @Test func `strings that share beginnings of every length come back`() throws {
        let strings = (0...70).flatMap { shared in
            ["", "x", "yz"].map { String(repeating: "a", count: shared) + $0 }
        }
        try roundTrip(strings)
        try roundTrip(strings.reversed())
        try roundTrip(["", "", ""])
        try roundTrip([])
    }

    @Test func `strings are sorted by their bytes`() {
        var random = SystemRandomNumberGenerator()
        let parts = ["", "a", "ab", "\0", "\0\0", "ä", "https://", "0123456789", "zzzzzzzz"]
        for count in [0, 1, 2, 9, 100, 3_000] {
            let strings = Set(
                (0..<count).map { row in
                    (0..<Int.random(in: 0...5, using: &random))
                        .map { _ in parts.randomElement(using: &random)! }.joined()
                        + (row % 3 == 0 ? "" : "\(row)")
                })
            let builder = DictionaryBuilder()
            for string in strings { _ = builder.code(of: .string(string)) }
            let met = builder.dictionary()
            let (sorted, map) = met.sorted()
            let expected = strings.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            #expect((0..<sorted.count).map { sorted[$0] } == expected.map { .string($0) })
            for code in 0...UInt32(met.count) {
                #expect(met.value(ofCode: code) == sorted.value(ofCode: map[Int(code)]))
            }
        }
    }

    @Test(arguments: [0, 1, 31, 32, 63, 64, 65, 1_000])
    func `numbers of every width come back from their planes`(count: Int) throws {
        var random = SystemRandomNumberGenerator()
        for bits in 1...64 {
            let values = (0..<count).map { _ in
                UInt64.random(in: 0...(.max >> UInt64(64 - bits)), using: &random)
            }
            try roundTrip(values)
            if bits <= 32 { try roundTrip(values.map { UInt32($0) }) }
            if bits <= 16 { try roundTrip(values.map { UInt16($0) }) }
            if bits <= 8 { try roundTrip(values.map { UInt8($0) }) }
        }
    }

    private func roundTrip<Value: PlaneInteger>(_ values: [Value]) throws {
        var writer = ByteWriter()
        BytePlanes.encode(values, into: &writer)
        var reader = ByteReader(writer.bytes)
        #expect(try BytePlanes.decode(Value.self, &reader, count: values.count) == values)
        #expect(reader.isAtEnd)
        let places = Array(stride(from: values.count - 1, through: 0, by: -7))
        var again = ByteReader(writer.bytes)
        let selected = try BytePlanes.select(Value.self, &again, count: values.count, at: places)
        #expect(selected == places.map { values[$0] })
        #expect(again.isAtEnd)
    }

    @Test func `codes are packed and spread as their rows say`() {
        var random = SystemRandomNumberGenerator()
        for rows in 0...130 {
            for share in [0, 1, 50, 99, 100] {
                let codes = (0..<rows).map { _ in
                    Int.random(in: 0..<100, using: &random) < share
                        ? UInt16.random(in: 1...999, using: &random) : 0
                }
                var packed = [UInt16](repeating: 0, count: rows + 1)
                var words = [UInt64](repeating: 0, count: Bitmap.wordCount(rows))
                let count = UInt16.pack(codes, rows, &packed, &words)
                #expect(Array(packed[..<count]) == codes.filter { $0 != 0 })
                let present = Bitmap(count: rows, words: words)
                #expect((0..<rows).allSatisfy { present[$0] == (codes[$0] != 0) })
                var spread = [UInt16](repeating: 0, count: rows)
                UInt16.spread(packed, words, rows, &spread)
                #expect(spread == codes)
            }
        }
    }
}
