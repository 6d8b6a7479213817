import Bytes
import Events
import Ingest
import TestSupport
import Testing

/// Bodies in which many events say the same of the process they come from: what follows a value is
/// then appended without being read, and must be what reading each event alone gives.
@Suite struct RepeatedMembersTests {
    /// What a process says of itself, in one order; ten or more members behind its name.
    static func process(_ number: Int) -> String {
        let region = ["eu-west-1", "us-east-2"][number % 2]
        return #""pod":"checkout-\#(number)","node":"ip-\#(number % 5)","region":"\#(region)","#
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
            #"{"pod":"p\#($0 % 3)","a":"1","b":"2","c":"3","d":"4","e":"5","f":"6","g":\#($0 % 3)}"#
        }
        let rows = try JSONEventDecoder().lines(events.joined(separator: "\n")).rows()
        #expect(rows.count == events.count)
        for (index, row) in rows.enumerated() where row.fields["g"] != .int(Int64(index % 3)) {
            Issue.record("row \(index) has \(row.fields)")
            break
        }
        #expect(rows.allSatisfy { $0.fields.count == 8 && $0.fields["f"] == .string("6") })
    }
}
