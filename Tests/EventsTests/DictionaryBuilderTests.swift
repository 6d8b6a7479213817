import Events
import Testing

@Suite struct DictionaryBuilderTests {
    /// A text and all that differ from it in one byte, or are as long as it with another end.
    private func neighbours(ofLength length: Int) -> [[UInt8]] {
        let plain = [UInt8](repeating: 0x61, count: length)
        var texts = [plain]
        for place in 0..<length {
            for byte: UInt8 in [0, 1, UInt8(length), 0x62, 0x7F] {
                var text = plain
                text[place] = byte
                texts.append(text)
            }
        }
        return texts
    }

    private func code(_ text: [UInt8], in builder: DictionaryBuilder) -> UInt32 {
        text.withUnsafeBufferPointer { builder.code(of: $0) }
    }

    @Test func `texts have one code as long as no byte of them differs`() {
        let builder = DictionaryBuilder()
        var codes: [[UInt8]: UInt32] = [:]
        for round in 0..<2 {
            for text in (0...40).flatMap({ neighbours(ofLength: $0) }) {
                let code = code(text, in: builder)
                #expect(codes[text, default: UInt32(codes.count + 1)] == code)
                codes[text] = code
            }
            #expect(builder.count == codes.count, "in round \(round)")
        }
        let dictionary = builder.dictionary()
        for (text, code) in codes {
            let value = FieldValue.string(String(decoding: text, as: UTF8.self))
            #expect(dictionary.value(ofCode: code) == value)
        }
    }

    @Test func `values whose bits are the same have a code for each kind`() {
        let builder = DictionaryBuilder()
        // The bytes of the text are those of the integer, which are those of the float.
        let bits = UInt64(littleEndian: 0x6867_6665_6463_6261)
        let values: [FieldValue] = [
            .string("abcdefgh"), .int(Int64(bitPattern: bits)), .float(Double(bitPattern: bits)),
            .string(""), .int(0), .bool(false), .int(1), .bool(true),
            .float(.leastNonzeroMagnitude), .string("\u{0}"), .string("\u{1}"),
        ]
        let codes = values.map { builder.code(of: $0) }
        #expect(codes == (1...UInt32(values.count)).map { $0 })
        #expect(values.map { builder.code(of: $0) } == codes)
        #expect(codes.map { builder.dictionary().value(ofCode: $0) } == values)
        #expect(builder.existingCode(of: Int64(2)) == nil)
    }

    @Test func `many values of all kinds are found again as the table grows`() {
        let builder = DictionaryBuilder()
        let values = (0..<40_000).map { number -> FieldValue in
            switch number % 4 {
            case 0: .int(Int64(number))
            case 1: .float(Double(number) + 0.5)
            case 2: .string("\(number)")
            default: .string("a text of more than fifteen bytes, number \(number)")
            }
        }
        let codes = (1...UInt32(values.count)).map { $0 }
        #expect(values.map { builder.code(of: $0) } == codes)
        #expect(values.map { builder.code(of: $0) } == codes)
        let dictionary = builder.dictionary()
        #expect(codes.map { dictionary.value(ofCode: $0) } == values)
        builder.removeAll()
        #expect(builder.existingCode(of: Int64(0)) == nil)
        #expect(builder.code(of: values[2]) == 1)
    }
}
