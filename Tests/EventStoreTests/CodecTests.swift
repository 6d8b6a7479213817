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

    @Test func `long lists are sorted whatever bytes they differ in`() {
        var random = SystemRandomNumberGenerator()
        for alphabet in ["0123456789abcdef", "01", "az"] {
            for head in ["", "same", "same for eight"] {
                let strings = Set(
                    (0..<5_000).map { _ in
                        head
                            + String((0..<13).map { _ in alphabet.randomElement(using: &random)! })
                    })
                let builder = DictionaryBuilder()
                for string in strings { _ = builder.code(of: .string(string)) }
                let (sorted, _) = builder.dictionary().sorted()
                let expected = strings.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
                #expect((0..<sorted.count).map { sorted[$0] } == expected.map { .string($0) })
            }
        }
    }

    @Test func `numbers are sorted as values are, of whatever types`() {
        let ints: [FieldValue] = [.int(3), .int(-7), .int(0), .int(41)]
        let large: [FieldValue] = [.int(.max), .int(.max - 1), .int(1 << 53), .int(1 << 53 + 1)]
        let floats: [FieldValue] = [.float(0.5), .float(-1e300), .float(2.25), .float(40.75)]
        let others: [FieldValue] = [.bool(true), .bool(false), .string("x"), .string("")]
        for values in [ints, floats, ints + floats, ints + large, ints + large + floats + others] {
            let builder = DictionaryBuilder()
            for value in values { _ = builder.code(of: value) }
            let met = builder.dictionary()
            let (sorted, map) = met.sorted()
            #expect((0..<sorted.count).map { sorted[$0] } == values.sorted { $0 < $1 })
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
        for rows in 0...200 {
            for share in [0, 1, 50, 99, 100] {
                checkPacking(UInt8.self, rows, share)
                checkPacking(UInt16.self, rows, share)
                checkPacking(UInt32.self, rows, share)
            }
        }
    }

    private func checkPacking<Code: CodeInteger>(_ type: Code.Type, _ rows: Int, _ share: Int) {
        var random = SystemRandomNumberGenerator()
        let codes = (0..<rows).map { _ in
            Int.random(in: 0..<100, using: &random) < share
                ? Code.random(in: 1...Code.max, using: &random) : 0
        }
        var packed = [Code](repeating: 0, count: rows)
        var words = [UInt64](repeating: .max, count: Bitmap.wordCount(rows))
        let count = Code.pack(codes, rows, &packed, &words)
        #expect(Array(packed[..<count]) == codes.filter { $0 != 0 })
        let present = Bitmap(count: rows, words: words)
        #expect((0..<rows).allSatisfy { present[$0] == (codes[$0] != 0) })
        var spread = [Code](repeating: 0, count: rows)
        Code.spread(packed, words, rows, &spread)
        #expect(spread == codes)
    }

    // MARK: - Codes

    @Test(arguments: [1, 2, 3, 4, 5, 16, 17, 255, 256, 3_000, 70_000])
    func `codes come back in every form, whole and picked`(highest: UInt32) throws {
        var random = SystemRandomNumberGenerator()
        for rows in [1, 2, 7, 8, 9, 63, 64, 65, 1_000, 20_000] {
            let any = (0..<rows).map { _ in UInt32.random(in: 1...highest, using: &random) }
            let bursts = (0..<rows).map { any[$0 / 20] }
            let nearlyOne = any.map { $0 % 64 == 0 ? $0 : highest }
            for codes in [any, bursts, nearlyOne] {
                try checkCodes(codes, highest)
                if highest <= UInt16.max { try checkCodes(codes.map { UInt16($0) }, highest) }
                if highest <= UInt8.max { try checkCodes(codes.map { UInt8($0) }, highest) }
            }
        }
    }

    private func checkCodes<Code: CodeInteger>(_ codes: [Code], _ highest: UInt32) throws {
        var memory = RecencyCodec.Memory()
        let summary = Code.summary(codes, codes.count)
        #expect(summary.low == codes.min() && summary.high == codes.max())
        #expect(summary.others == codes.count { $0 != summary.common })
        let block = codes.withUnsafeBufferPointer { CodeCodec.encode($0, summary, &memory) }
        let opened = try CodeCodec.decode(
            Code.self, block[...], count: codes.count, highest: summary.high)
        #expect(opened == codes)
        let places = Array(stride(from: codes.count - 1, through: 0, by: -7))
        let picked = try CodeCodec.select(
            block[...], count: codes.count, highest: highest, at: places)
        #expect(picked == places.map { UInt32(codes[$0]) })
    }

    @Test func `few values take so many bits as they need, whatever the rows`() throws {
        var random = SystemRandomNumberGenerator()
        for (values, bits) in [(2, 1), (4, 2), (9, 4), (16, 4)] {
            let codes = (0..<10_000).map { _ in
                UInt8.random(in: 1...UInt8(values), using: &random)
            }
            var memory = RecencyCodec.Memory()
            let block = codes.withUnsafeBufferPointer {
                CodeCodec.encode($0, UInt8.summary(codes, codes.count), &memory)
            }
            #expect(block.count <= 10_000 * bits / 8 + 8)
        }
    }

    @Test func `packed codes of an unknown width, or cut off, are an error`() {
        let codes = [UInt8](repeating: 1, count: 99) + [2]
        var memory = RecencyCodec.Memory()
        var block = codes.withUnsafeBufferPointer {
            CodeCodec.encode($0, UInt8.summary(codes, codes.count), &memory)
        }
        block[1] = 3
        for part in [block[...], block[..<1], block[..<2]] {
            #expect(throws: DecodeError.self) {
                try CodeCodec.decode(UInt8.self, part, count: 100, highest: 2)
            }
        }
    }

    // MARK: - Integers

    @Test func `integers that share a divisor come back`() throws {
        var random = SystemRandomNumberGenerator()
        for divisor in [1, 2, 3, 7, 1_000, 1_024, 1_000_000, 3 << 40, Int64.max] {
            for rows in [1, 2, 3, 64, 65, 500] {
                let most = Int64.max / divisor
                let values = (0..<rows).map { _ in
                    Int64.random(in: -most...most, using: &random) * divisor
                }
                try checkIntegers(values)
                try checkIntegers((0..<rows).map { Int64($0 % 100) * (divisor / 100) })
                // All but the last would divide by more.
                try checkIntegers(Array(values.dropLast()) + [1])
            }
        }
        try checkIntegers([.min, .max, 0, -1, 1])
    }

    private func checkIntegers(_ values: [Int64]) throws {
        var writer = ByteWriter()
        values.withUnsafeBufferPointer { IntegerCodec.encode($0, into: &writer) }
        var reader = ByteReader(writer.bytes)
        #expect(try IntegerCodec.decode(&reader, count: values.count) == values)
        #expect(reader.isAtEnd)
    }
}
