import Host
import SeriesStore
import TestSupport
import Testing

@Suite struct SeriesErasureTests {
    private let start = StoreFixture.start
    private let hour = StoreFixture.hour

    private func holding(_ text: String, _ fixture: StoreFixture) throws -> Int {
        try fixture.disk.filePaths.reduce(0) { sum, path in
            sum + (try SeriesStore.labels(holding: text, inFile: path, fixture.disk) ?? 0)
        }
    }

    @Test func `series that are erased are in no block and no tier, others are as they were`()
        throws
    {
        let fixture = StoreFixture()
        var store = try fixture.open()
        for user in ["ada", "bob"] {
            for slot in 0..<20 as Range<Int64> {
                _ = try store.write([
                    LabeledSample(
                        ["__name__": "logins", "user": "\(user)@example.com"],
                        start + slot * hour, .float(Double(slot)))
                ])
            }
        }
        try store.close(endingBy: start + 18 * hour, now: start)
        try store.save()
        let others = try Tier.allCases.map { tier in
            try store.all(tier).filter { $0.labels["user"] == "bob@example.com" }
        }
        #expect(try holding("ada@", fixture) > 10)
        let removed = try store.erase { $0["user"] == "ada@example.com" }
        #expect(removed > 10)
        #expect(try holding("ada@", fixture) == 0)
        #expect(try Tier.allCases.map { try store.all($0) } == others)
        #expect(try store.erase { $0["user"] == "ada@example.com" } == 0)
        // Coarser cells made later do not bring them back, and a restart neither.
        try store.close(endingBy: .max, now: start)
        store = try fixture.open()
        #expect(store.findings.isEmpty)
        #expect(try store.all().map(\.labels) == others[0].map(\.labels))
        #expect(try holding("ada@", fixture) == 0)
        #expect(try holding("bob@", fixture) > 10)
    }
}
