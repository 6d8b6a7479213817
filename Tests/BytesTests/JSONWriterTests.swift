import Bytes
import Testing

@Suite struct JSONWriterTests {
    private func written(_ body: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        body(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test func `commas stand between members and elements only`() {
        let text = written { writer in
            writer.beginObject()
            writer.key("a")
            writer.beginArray()
            writer.int(Int64.min)
            writer.beginObject()
            writer.endObject()
            writer.null()
            writer.endArray()
            writer.key("b")
            writer.bool(false)
            writer.endObject()
            writer.endLine()
            writer.raw(Array("[]".utf8))
        }
        #expect(text == "{\"a\":[-9223372036854775808,{},null],\"b\":false}\n[]")
    }

    @Test(arguments: [
        (0.0, "0"), (-0.0, "0"), (1, "1"), (-3.5, "-3.5"), (0.1, "0.1"), (1e21, "1e+21"),
        (9_007_199_254_740_992, "9007199254740992"),
        (9_007_199_254_740_994, "9.007199254740994e+15"),
        (.nan, "\"NaN\""), (.infinity, "\"+Inf\""), (-.infinity, "\"-Inf\""),
    ])
    func `doubles are the shortest text that reads back`(value: Double, expected: String) {
        #expect(written { $0.double(value) } == expected)
    }

    @Test func `every double reads back as itself`() throws {
        var state: UInt64 = 42
        for _ in 0..<2000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let value = Double(bitPattern: state ^ state >> 29)
            guard value.isFinite else { continue }
            let text = written { $0.double(value) }
            #expect(try JSONValue(parsing: text).number == value, "\(text)")
        }
    }

    @Test func `strings are escaped where JSON needs it and read back`() throws {
        let text = "a\"b\\c\u{1}\n\t\r\u{1F}é😀\u{7F}/"
        let json = written { $0.string(text) }
        #expect(json == "\"a\\\"b\\\\c\\u0001\\n\\t\\r\\u001fé😀\u{7F}/\"")
        #expect(try JSONValue(parsing: json) == .string(text))
    }
}
