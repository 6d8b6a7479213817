import Bytes
import Events
import Ingest
import Testing

@Suite struct EarliestTimeTests {
    private let decoder = JSONEventDecoder()

    @Test func `events past their retention are rejected one by one, with their line`() throws {
        decoder.earliest = 1_000_000_000_000_000_000
        let lines = PaddedBytes(
            Array(
                """
                {"time": 1000000000, "n": 1}
                {"time": 999999999, "n": 2}
                {"n": 3}
                """.utf8))
        let decoded = try decoder.decodeLines(lines, dataset: "d", receivedAt: 2_000_000_000)
        #expect(decoded.accepted == 2)
        #expect(decoded.batches.map(\.rows) == [2])
        #expect(decoded.rejections.map(\.line) == [2])
        #expect(
            decoded.rejections.map(\.message) == [
                "event is older than the retention of its dataset"
            ])
    }

    @Test func `without a bound nothing is too old`() throws {
        let body = PaddedBytes(Array(#"[{"time": 1, "data": {"n": 1}}]"#.utf8))
        #expect(try decoder.decodeBatch(body, dataset: "d", receivedAt: 5).accepted == 1)
    }
}
