import Bytes
import TestSupport
import Testing

@testable import SeriesStore

@Suite struct LabelIndexTests {
    /// Labels from few names and values, some names missing.
    private func makeLabels(_ count: Int, _ random: inout SeededRandom) -> [Labels] {
        var found: Set<Labels> = []
        while found.count < count {
            var labels = [Label("id", String(Int.random(in: 0..<count * 2, using: &random)))]
            for name in ["job", "größe", "env", "z"] where random.chance(2, in: 3) {
                let value = ["a", "b", "ab", "x.y", "é", ""].randomElement(using: &random) ?? ""
                labels.append(Label(name, value))
            }
            found.insert(Labels(labels))
        }
        return found.sorted()
    }

    private func makeMatcher(_ random: inout SeededRandom) throws -> LabelMatcher {
        let operations: [LabelMatcher.Operation] = [.equal, .notEqual, .matches, .doesNotMatch]
        let operation = operations.randomElement(using: &random) ?? .equal
        let values = ["a", "b", "", "nothing", "é"]
        let patterns = ["a|b", "a.*", ".*", ".+", "", "|a", "nothing", "[^a]*", "x.y"]
        let isPattern = operation == .matches || operation == .doesNotMatch
        return try LabelMatcher(
            ["job", "größe", "env", "z", "absent"].randomElement(using: &random) ?? "", operation,
            (isPattern ? patterns : values).randomElement(using: &random) ?? "")
    }

    private func fileIndex(_ labels: [Labels], _ index: MemoryIndex) throws -> BlockIndex {
        let chunk = StoredChunk(first: 5, last: 9, bytes: [1, 2, 3])
        var chunks = ChunkEntries()
        for number in labels.indices { chunks.append([ChunkPlace(chunk, at: 8 + number)]) }
        return try BlockIndex(BlockIndexWriter(index).encode(labels, chunks))
    }

    @Test(arguments: 1...30)
    func `the index finds what going through all series finds`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        // Above 64 series of one label, lists become bits.
        let labels = makeLabels(seed % 3 == 0 ? 400 : 1 + Int(seed) * 3, &random)
        var memory = MemoryIndex()
        for labels in labels { memory.append(labels) }
        let file = try fileIndex(labels, memory)
        for _ in 0..<40 {
            let matchers = try (0..<Int.random(in: 0..<4, using: &random)).map { _ in
                try makeMatcher(&random)
            }
            let expected = labels.map { labels in matchers.allSatisfy { $0.matches(labels) } }
            for found in [
                try memory.series(matching: matchers), try file.series(matching: matchers),
            ] {
                #expect(labels.indices.map { found[$0] } == expected, "\(seed) \(matchers)")
            }
        }
        for (number, labels) in labels.enumerated() {
            let (found, chunks) = try file.entry(of: number)
            #expect(found == labels)
            #expect(chunks.map(\.offset) == [8 + number] && chunks[0].last == 9)
        }
    }

    @Test func `damaged indexes are an error or an answer, never a trap`() throws {
        var random = SeededRandom(seed: 1)
        let labels = makeLabels(6, &random)
        var memory = MemoryIndex()
        for labels in labels { memory.append(labels) }
        let chunk = StoredChunk(aggregate: .sum, first: -5, last: 9, bytes: [1, 2, 3])
        var chunks = ChunkEntries()
        for _ in labels { chunks.append([ChunkPlace(chunk, at: 8), ChunkPlace(chunk, at: 90)]) }
        let bytes = BlockIndexWriter(memory).encode(labels, chunks)
        let matchers = try [
            LabelMatcher("job", .equal, "a"), LabelMatcher("env", .doesNotMatch, "a.*"),
        ]
        func read(_ bytes: [UInt8]) throws {
            let index = try BlockIndex(bytes)
            _ = try? index.series(matching: matchers)
            for number in 0..<min(index.seriesCount, 20) { _ = try? index.entry(of: number) }
        }
        try read(bytes)
        for length in 0..<bytes.count { _ = try? read(Array(bytes[..<length])) }
        for place in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[place] ^= 1 << UInt8(bit)
                _ = try? read(damaged)
            }
        }
    }
}
