import Bytes
import Events
import Testing

@testable import Ingest

/// Bodies of several requests in one batch.
@Suite struct SharedBatchTests {
    private let bodies = [
        #"[{"data":{"a":1,"b":"x"}},{"time":5,"samplerate":3,"data":{"a":"y"}}]"#,
        #"[{"data":{"a":2,"new":true}},{"data":{"a":3}},{"#,
        #"[{"data":{"b":"z"}},{"data":[]},{"data":{"a":2.5}}]"#,
        #"not JSON"#,
        #"[]"#,
        #"[{"data":{"new":"again","b":"x"}}]"#,
    ]

    /// What each body gives by itself: its events, or nothing when it is refused.
    private func apart() -> [Decoded?] {
        let decoder = JSONEventDecoder()
        return bodies.map { try? decoder.batch($0) }
    }

    @Test func `bodies give together what each gives alone, and a refused one nothing`() throws {
        let decoder = JSONEventDecoder(sharesBatches: true)
        for _ in 0..<3 {
            let expected = apart()
            var rows = 0
            for (body, alone) in zip(bodies, expected) {
                let decoded = try? decoder.batch(body)
                #expect(decoded?.events == alone?.events)
                #expect(decoded?.rejections == alone?.rejections)
                #expect(decoded?.batches.isEmpty ?? true)
                rows += alone?.accepted ?? 0
                #expect(decoder.shared.rows == rows)
            }
            var together = Decoded()
            together.batches = [decoder.shared.take()]
            #expect(together.rows() == expected.flatMap { $0?.rows() ?? [] })
            #expect(decoder.shared.rows == 0)
        }
    }

    @Test func `events of a body can be taken back`() throws {
        let decoder = JSONEventDecoder(sharesBatches: true)
        _ = try decoder.batch(bodies[0])
        let before = decoder.shared.rows
        _ = try decoder.batch(bodies[2])
        decoder.shared.removeRows(from: before)
        _ = try decoder.batch(bodies[5])
        var together = Decoded()
        together.batches = [decoder.shared.take()]
        #expect(together.rows() == [0, 5].flatMap { apart()[$0]?.rows() ?? [] })
    }

    @Test func `a body decoded again leaves the others, however many fields it brought`() throws {
        let decoder = JSONEventDecoder(sharesBatches: true)
        _ = try decoder.batch(bodies[0])
        let before = decoder.shared.rows
        let events = (0..<3).map { part in
            let fields = (0..<900).map { #""f\#(part).\#($0)":1"# }.joined(separator: ",")
            return #"{"data":{\#(fields)}}"#
        }
        let wide = "[" + events.joined(separator: ",") + "]"
        // As when its dataset was written otherwise by a request that came first.
        for _ in 0..<2 {
            decoder.shared.removeRows(from: before)
            _ = try decoder.batch(wide)
            #expect(decoder.shared.rows == before + 3)
        }
        var together = Decoded()
        together.batches = [decoder.shared.take()]
        #expect(together.rows().prefix(before) == apart()[0]?.rows()[...])
        _ = try decoder.batch(bodies[0])
        #expect(decoder.shared.rows == before)
    }

    @Test func `a body that would fill the batch is left to be decoded by itself`() throws {
        let decoder = JSONEventDecoder(sharesBatches: true)
        _ = try decoder.batch(bodies[0])
        let many =
            "["
            + Array(repeating: #"{"data":{"a":1}}"#, count: 70_000)
            .joined(separator: ",") + "]"
        let refusal = #expect(throws: BodyRefusal.self) { _ = try decoder.batch(many) }
        #expect(refusal?.reason == .notShared)
        #expect(decoder.shared.rows == 2)
        #expect(decoder.shared.hasRoom)
        #expect(try JSONEventDecoder().batch(many).accepted == 70_000)
    }

    @Test func `a batch of many cells has no room for more`() throws {
        let decoder = JSONEventDecoder(sharesBatches: true)
        let fields = (0..<200).map { #""f\#($0)":1"# }.joined(separator: ",")
        let wide =
            "["
            + Array(repeating: #"{"data":{\#(fields)}}"#, count: 500)
            .joined(separator: ",") + "]"
        var bodies = 0
        while decoder.shared.hasRoom {
            _ = try decoder.batch(wide)
            bodies += 1
        }
        #expect(bodies == 21)
    }
}
