import Bytes
import Glibc
import Testing

@Suite struct JSONParserTests {
    @Test(arguments: [
        (#"{"a":[1,-2.5,"x",true,null],"b":{}}"#, #"{"a":[1,-2.5,"x",true,null],"b":{}}"#),
        (" [ 1 , 2 ]\r\n\t", "[1,2]"),
        (#""\u00e9\ud83d\ude00\n\/""#, "\"é😀\\n/\""),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775808", "9.223372036854776e+18"),
        ("1.0", "1"),
        ("1E2", "100"),
        ("-0", "0"),
        ("5e-324", "5e-324"),
        (#"{"b":1,"a":2,"b":3}"#, #"{"b":3,"a":2}"#),
    ])
    func `documents are read and written back`(source: String, expected: String) throws {
        #expect(try JSONValue(parsing: source).text == expected)
    }

    @Test(arguments: [
        ("", "expected a value", 0, 1, 1),
        ("[1,\n  2,]", "expected a value", 8, 2, 5),
        ("{\"é\" 1}", "expected :", 6, 1, 6),
        ("[1 2]", "expected , or ]", 3, 1, 4),
        ("{\"a\":1,}", "expected a key in quotes", 7, 1, 8),
        ("01", "text after the end of the document", 1, 1, 2),
        ("1.", "expected a digit", 2, 1, 3),
        ("tru", "expected true", 0, 1, 1),
        ("\"a\tb\"", "control character in a string", 2, 1, 3),
        ("\"ab", "the string has no end", 3, 1, 4),
        (#""\x""#, "unknown escape in a string", 1, 1, 2),
        (#""a\ud800b""#, "lone surrogate", 2, 1, 3),
        (#""\ud800\u0041""#, "lone surrogate", 1, 1, 2),
        ("[1e400]", "number is beyond the range of a double", 1, 1, 2),
    ])
    func `what is not JSON is refused with its place`(
        source: String, message: String, offset: Int, line: Int, column: Int
    ) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: source) }
        #expect(error?.message == message)
        #expect(error?.offset == offset)
        #expect(error?.line == line)
        #expect(error?.column == column)
    }

    @Test func `of equal keys the last counts, in small objects and in large ones`() throws {
        for count in [2, 7, 8, 9, 40] {
            let keys = (0..<count).map { "\"k\($0 % (count - 1))\":\($0)" }
            let object = try JSONValue(parsing: "{" + keys.joined(separator: ",") + "}").object
            #expect(object?.members.count == count - 1)
            #expect(object?["k0"] == .int(Int64(count - 1)))
            #expect(object?.members.last?.key == "k\(count - 2)")
        }
    }

    @Test func `nesting is bounded and bytes are not trusted`() throws {
        let deepest = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(try JSONValue(parsing: deepest).text == deepest)
        #expect(throws: JSONError.self) { try JSONValue(parsing: "[" + deepest + "]") }
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xC3, 0x28, 0x22]) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0xEF, 0xBB, 0xBF, 0x31]) }
    }

    @Test func `a document cut anywhere is an error`() throws {
        let whole = Array(#"{"a":[1,-2.5e3,"x\u00e9"],"b":{"c":null}}"#.utf8)
        _ = try JSONValue(parsing: whole)
        for length in 0..<whole.count {
            #expect(throws: JSONError.self) { try JSONValue(parsing: Array(whole[..<length])) }
        }
    }

    /// Beside the project's root; the folder of this file is two below the root.
    private static let suite =
        String(#filePath.prefix(#filePath.count - "/JSONParserTests.swift".count))
        + "/../../../shared/cases/json-test-suite/test_parsing"

    @Test(.enabled(if: access(suite, R_OK) == 0))
    func `the public parsing suite is answered as it asks`() throws {
        let directory = try #require(opendir(Self.suite))
        defer { closedir(directory) }
        var cases = 0
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name.hasSuffix(".json") else { continue }
            cases += 1
            let file = try #require(fopen("\(Self.suite)/\(name)", "r"))
            defer { fclose(file) }
            var bytes = [UInt8](repeating: 0, count: 1 << 20)
            bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
            let isAccepted = (try? JSONValue(parsing: bytes)) != nil
            if name.hasPrefix("y_") { #expect(isAccepted, "\(name)") }
            if name.hasPrefix("n_") { #expect(!isAccepted, "\(name)") }
        }
        #expect(cases > 200)
    }
}
