import Bytes
import Events
import Ingest
import Testing

/// Every legal encoding of a collection of values, which lies beside the project or where
/// `WIDEFIELD_CASES` says.
@Suite struct MessagePackCasesTests {
    let decoder = MessagePackEventDecoder()

    @Test func `every encoding of a value becomes the same field`() throws {
        guard let text = CaseCollection.text("msgpack-suite/dist/msgpack-test-suite.json") else {
            return
        }
        let groups = try #require(try JSONValue(parsing: text).object)
        var encodings = 0
        for group in groups.members {
            for value in try #require(group.value.array) {
                let expected = try #require(try MessagePackCasesTests.fields(of: value))
                for encoding in try #require(value["msgpack"]?.array) {
                    let bytes = try #require(encoding.string.flatMap(MessagePackCasesTests.bytes))
                    let decoded = try decoder.event(PackedBytes.field(bytes))
                    #expect(decoded.messages == [])
                    let fields = decoded.rows().first?.fields
                    #expect(fields == expected, "\(group.key): \(bytes)")
                    encodings += 1
                }
            }
        }
        #expect(encodings > 200)
    }

    @Test func `every timestamp is an event's time or refused as none`() throws {
        guard let text = CaseCollection.text("msgpack-suite/dist/msgpack-test-suite.json") else {
            return
        }
        let values = try #require(try JSONValue(parsing: text)["50.timestamp.yaml"]?.array)
        for value in values {
            let parts = value["timestamp"]?.array?.compactMap(\.integer) ?? []
            let time = Int128(parts[0]) * 1_000_000_000 + Int128(parts[1])
            for encoding in value["msgpack"]?.array ?? [] {
                let bytes = try #require(encoding.string.flatMap(MessagePackCasesTests.bytes))
                let decoded = try decoder.batch(
                    [0x91, 0x82, 0xA4] + Array("time".utf8) + bytes + [0xA4] + Array("data".utf8)
                        + PackedBytes.field([1]))
                if let exact = Int64(exactly: time) {
                    #expect(decoded.rows().map(\.time) == [exact])
                } else {
                    #expect(decoded.messages.first?.contains("is not between 1677") == true)
                }
            }
        }
    }

    static func bytes(_ text: String) -> [UInt8]? {
        let digits = text.split(separator: "-")
        let bytes = digits.compactMap { UInt8($0, radix: 16) }
        return bytes.count == digits.count ? bytes : nil
    }

    /// What the field `v` becomes, whose value the collection tells by its kind.
    private static func fields(of value: JSONValue) throws -> [String: FieldValue]? {
        if let big = value["bignum"]?.string {
            return ["v": Int64(big).map { .int($0) } ?? FieldValue(number: Double(big) ?? 0)]
        }
        if let binary = value["binary"]?.string, let bytes = bytes(binary) {
            return ["v": .string(String(validating: bytes, as: UTF8.self) ?? base64(bytes))]
        }
        if let parts = value["timestamp"]?.array?.compactMap(\.integer) {
            return ["v": .string(try #require(text(parts[0], parts[1])))]
        }
        if let ext = value["ext"]?.array, let type = ext[0].integer,
            let bytes = ext[1].string.flatMap(bytes)
        {
            return ["v": .string(#"{"ext":\#(type),"data":"\#(base64(bytes))"}"#)]
        }
        for kind in ["nil", "bool", "number", "string", "array", "map"] {
            guard let plain = value[kind] else { continue }
            var fields: [String: FieldValue] = [:]
            flatten(plain, "v", into: &fields)
            return fields
        }
        return nil
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        bytes.withUnsafeBufferPointer { Base64.text(of: $0) }
    }

    private static func text(_ seconds: Int64, _ nanoseconds: Int64) -> String? {
        switch seconds {
        case -62_167_219_200: return "0000-01-01T00:00:00Z"
        case 17_179_869_183: return "2514-05-30T01:53:03.999999999Z"
        case 17_179_869_184: return "2514-05-30T01:53:04Z"
        case 253_402_300_799: return "9999-12-31T23:59:59.999999999Z"
        default: return RFC3339.text(nanoseconds: seconds * 1_000_000_000 + nanoseconds)
        }
    }

    private static func flatten(
        _ value: JSONValue, _ name: String, into fields: inout [String: FieldValue]
    ) {
        switch value {
        case .object(let object):
            for member in object.members {
                flatten(member.value, name + "." + member.key, into: &fields)
            }
        case .array: fields[name] = .string(value.text)
        case .null: break
        case .bool(let flag): fields[name] = .bool(flag)
        case .int(let number): fields[name] = .int(number)
        case .double(let number): fields[name] = FieldValue(number: number)
        case .string(let text): fields[name] = .string(text)
        }
    }
}
