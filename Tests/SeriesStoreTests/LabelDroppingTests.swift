import Host
import SeriesStore
import TestSupport
import Testing

/// Labels that go when samples pass an age.
@Suite struct LabelDroppingTests {
    private static let start = StoreFixture.start
    private static let hour = StoreFixture.hour
    private static let month = Tier.hour.blockLength
    private static let rules: [String: [LabelDropping]] = [
        "n": [
            LabelDropping(age: 24 * hour, labels: ["pod"], merging: .sum),
            LabelDropping(age: 24 * hour + month, labels: ["zone"], merging: .sum),
        ]
    ]

    private static func series(_ pod: String, _ zone: String, _ samples: Samples) -> SeriesData {
        let all = [(Labels.metricName, "n"), ("service", "s"), ("pod", pod), ("zone", zone)]
        return SeriesData(labels: Labels(all.map { Label($0.0, $0.1) }), samples: samples)
    }

    /// Increments of two pods in three months, some blocks each.
    private static func stageAll(_ store: SeriesStore, _ random: inout SeededRandom) throws {
        for place in 0..<6 {
            let block = start + Int64(place / 2) * month + Int64(place % 2) * 2 * hour
            let all = ["a", "b", "c"].map { pod in
                var samples = Samples()
                for cell in 0..<720 where random.chance(1, in: 60) {
                    let value = Double(Int.random(in: 1..<9, using: &random))
                    samples.append(block + Int64(cell) * 10_000, value)
                }
                return series(pod, pod == "c" ? "y" : "x", samples)
            }
            try store.stage(all, at: block, now: start) { _, _, second in second }
        }
        try store.commitStaged(now: start)
    }

    /// The sum of each month by the labels that are left.
    private static func totals(_ view: SeriesView) throws -> [String: Double] {
        try (0..<3).reduce(into: [:]) { totals, place in
            let from = start + Int64(place) * month
            for data in try view.select([], from: from, to: from + month - 1) {
                let key =
                    "\(place) \(data.labels["service"]) \(data.labels["pod"]) "
                    + data.labels["zone"]
                totals[key, default: 0] += data.samples.values.reduce(0, +)
            }
        }
    }

    /// What is to be left of totals when labels of the first months are gone.
    private static func dropping(
        _ totals: [String: Double], _ left: (_ month: Int, _ pod: String, _ zone: String) -> String
    ) -> [String: Double] {
        totals.reduce(into: [:]) { sums, entry in
            let parts = entry.key.split(separator: " ", omittingEmptySubsequences: false)
            let key = left(Int(parts[0]) ?? 0, String(parts[2]), String(parts[3]))
            sums["\(parts[0]) \(parts[1]) \(key)", default: 0] += entry.value
        }
    }

    @Test(arguments: [false, true])
    func `series that become one are added up in every tier, month by month`(
        isOld: Bool
    ) throws {
        var random = SeededRandom(seed: 3)
        let fixture = StoreFixture()
        // Also where only cells of hours are left.
        if isOld { fixture.options.retention = [.written: Self.hour, .minute: Self.hour] }
        let store = try fixture.open()
        try Self.stageAll(store, &random)
        let before = try Self.totals(store.view(.sum))
        #expect(before.count == 9)
        let now = Self.start + Self.month + 23 * Self.hour
        try store.retain(now: now)
        #expect(try store.dropLabels(Self.rules, now: now) == 0)
        #expect(try Self.totals(store.view(.sum)) == before)
        try store.dropLabels(Self.rules, now: now + Self.hour)
        let first = Self.dropping(before) { month, pod, zone in
            month == 0 ? " \(zone)" : "\(pod) \(zone)"
        }
        #expect(first.count == 8)
        #expect(try Self.totals(store.view(.sum)) == first)
        #expect(try Self.totals(store.view(of: .hour, .sum)) == first)
        // Nothing is left to do.
        #expect(try store.dropLabels(Self.rules, now: now + Self.hour) == 0)
        try store.dropLabels(Self.rules, now: now + Self.hour + 2 * Self.month)
        let all = Self.dropping(before) { month, _, zone in month == 2 ? " \(zone)" : " " }
        #expect(all.count == 4)
        let reopened = try fixture.open()
        #expect(try Self.totals(reopened.view(.sum)) == all)
        #expect(try Self.totals(reopened.view(of: .hour, .sum)) == all)
        #expect(try reopened.dropLabels(Self.rules, now: now + Self.hour + 2 * Self.month) == 0)
        let known = try reopened.view(of: .hour, .sum).labelNames([], from: .min, to: .max)
        #expect(known == [Labels.metricName, "service", "zone"])
    }

    @Test func `what is added to a month whose labels are gone loses them too`() throws {
        var random = SeededRandom(seed: 4)
        let fixture = StoreFixture()
        let store = try fixture.open()
        try Self.stageAll(store, &random)
        let now = Self.start + 10 * Self.month
        try store.dropLabels(Self.rules, now: now)
        let before = try Self.totals(store.view(.sum))
        var samples = Samples()
        samples.append(Self.start + 10_000, 100)
        let late = Self.series("late", "x", samples)
        try store.stage([late], at: Self.start, now: now) { _, _, second in second }
        try store.commitStaged(now: now)
        #expect(try store.dropLabels(Self.rules, now: now) > 0)
        var expected = before
        expected["0 s  ", default: 0] += 100
        #expect(try Self.totals(store.view(.sum)) == expected)
        #expect(try Self.totals(store.view(of: .hour, .sum)) == expected)
    }

    @Test(arguments: [
        (LabelDropping.Merging.min, CellReading.min, 1.0), (.max, .max, 6), (.average, .average, 3),
        (.sum, .average, 9),
    ])
    func `gauges that become one are read by their rule in every tier`(
        merging: LabelDropping.Merging, reading: CellReading, expected: Double
    ) throws {
        let store = try StoreFixture().open()
        let all = [("a", 1.0), ("b", 2), ("c", 6)].map { pod, value in
            let samples = Samples(
                timestamps: [Self.start, Self.start + 10_000], values: [value, value])
            return Self.series(pod, "", samples)
        }
        try store.stage(all, at: Self.start, now: Self.start) { _, _, second in second }
        try store.commitStaged(now: Self.start)
        let rule = LabelDropping(age: 0, labels: ["pod"], merging: merging)
        try store.dropLabels(["n": [rule]], now: Self.start + 2 * Self.month)
        for tier in Tier.allCases {
            let found = try store.all(tier, reading)
            #expect(found.count == 1)
            #expect(found.first?.samples.values.allSatisfy { $0 == expected } == true, "\(tier)")
        }
    }

    @Test(arguments: [false, true])
    func `whatever call goes wrong, every increment is there once and the rest is done later`(
        isKilled: Bool
    ) throws {
        let now = Self.start + Self.month + 24 * Self.hour
        func live(_ fixture: StoreFixture) throws {
            var random = SeededRandom(seed: 6)
            let store = try fixture.open()
            try Self.stageAll(store, &random)
            try store.dropLabels(Self.rules, now: now)
        }
        let whole = StoreFixture()
        var random = SeededRandom(seed: 6)
        try Self.stageAll(whole.open(), &random)
        let calls = whole.disk.callCount
        let sum = try Self.totals(whole.open().view(.sum)).values.reduce(0, +)
        let reference = StoreFixture()
        try live(reference)
        let expected = try Self.totals(reference.open().view(.sum))
        #expect(reference.disk.callCount > calls + 20)
        for call in calls..<reference.disk.callCount {
            let fixture = StoreFixture(seed: UInt64(call))
            fixture.disk.crash(atCall: call)
            _ = try? live(fixture)
            if isKilled { fixture.disk.kill() } else { fixture.disk.powerCut() }
            fixture.disk.crash(atCall: nil)
            let store = try fixture.open()
            for view in [store.view(.sum), store.view(of: .hour, .sum)] {
                #expect(try Self.totals(view).values.reduce(0, +) == sum, "call \(call)")
            }
            try store.dropLabels(Self.rules, now: now)
            #expect(try Self.totals(store.view(.sum)) == expected, "call \(call)")
            #expect(try Self.totals(store.view(of: .hour, .sum)) == expected, "call \(call)")
        }
    }
}
