import Foundation
import Host
import SeriesStore
import TestSupport
import Testing

@testable import Metrics

/// Prometheus's own tests of its engine, run as they are.
@Suite struct PromQLScriptTests {
    static let files = [
        "at_modifier", "collision", "duration_expression", "extended_vectors", "fill-modifier",
        "functions", "info", "limit", "literals", "name_label_dropping", "native_histograms",
        "operators", "range_queries", "staleness", "start_timestamps", "trig_functions",
        "type_and_unit",
    ]

    /// Cases that do not pass, by the line of their `eval`, and why.
    static let skipped: [String: [(lines: [Int], reason: String)]] = [
        "native_histograms": [
            (
                [1857, 1862, 1867, 1872, 1880, 1885, 1947, 1951, 1955],
                "Prometheus decides about resets while it reads only counts and sums, and then "
                    + "finds that the decisions contradict; here buckets are always read"
            )
        ],
        "start_timestamps": [
            (
                [
                    8, 13, 18, 24, 42, 66, 74, 82, 144, 169, 189, 207, 210, 213, 217, 234, 240,
                    246, 259, 276, 284, 289, 305, 310,
                ], "when a counter began is not stored"
            )
        ],
    ]

    /// Scripts with every kind of sample; what they load goes to files of blocks and is read back.
    @Test(arguments: ["functions", "native_histograms", "staleness", "at_modifier"])
    func `cases pass over series in blocks on disk`(file: String) throws {
        let outcomes = try run(file) { script in
            let store = try SeriesStore(
                Machine(
                    files: SimulatedProcess(SimulatedDisk(seed: 1)), clock: SimulatedClock(),
                    random: SimulatedRandomness(seed: 1)),
                directory: "data",
                options: SeriesStore.Options { left, right in
                    var sum = Histogram(left)
                    _ = try? sum.add(Histogram(right))
                    return sum.stored
                })
            #expect(try store.write(script.samples).isEmpty)
            try store.close(endingBy: .max, now: 0)
            #expect(store.figures().openSeries == 0)
            return store.view(of: .written, .average)
        }
        guard let outcomes else { return }
        check(outcomes, file)
    }

    @Test(arguments: files)
    func `every case passes but those that are known not to`(file: String) throws {
        guard let outcomes = try run(file) else { return }
        let passed = outcomes.count { $0.failure == nil }
        print("\(file): \(passed) of \(outcomes.count) cases")
        for (lines, reason) in PromQLScriptTests.skipped[file] ?? [] {
            print("\(file): \(lines.count) skipped: \(reason)")
        }
        check(outcomes, file)
    }

    private func check(_ outcomes: [ScriptOutcome], _ file: String) {
        let skipped = Set(PromQLScriptTests.skipped[file]?.flatMap(\.lines) ?? [])
        for outcome in outcomes {
            if let failure = outcome.failure, !skipped.contains(outcome.line) {
                Issue.record("\(file):\(outcome.line) \(outcome.query): \(failure)")
            }
            // One that passes is to leave the list.
            if skipped.contains(outcome.line) {
                #expect(outcome.failure != nil, "\(file):\(outcome.line) passes")
            }
        }
    }

    private func run(
        _ file: String,
        over makeSource: @escaping (ScriptStore) throws -> any SeriesSource = { $0 }
    ) throws -> [ScriptOutcome]? {
        guard let text = CaseScripts.text("promql/\(file).test") else { return nil }
        var runner = ScriptRunner(text, makeSource: makeSource)
        try runner.run()
        return runner.outcomes
    }
}

/// What a user sees, in scripts of the project's own.
@Suite struct PromQLFixtureTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "fixtures/promql")

    @Test func `every case of every script passes`() throws {
        let names = try FileManager.default.contentsOfDirectory(
            atPath: PromQLFixtureTests.folder.path()
        )
        .filter { $0.hasSuffix(".test") }
        #expect(!names.isEmpty)
        for name in names.sorted() {
            let url = PromQLFixtureTests.folder.appending(path: name)
            var runner = ScriptRunner(try String(contentsOf: url, encoding: .utf8))
            try runner.run()
            #expect(!runner.outcomes.isEmpty)
            for outcome in runner.outcomes where outcome.failure != nil {
                Issue.record("\(name):\(outcome.line) \(outcome.query): \(outcome.failure ?? "")")
            }
        }
    }
}

/// Scripts by others, which lie beside the project or where `WIDEFIELD_CASES` says.
enum CaseScripts {
    private static let folder: URL = {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let named = ProcessInfo.processInfo.environment["WIDEFIELD_CASES"]
        return named.map { URL(filePath: $0) }
            ?? root.appending(path: "../shared/cases").standardized
    }()

    /// The text of a script; nil, which is said aloud, where there is none.
    static func text(_ path: String) -> String? {
        let text = try? String(contentsOf: folder.appending(path: path), encoding: .utf8)
        if text == nil { print("not there, so not tested: \(path) in \(folder.path())") }
        return text
    }
}
