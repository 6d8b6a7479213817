import Bytes
import Testing

@testable import Service

private let end: Int64 = 1_773_151_200_000_000_000

private func events(_ count: Int, seed: UInt64 = 1) throws -> [JSONObject] {
    var events = ShopEvents(count: count, seed: seed, end: end)
    var all: [JSONObject] = []
    while let lines = events.nextLines() {
        for line in lines.split(separator: UInt8(ascii: "\n")) {
            all.append(try #require(try JSONValue(parsing: Array(line)).object))
        }
    }
    return all
}

private func bytes(_ count: Int, seed: UInt64, chunk: Int) -> [UInt8] {
    var events = ShopEvents(count: count, seed: seed, end: end)
    var all: [UInt8] = []
    while let lines = events.nextLines(size: chunk) { all += lines }
    return all
}

@Suite struct ShopEventsTests {
    @Test func `the same seed gives the same bytes and another seed others`() {
        let first = bytes(500, seed: 7, chunk: 1 << 20)
        #expect(first == bytes(500, seed: 7, chunk: 1000))
        #expect(first != bytes(500, seed: 8, chunk: 1 << 20))
        #expect(first.count { $0 == UInt8(ascii: "\n") } == 500)
    }

    @Test func `events are as wide as those of a real shop`() throws {
        let events = try events(3000)
        let fields = events.map(\.members.count)
        let mean = Double(fields.reduce(0, +)) / Double(fields.count)
        #expect((55...65).contains(mean))
        let names = Set(events.flatMap { $0.members.map(\.key) })
        #expect((90...115).contains(names.count))
        let bytesPerEvent = bytes(3000, seed: 1, chunk: 1 << 20).count / 3000
        #expect((1200...1450).contains(bytesPerEvent))
        for event in events { #expect(Set(event.members.map(\.key)).count == event.members.count) }
    }

    @Test func `spans stand in traces, under parents that began before them`() throws {
        var starts: [String: Int64] = [:]
        var parents = 0
        for event in try events(2000) {
            let time = try #require(event["time"]?.string.flatMap { RFC3339.nanoseconds($0) })
            #expect((end - ShopEvents.defaultSpan...end + 60_000_000_000).contains(time))
            let trace = try #require(event["trace.trace_id"]?.string)
            let span = try #require(event["trace.span_id"]?.string)
            #expect(trace.utf8.count == 32 && span.utf8.count == 16)
            starts[trace + span] = time
            guard let parent = event["trace.parent_id"]?.string else { continue }
            parents += 1
            #expect(try #require(starts[trace + parent]) <= time)
        }
        #expect(parents > 1000)
    }

    @Test func `the three incidents can be found`() throws {
        let events = try events(40_000)
        let slow = events.filter {
            $0["http.route"]?.string == "/checkout" && ($0["duration_ms"]?.number ?? 0) > 20_000
        }
        #expect(slow.count >= 10)
        #expect(slow.allSatisfy { $0["app.flag.new_pricing"]?.bool == true })
        #expect(slow.allSatisfy { ($0["cart_items"]?.integer ?? 0) > 40 })

        var errors: [String: Int] = [:]
        for event in events where event["error"]?.bool == true {
            errors[event["deployment_id"]?.string ?? "", default: 0] += 1
        }
        let worst = try #require(errors.max { $0.value < $1.value })
        #expect(worst.key.hasPrefix("dep-payment-"))
        #expect(Double(worst.value) > 0.8 * Double(errors.values.reduce(0, +)))

        var lookups: [String: (hits: Int, misses: Int)] = [:]
        for event in events {
            guard let isHit = event["cache.hit"]?.bool, let user = event["user_id"]?.string
            else { continue }
            if isHit { lookups[user, default: (0, 0)].hits += 1 }
            if !isHit { lookups[user, default: (0, 0)].misses += 1 }
        }
        let busy = lookups.filter { $0.value.hits + $0.value.misses >= 12 }
        #expect(busy.count >= 5)
        #expect(busy.filter { $0.value.hits == 0 }.map(\.key) == [Incidents.uncachedUser.id])
    }
}
