import Events
import Testing

@testable import EventStore

@Suite struct DecodedColumnCacheTests {
    private func column() -> Column {
        Column(rows: 100, ints: NumberLane(values: [Int64](repeating: 1, count: 100), present: nil))
    }

    private func key(_ index: Int, segment: Int = 1) -> DecodedColumnCache.Key {
        DecodedColumnCache.Key(segment: segment, column: index, part: .rowGroup(0))
    }

    @Test func `a full cache that takes ever new columns stays of one size`() {
        let cache = DecodedColumnCache(bytesMax: 10_000)
        for index in 0..<5_000 {
            cache.insert(column(), key(index))
            #expect(cache.byteCount <= 10_000)
            #expect(cache.queueLength < 50)
        }
        #expect(cache.column(key(4_999)) != nil)
        #expect(cache.column(key(0)) == nil)
    }

    @Test func `what is asked for stays`() {
        let cache = DecodedColumnCache(bytesMax: 10_000)
        cache.insert(column(), key(0))
        for index in 1..<500 {
            #expect(cache.column(key(0)) != nil)
            cache.insert(column(), key(index))
        }
    }

    @Test func `a segment that goes takes its columns along and no others`() {
        let cache = DecodedColumnCache(bytesMax: 10_000)
        for index in 0..<40 { cache.insert(column(), key(index, segment: 1 + index % 2)) }
        cache.remove(segment: 1)
        #expect(cache.column(key(38)) == nil)
        #expect(cache.column(key(39, segment: 2)) != nil)
        for index in 40..<80 { cache.insert(column(), key(index, segment: 2)) }
        #expect(cache.byteCount <= 10_000)
        #expect(cache.column(key(79, segment: 2)) != nil)
    }
}
