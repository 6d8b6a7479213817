import Bytes
import Events
import Ingest
import TestSupport
import Testing

/// Bodies that were cut off or damaged: an error or other events, never a trap.
@Suite struct HostileBodyTests {
    let decoder = JSONEventDecoder()
    static let sample = #"""
        [{"time":"2026-03-10T14:00:00.5+01:00","samplerate":2,"data":{"name":"chéckout","n":-12.5e3,
        "nested":{"a":{"b":[1,{"c":"d\ud83d\ude00"},[]]},"t":true},"ok":false,"none":null}},
        {"data":{"id":18446744073709551616,"text":"line\nbreak \\ \" \u20ac","name":"x"},"time":1773151200}]
        """#

    @Test func `every truncation of a body is refused`() throws {
        let bytes = Array(HostileBodyTests.sample.utf8)
        for length in 0..<bytes.count {
            #expect(throws: BodyRefusal.self) {
                try decoder.decodeBatch(
                    PaddedBytes(bytes[..<length]), dataset: "shop", receivedAt: arrival)
            }
        }
        #expect(try decoder.batch(HostileBodyTests.sample).accepted == 2)
    }

    @Test func `every truncation of lines keeps the lines that are whole`() throws {
        let lines = (0..<4).map { #"{"time":1773151200,"n":\#($0),"s":"é\n","o":{"p":[1, 2]}}"# }
        let bytes = Array(lines.joined(separator: "\n").utf8)
        for length in 1..<bytes.count {
            let decoded = try decoder.decodeLines(
                PaddedBytes(bytes[..<length]), dataset: "shop", receivedAt: arrival)
            var ends = bytes[..<length].count { $0 == 0x0A }
            if bytes[length] == 0x0A { ends += 1 }
            #expect(decoded.accepted == ends)
            #expect(
                decoded.rows().map { $0.fields["n"] } == (0..<ends).map { .int(Int64($0)) })
        }
    }

    /// What the plain parser says; nil where it is stricter on purpose than events need.
    static func isJSON(_ bytes: [UInt8]) -> Bool? {
        do throws(JSONError) {
            _ = try JSONValue(parsing: bytes)
            return true
        } catch {
            let isStricter =
                error.message.contains("surrogate") || error.message.contains("range")
            return isStricter ? nil : false
        }
    }

    @Test(arguments: [1, 2, 3, 4]) func `damaged bodies never trap and spoil no later one`(
        seed: UInt64
    ) throws {
        var random = SeededRandom(seed: seed)
        let bytes = Array(HostileBodyTests.sample.utf8)
        let alphabet =
            Array("\"\\{}[],:0123456789.eE+-truefalsn u\n\t ".utf8) + [0, 0xFF, 0xC3, 0x80]
        for _ in 0..<3_000 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<damaged.count, using: &random)
                let byte = alphabet.randomElement(using: &random) ?? 0
                switch Int.random(in: 0..<4, using: &random) {
                case 0: damaged[place] = byte
                case 1: damaged.insert(byte, at: place)
                case 2: damaged.remove(at: place)
                default:
                    let end = min(damaged.count, place + Int.random(in: 0..<40, using: &random))
                    damaged.insert(contentsOf: damaged[place..<end], at: place)
                }
            }
            let body = PaddedBytes(damaged)
            _ = try? decoder.decodeBatch(body, dataset: "shop", receivedAt: arrival)
            let event = try? decoder.decodeEvent(body, dataset: "shop", receivedAt: arrival)
            if let isJSON = HostileBodyTests.isJSON(damaged) {
                #expect((event != nil) == isJSON, "\(String(decoding: damaged, as: UTF8.self))")
            }
            let lines = try decoder.decodeLines(body, dataset: "shop", receivedAt: arrival)
            #expect(lines.accepted + lines.rejections.count == lines.events)
        }
        #expect(
            try decoder.batch(HostileBodyTests.sample).rows()
                == JSONEventDecoder().batch(HostileBodyTests.sample).rows())
    }
}
