import Alerting
import Bytes
import Host
import Metrics
import SeriesStore
import TestSupport
import Testing

@testable import Service

/// What is kept of alerts when the machine fails at any moment.
@Suite struct AlertFilesTests {
    private static let rules = """
        groups: [{name: a, rules: [{alert: A, expr: ratio > 0.05, for: 30s, labels: {tier: page}}]}]
        """

    private static func files(_ disk: SimulatedDisk) -> AlertFiles {
        AlertFiles(
            directory: "data",
            on: Machine(
                files: SimulatedProcess(disk), clock: SimulatedClock(),
                random: SimulatedRandomness(seed: 1)))
    }

    /// The ratio is too high from 10 s to 90 s.
    private static let context = RuleContext(
        answer: { _, time in
            guard 10_000..<90_000 ~= time else { return .vector([]) }
            let labels = Labels([Label("job", "shop")])
            let samples = Samples(timestamps: [time], values: [0.06])
            return .vector([SeriesData(labels: labels, samples: samples)])
        }, write: { _ in })

    /// A process: evaluates each ten seconds, keeps what changed, then tells; ends when the disk does.
    private static func run(
        _ disk: SimulatedDisk, from seconds: Int64, told: inout [String]
    ) throws -> Int64 {
        let files = files(disk)
        var book = RuleBook(interval: 10_000, standstill: .max, at: seconds * 1000)
        if let bytes = try files.bytes(in: "default") { try book.restore(bytes) }
        book.replace([try RuleFile(Array(rules.utf8), name: "r")], at: seconds * 1000)
        var feed = ReceiverFeed(
            Receiver(name: "hook", kind: .webhook(url: "http://h"), match: [("tier", "page")]))
        if let bytes = try files.bytes(in: "default.hook") { try feed.restore(bytes) }
        for second in stride(from: seconds, through: 120, by: 10) {
            let now = second * 1000
            if book.evaluate(at: now, context) {
                guard (try? files.keep(book.encoded(), in: "default")) != nil else { return second }
            }
            while true {
                let message = feed.message(book.alerts, at: now, externalURL: "")
                if feed.hasNews {
                    guard (try? files.keep(feed.encoded(), in: "default.hook")) != nil else {
                        return second
                    }
                    feed.wasKept()
                }
                guard let message else { break }
                let body = try JSONValue(parsing: message.body)
                let key = body["alerts"]?.array?.first?["fingerprint"]?.string ?? ""
                told.append("\(body["status"]?.string ?? "") \(key)")
                feed.succeeded(message)
            }
        }
        return 120
    }

    @Test func `a crash at any call neither pages anew nor forgets a page`() throws {
        var expected: [String] = []
        for calls in 0... {
            let disk = SimulatedDisk(seed: UInt64(calls))
            try disk.createDirectory("data")
            try disk.synchronizeDirectory(".")
            disk.crash(atCall: disk.callCount + calls)
            var told: [String] = []
            let died = (try? Self.run(disk, from: 0, told: &told)) ?? 0
            let isOver = !disk.hasCrashed
            disk.powerCut()
            _ = try Self.run(disk, from: died, told: &told)
            if isOver { break }
            if expected.isEmpty {
                var reference: [String] = []
                let calm = SimulatedDisk(seed: 0)
                try calm.createDirectory("data")
                _ = try Self.run(calm, from: 0, told: &reference)
                expected = reference
                #expect(expected.count == 2)
            }
            // The same two, in their order; one that was told when the crash came may come again.
            var once: [String] = []
            for message in told where once.last != message { once.append(message) }
            #expect(once == expected, "call \(calls)")
            #expect(told.count <= 3, "call \(calls)")
        }
    }
}
