import Bytes
import Events
import Ingest
import TestSupport
import Testing

/// Bodies in which many events say the same of the process they come from: what follows a value is
/// then appended without being read, and must be what reading each event alone gives.
@Suite struct RepeatedMembersTests {
    /// What a process says of itself, in one order; as many members as pay come before those that tests
    /// change.
    static func process(_ number: Int) -> String {
        let region = ["eu-west-1", "us-east-2"][number % 2]
        return #""pod":"checkout-\#(number)","cloud":"c","account":"a\#(number % 2)","vpc":"v","#
            + #""cluster":"shop-and-a-name-of-some-length","os":"linux","lang":"go","#
            + #""runtime":"1.26","threads":\#(number % 4),"debug":false,"#
            + #""node":"ip-\#(number % 5)","region":"\#(region)","#
            + #""pid":126\#(number % 3 == 0 ? "" : String(number % 7)),"canary":\#(number % 4 == 0),"#
            + #""version":"1.28.\#(number % 3)","build":\#(number * 1000),"team":"shop","#
            + #""zone":"\#(region)b","arch":"amd64","kernel":"6.1","env":"prod""#
    }

    /// Each event as the decoder reads it when it is the only one of its body.
    static func alone(_ events: [String]) throws -> [DecodedEvent] {
        let decoder = JSONEventDecoder()
        return try events.flatMap { try decoder.event($0).rows() }
    }

    static func together(_ events: [String], _ decoder: JSONEventDecoder) throws -> [DecodedEvent] {
        try decoder.batch("[" + events.map { #"{"data":\#($0)}"# }.joined(separator: ",") + "]")
            .rows()
    }

    @Test func `events of one process are all read alike`() throws {
        let events = (0..<50).map { #"{"id":\#($0),\#(Self.process(3)),"ms":\#($0 * 7)}"# }
        #expect(try Self.together(events, JSONEventDecoder()) == Self.alone(events))
    }

    /// Each of these differs from the events before it within what would repeat.
    @Test(arguments: [
        // A number that goes on, a string that goes on, other spaces.
        (#""pid":126,"#, #""pid":1265,"#), (#""pid":126,"#, #""pid":126.5,"#),
        (#""pid":126,"#, #""pid":126e2,"#), (#""pid":126,"#, #""pid":126 ,"#),
        (#""team":"shop","#, #""team":"shopping","#), (#""team":"shop","#, #""team": "shop","#),
        // Other types, none, and containers.
        (#""team":"shop","#, #""team":null,"#), (#""team":"shop","#, #""team":{"name":"shop"},"#),
        (#""team":"shop","#, #""team":["shop"],"#), (#""team":"shop","#, #""team":"sh\u006fp","#),
        (#""team":"shop","#, #""team":"läden","#),
        // A member less, one more, one again: the last of a name counts.
        (#""team":"shop","#, ""), (#""team":"shop","#, #""team":"shop","squad":"red","#),
        (#""env":"prod""#, #""env":"prod","team":"other""#),
        (#""env":"prod""#, #""env":"prod","node":null"#), (#","env":"prod""#, ""),
    ])
    func `what differs from the events before is read anew`(part: String, other: String) throws {
        let usual = #"{"first":"f",\#(Self.process(0)),"ms":1}"#
        let unusual = usual.replacing(part, with: other)
        try #require(unusual != usual)
        let events = [usual, usual, usual, unusual, usual, unusual, unusual, usual]
        #expect(try Self.together(events, JSONEventDecoder()) == Self.alone(events))
    }

    @Test(arguments: [21, 22, 23, 24, 25, 26]) func `processes in any order and mixture`(
        seed: UInt64
    ) throws {
        var random = SeededRandom(seed: seed)
        // One decoder for all bodies: codes and places of one must not reach into the next.
        let decoder = JSONEventDecoder()
        for processes in [1, 3, 40, 700] {
            let events = (0..<300).map { index in
                var parts = [
                    Self.process(Int.random(in: 0..<processes, using: &random)),
                    #""user":{"id":\#(index % 9),"tier":"gold","plan":"p\#(index % 2)"}"#,
                    #""ms":\#(Int.random(in: 0..<9, using: &random))"#,
                ]
                if Int.random(in: 0..<5, using: &random) == 0 { parts.shuffle(using: &random) }
                if Int.random(in: 0..<9, using: &random) == 0 { parts.append(#""pod":"last""#) }
                return "{" + parts.joined(separator: ",") + "}"
            }
            #expect(try Self.together(events, decoder) == Self.alone(events))
        }
    }

    @Test func `a rejected event and a broken line leave nothing behind`() throws {
        let good = #"{"name":"a",\#(Self.process(1))}"#
        let longName = String(repeating: "n", count: 300)
        let tooLong = #"{"name":"a",\#(Self.process(1)),"\#(longName)":1}"#
        let broken = #"{"name":"a",\#(Self.process(1)),"x":}"#
        let lines = [good, good, tooLong, good, broken, good, String(good.dropLast(3)), good]
        let decoded = try JSONEventDecoder().lines(lines.joined(separator: "\n"))
        #expect(decoded.rejections.map(\.line) == [3, 5, 7])
        let expected = try Self.alone([good])
        #expect(decoded.rows() == (0..<5).flatMap { _ in expected })
    }

    @Test func `a body of more events than a batch holds`() throws {
        let events = (0..<EventLimits.rowsPerBatch + 2000).map {
            #"{"pod":"p\#($0 % 3)","a":"1","b":"2","c":"3","d":"4","e":"5","f":"6","h":"7","i":"8","#
                + #""j":"9","k":"10","g":\#($0 % 3)}"#
        }
        let rows = try JSONEventDecoder().lines(events.joined(separator: "\n")).rows()
        #expect(rows.count == events.count)
        for (index, row) in rows.enumerated() where row.fields["g"] != .int(Int64(index % 3)) {
            Issue.record("row \(index) has \(row.fields)")
            break
        }
        #expect(rows.allSatisfy { $0.fields.count == 12 && $0.fields["f"] == .string("6") })
    }

    @Test(arguments: [31, 32, 33, 34]) func `what is remembered outlives bodies, not codes`(
        seed: UInt64
    ) throws {
        var random = SeededRandom(seed: seed)
        let decoder = JSONEventDecoder(sharesBatches: true)
        var sent: [String] = []
        var taken = Decoded()
        for body in 0..<60 {
            // Mostly other names at first, so that columns give their dictionaries up once they are
            // encoded.
            let events = (0..<20).map { index in
                let process =
                    body < 10 && index % 8 > 0
                    ? body * 20 + index : Int.random(in: 0..<20 * min(body + 1, 10), using: &random)
                return #"{"id":"\#(body)-\#(index)",\#(Self.process(process)),"ms":\#(index)}"#
            }
            sent += events
            _ = try Self.together(events, decoder)
            if body == 9 { _ = decoder.shared.encoded(from: 0) }
            if body < 20 { continue }
            switch Int.random(in: 0..<6, using: &random) {
            case 0: taken.batches.append(decoder.shared.take())
            case 1: taken.batches.append(decoder.shared.take(decoder.shared.rows / 2))
            case 2, 3: _ = decoder.shared.encoded(from: decoder.shared.rows - 20)
            case 4:
                decoder.shared.removeRows(from: decoder.shared.rows - 20)
                sent.removeLast(20)
            default: break
            }
        }
        taken.batches.append(decoder.shared.take())
        #expect(try taken.rows() == Self.alone(sent))
    }

    @Test func `columns that are numbered anew`() throws {
        let decoder = JSONEventDecoder()
        let processes = (0..<40).map { #"{"id":\#($0),\#(Self.process($0 % 3))}"# }
        let otherwise = (0..<40).map { #"{"team":"first","ms":1,"id":2,\#(Self.process($0 % 3))}"# }
        let wide = (0..<3).map { part in
            "{" + (0..<900).map { #""f\#(part).\#($0)":1"# }.joined(separator: ",") + "}"
        }
        for events in [processes, wide, otherwise, processes, wide, processes] {
            #expect(try Self.together(events, decoder) == Self.alone(events))
        }
    }

    @Test func `keys that mean something else in the next body`() throws {
        let decoder = JSONEventDecoder()
        let lines = (0..<40).map {
            #"{\#(Self.process($0 % 3)),"at":"2026-11-23T08:00:0\#($0 % 3)Z","zone":"a"}"#
        }
        for timeField in [nil, "at", nil, "zone", "at"] {
            let expected = try lines.flatMap {
                try JSONEventDecoder().lines($0, timeField: timeField).rows()
            }
            let decoded = try decoder.lines(lines.joined(separator: "\n"), timeField: timeField)
            #expect(decoded.rows() == expected)
        }
    }

    /// More processes than are remembered, and more of each than fits.
    @Test func `many processes that say much`() throws {
        let much = String(repeating: "much ", count: 100)
        let decoder = JSONEventDecoder()
        for round in 0..<3 {
            let events = (0..<3000).map {
                let process = Self.process(($0 * 7 + round) % 1500)
                return #"{"id":\#($0),\#(process),"a":"\#(much)","b":"\#(much)","ms":1}"#
            }
            #expect(try Self.together(events, decoder) == Self.alone(events))
        }
    }
}
