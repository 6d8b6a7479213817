import Bytes
import Events
import Foundation
import Ingest
import TestSupport
import Testing

/// What only MessagePack can say, and bodies that are none.
@Suite struct MessagePackDecoderTests {
    let decoder = MessagePackEventDecoder()

    /// The fields of an event whose `v` has these bytes as its value.
    func fields(_ value: [UInt8]) throws -> [String: FieldValue]? {
        let decoded = try decoder.event(PackedBytes.field(value))
        #expect(decoded.messages == [])
        return decoded.rows().first?.fields
    }

    /// Sends the element between two good ones, which must be kept, twice through one decoder.
    func rejection(of element: [UInt8]) throws -> String? {
        var message: String?
        func good(_ number: Int64) -> [UInt8] {
            var packed = PackedBytes()
            packed.append(["data": ["n": .int(number), "s": "x"]])
            return packed.bytes
        }
        for _ in 0..<2 {
            let decoded = try decoder.batch(PackedBytes.batch([good(1), element, good(2)]))
            #expect(decoded.events == 3)
            let neighbours = decoded.rows().filter { $0.fields["s"] == .string("x") }
            #expect(
                neighbours.map(\.fields) == [1, 2].map { ["n": .int($0), "s": .string("x")] })
            #expect(decoded.rejections.allSatisfy { $0.index == 1 && $0.line == 0 })
            message = decoded.messages.first
        }
        return message
    }

    func rejection(of element: JSONValue) throws -> String? {
        var packed = PackedBytes()
        packed.append(element)
        return try rejection(of: packed.bytes)
    }

    func refused(_ bytes: [UInt8]) -> BodyRefusal? {
        #expect(throws: BodyRefusal.self) { try decoder.batch(bytes) }
        do throws(BodyRefusal) { _ = try decoder.batch(bytes) } catch { return error }
        return nil
    }

    // MARK: - Values

    @Test func `numbers are kept as exactly as a field can`() throws {
        #expect(try fields([0xCF] + PackedBytes.bigEndian(UInt64.max))?["v"] == .float(0x1p64))
        #expect(try fields([0xCF] + PackedBytes.bigEndian(UInt64(1) << 63))?["v"] == .float(0x1p63))
        #expect(try fields([0xD3] + PackedBytes.bigEndian(Int64.min))?["v"] == .int(.min))
        #expect(
            try fields([0xCA] + PackedBytes.bigEndian(Float(0.1).bitPattern))?["v"]
                == .float(Double(Float(0.1))))
        for (value, name) in [(Double.nan, "NaN"), (.infinity, "+Inf"), (-.infinity, "-Inf")] {
            #expect(
                try fields([0xCB] + PackedBytes.bigEndian(value.bitPattern))?["v"] == .string(name))
            #expect(
                try fields([0x91, 0xCB] + PackedBytes.bigEndian(value.bitPattern))?["v"]
                    == .string("[\"\(name)\"]"))
        }
        #expect(
            try fields([0x91, 0xCF] + PackedBytes.bigEndian(UInt64.max))?["v"]
                == .string("[18446744073709551615]"))
    }

    @Test func `texts and bytes that are no UTF-8 are kept readable`() throws {
        #expect(try fields([0xA3, 0x61, 0xFF, 0x62])?["v"] == .string("a\u{FFFD}b"))
        #expect(try fields([0xC4, 3, 0x61, 0xFF, 0x62])?["v"] == .string("Yf9i"))
        #expect(try fields([0xC4, 2, 0xC3, 0xA9])?["v"] == .string("é"))
        #expect(try fields([0x91, 0xC4, 1, 0xFF])?["v"] == .string(#"["/w=="]"#))
        #expect(
            try fields([0x92, 0xD6, 0xFF, 0x5A, 0x4A, 0xF6, 0xA5, 0xD4, 5, 1])?["v"]
                == .string(#"["2018-01-02T03:04:05Z",{"ext":5,"data":"AQ=="}]"#))
    }

    @Test func `keys that are no texts are named as JSON would write them`() throws {
        let keys: [([UInt8], String)] = [
            ([0x07], "7"), ([0xD0, 0x80], "-128"), ([0xC3], "true"), ([0xC0], "null"),
            ([0xCB] + PackedBytes.bigEndian((1.5).bitPattern), "1.5"), ([0xC4, 1, 0x6B], "k"),
            ([0xA1, 0xFF], "\u{FFFD}"), ([0xD6, 0xFF, 0, 0, 0, 0], "1970-01-01T00:00:00Z"),
        ]
        let body: [UInt8] = [0x80 | UInt8(keys.count)] + keys.flatMap { $0.0 + [1 as UInt8] }
        let expected = Dictionary(uniqueKeysWithValues: keys.map { ($0.1, FieldValue.int(1)) })
        for _ in 0..<2 { #expect(try decoder.event(body).rows().first?.fields == expected) }
        // 7 and "7" are one field; the later one counts.
        #expect(
            try decoder.event([0x82, 0x07, 1, 0xA1, 0x37, 2]).rows().first?.fields
                == ["7": .int(2)])
        #expect(
            try fields([0x91, 0x81, 0x07, 0x81, 0xC2, 0xC0])?["v"]
                == .string(#"[{"7":{"false":null}}]"#))
    }

    @Test func `a key with a zero in it is found again`() throws {
        let name = "a" + String(repeating: "\0", count: 200)
        for _ in 0..<3 {
            #expect(
                try decoder.event(PackedBytes.field([1], named: name)).rows().first?.fields
                    == [name: .int(1)])
        }
        // The body ends where the zeros behind it begin.
        #expect(refused([0x91, 0x81, 0xA4] + Array("data".utf8) + [0x81, 0xD9, 201, 0x61]) != nil)
    }

    // MARK: - Times and rates

    @Test(
        arguments: [
            (JSONValue.null, arrival), ("", arrival), (1_773_151_200, 1_773_151_200_000_000_000),
            (1_773_151_200_123, 1_773_151_200_123_000_000),
            (1_773_151_200.5, 1_773_151_200_500_000_000),
            ("2026-03-10T14:00:00.25Z", 1_773_151_200_250_000_000),
            ("1773151200", 1_773_151_200_000_000_000),
        ] as [(JSONValue, Int64)]) func `times are read as in JSON`(
            time: JSONValue, expected: Int64
        ) throws
    {
        var packed = PackedBytes()
        packed.append(["data": ["a": 1], "time": time, "samplerate": "7"])
        let rows = try decoder.batch(PackedBytes.batch([packed.bytes])).rows()
        #expect(rows == [DecodedEvent(time: expected, rate: 7, fields: ["a": .int(1)])])
    }

    @Test func `one event takes time and rate from its headers`() throws {
        let decoded = try decoder.decodeEvent(
            PaddedBytes(PackedBytes.field([1])), dataset: "shop", receivedAt: arrival,
            time: "1773151200", sampleRate: "9")
        #expect(
            decoded.rows() == [
                DecodedEvent(time: 1_773_151_200_000_000_000, rate: 9, fields: ["v": .int(1)])
            ])
    }

    // MARK: - Rejections

    @Test func `an event that is not valid costs only itself`() throws {
        let long = String(repeating: "x", count: EventLimits.stringBytes)
        let many = JSONObject((0...2000).map { JSONObject.Member("f\($0)", .int(Int64($0))) })
        let cases: [(JSONValue, String)] = [
            (1, "event is not an object"), ([["a": 1]], "event is not an object"),
            ([:], "event has no data"), (["data": .null], "event has no data"),
            (["data": [1, [2]]], "event data is not an object"),
            (["data": [:]], "empty event data"),
            (["data": .object(many)], "Event has too many columns."),
            (
                ["data": ["a": 1, "big": .string(long + "x"), "b": [["c": [1]]]]],
                "string value exceeds the limit of 65535 bytes: field \"big\""
            ),
            (
                ["data": ["big": [.string(long), [1], ["a": 2]], "b": 1], "time": 5],
                "string value exceeds the limit of 65535 bytes: field \"big\""
            ),
            (["data": ["\0a": 1, "b": ["c": 2]]], "field name begins with NUL"),
            (
                ["data": [String(repeating: "n", count: 257): ["a": 1], "b": 2]],
                "field name exceeds the limit of 256 bytes: it begins with "
                    + "\"\(String(repeating: "n", count: 64))…\""
            ),
            (
                ["time": "yesterday", "data": ["a": 1]],
                "event time is neither RFC 3339 nor a Unix epoch: \"yesterday\""
            ),
            (
                ["time": [1, "x"], "data": ["a": 1]],
                "event time is neither RFC 3339 nor a Unix epoch: \"[1,\"x\"]\""
            ),
            (
                ["samplerate": -1, "data": ["a": 1]],
                "sample rate is not a whole number from 0 to 4294967295: \"-1\""
            ),
            (
                ["samplerate": 1.5, "data": ["a": 1]],
                "sample rate is not a whole number from 0 to 4294967295: \"1.5\""
            ),
        ]
        for (element, message) in cases { #expect(try rejection(of: element) == message) }
        let times: [([UInt8], String)] = [
            (
                [0xD6, 5, 0, 0, 0, 1],
                "event time is an extension that is no timestamp: type 5 with 4 bytes"
            ),
            (
                [0xC7, 3, 0xFF, 0, 0, 0],
                "event time is a timestamp that MessagePack does not have: type -1 with 3 bytes"
            ),
            (
                [0xC7, 12, 0xFF, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0],
                "event time is not between 1677-09-21 and 2262-04-11: \"3331-01-08T16:42:40Z\""
            ),
            (
                [0xC7, 12, 0xFF, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0],
                "event time is not between 1677-09-21 and 2262-04-11: \"1152921504606846976\""
            ),
        ]
        for (time, message) in times {
            let element = [0x82, 0xA4] + Array("time".utf8) + time + [0xA4] + Array("data".utf8)
            #expect(try rejection(of: element + [0x81, 0xA1, 0x61, 1]) == message)
        }
        let unusable = "field name is an array, a map or an extension"
        for value: [UInt8] in [
            [0x81, 0x91, 0x01, 0x02], [0x82, 0x81, 0xC0, 0x91, 0xC0, 0x02, 0xA1, 0x61, 0x90],
            [0x81, 0xD4, 5, 0, 1], [0x82, 0xA1, 0x61, 0x92, 0x81, 0x90, 0x01, 0x02, 0xA1, 0x62, 1],
        ] {
            #expect(try rejection(of: PackedBytes.element(data: value)) == unusable)
        }
    }

    // MARK: - Refusals

    @Test(
        arguments: [
            ([], 0, "the body is empty"), ([0x80], 0, "expected an array of events"),
            ([0x90, 0x90], 1, "bytes after the value's end"),
            ([0x91, 0xC1], 1, "a byte that begins no value"),
            ([0x91, 0xA5, 0x61], 3, "the body ends before its value does"),
            ([0x91, 0xCF, 1, 2], 4, "the body ends before its value does"),
            ([0xDD, 0xFF, 0xFF, 0xFF, 0xFF, 0], 0, "more values than there are bytes for"),
            ([0x91, 0xDF, 0xFF, 0xFF, 0xFF, 0xFF, 0], 1, "more values than there are bytes for"),
            ([0x91, 0xC6, 0xFF, 0xFF, 0xFF, 0xFF, 0], 7, "the body ends before its value does"),
            ([0x91, 0xC9, 0xFF, 0xFF, 0xFF, 0xFF, 0], 7, "the body ends before its value does"),
        ] as [([UInt8], Int, String)])
    func `what is no MessagePack is refused with the byte`(
        bytes: [UInt8], offset: Int, message: String
    ) throws {
        let refusal = try #require(refused(bytes))
        #expect(refusal.offset == offset)
        #expect(refusal.description == "\(message) at byte \(offset)")
        #expect(refusal.line == 0)
    }

    @Test func `depth costs no more than its bytes`() throws {
        let arrays = [UInt8](repeating: 0x91, count: 1 << 20) + [0xC0]
        #expect(
            try decoder.event(PackedBytes.field(arrays)).messages.first?.contains("65535") == true)
        #expect(refused([0x91] + arrays.dropLast()) != nil)
        let map: [UInt8] = [0x81, 0xA1, 0x61]
        var maps: [UInt8] = []
        for _ in 0..<200_000 { maps += map }
        maps.append(0xC0)
        #expect(
            try decoder.event(PackedBytes.field(maps)).messages.first?.contains("65535") == true)
    }

    @Test func `a body of too many events is refused`() throws {
        let count = UInt32(IngestLimits.eventsPerBody)
        func body(_ count: UInt32) -> [UInt8] {
            [0xDD] + PackedBytes.bigEndian(count) + [UInt8](repeating: 0, count: Int(count))
        }
        #expect(try decoder.batch(body(count)).rejections.count == Int(count))
        #expect(refused(body(count + 1))?.reason == .tooManyEvents)
    }

    // MARK: - A recorded request

    static func recorded() throws -> [UInt8] {
        let file = packageRoot.appending(path: "fixtures/requests/msgpack/libhoney-go.msgpack.zst")
        let body = PaddedBytes(try Data(contentsOf: file))
        return try Zstd.decompress(body, limit: 1 << 20).withBytes { Array($0) }
    }

    @Test func `what the client for Go sends arrives whole`() throws {
        let rows = try decoder.batch(try MessagePackDecoderTests.recorded()).rows()
        #expect(
            rows.map(\.time) == [
                1_773_151_200_123_456_789, 1_773_151_201_000_000_000, -1, 1_773_151_202_000_000_005,
            ])
        #expect(rows.map(\.rate) == [4, 1, 100_000, 1])
        #expect(
            rows[1].fields == [
                "name": .string("paiement é"), "duration_ms": .float(0.25), "status": .int(500),
                "ok": .bool(false), "error.kind": .string("timeout"),
                "error.after": .string(#"[1,2.5,"three",null,{"deep":true}]"#),
            ])
        #expect(rows[2].fields["max"] == .float(0x1p64))
        #expect(rows[3].fields.count == 20)
    }

    @Test func `every truncation of a body is refused`() throws {
        let bytes = try MessagePackDecoderTests.recorded()
        for length in 0..<bytes.count {
            let refusal = try #require(refused(Array(bytes[..<length])))
            #expect(refusal.offset <= length)
        }
        #expect(try decoder.batch(bytes).accepted == 4)
    }

    @Test func `a body with any bit turned is refused or other events`() throws {
        let bytes = try MessagePackDecoderTests.recorded()
        for index in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << UInt8(bit)
                do throws(BodyRefusal) {
                    let decoded = try decoder.batch(damaged)
                    #expect(decoded.batches.reduce(0) { $0 + $1.rows } == decoded.accepted)
                } catch {
                    #expect(error.offset <= damaged.count)
                }
            }
        }
        #expect(
            try decoder.batch(bytes).rows() == MessagePackEventDecoder().batch(bytes).rows())
    }
}
