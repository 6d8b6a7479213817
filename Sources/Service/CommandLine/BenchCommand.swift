internal import Bytes

extension CommandSpec {
    static let bench = CommandSpec(
        "bench",
        summary: "Measures each stage of an event's road, series and rules, on this machine.",
        options: [
            OptionSpec("events", "N", help: "events to measure with", byDefault: "200000"),
            OptionSpec(
                "series", "N", help: "series of 720 samples held in memory", byDefault: "10000"),
            OptionSpec(
                "series-file", "FILE",
                help: "write these series as OpenMetrics text, for other stores"),
            OptionSpec(
                "series-from", "FILE",
                help: "measure only what these series take: an answer of the type matrix"),
            OptionSpec(
                "rules", "N", help: "alert rules over a metric of the events", byDefault: "10000"),
            OptionSpec("rounds", "R", help: "runs of each stage; the best counts", byDefault: "5"),
        ],
        example: "widefield bench --events 500000",
        run: { arguments, terminal throws(CommandFailure) in
            let count = try arguments.integer("events", in: 1000...2_000_000, default: 200_000)
            let series = try arguments.integer("series", in: 1...4_000_000, default: 10_000)
            let rules = try arguments.integer("rules", in: 1...20_000, default: 10_000)
            let rounds = try arguments.integer("rounds", in: 1...100, default: 5)
            if let path = arguments["series-file"] {
                do { try SeriesText.write(series, to: path) } catch {
                    throw CommandFailure(.failed, "the series were not written: \(error)")
                }
            }
            if let path = arguments["series-from"] {
                do {
                    try SeriesBenchmark.sizes(of: try MatrixFile.series(at: path)) { figure in
                        terminal.write(BenchTable.line(figure))
                    }
                } catch {
                    throw CommandFailure(.failed, "the series were not measured: \(error)")
                }
                return
            }
            let timer = BenchmarkTimer(rounds: rounds)
            let bandwidth = timer.memoryBandwidth()
            terminal.write(
                "memory, one thread reading: \(BenchTable.rate(bandwidth)); "
                    + "processor time, best of \(rounds)\n\n")
            terminal.write(BenchTable.heading)
            do {
                try EventBenchmark(count: count, timer: timer).run { row in
                    terminal.write(BenchTable.line(row, bandwidth: bandwidth))
                }
                terminal.write("\n" + BenchTable.seriesHeading)
                try SeriesBenchmark(count: series, timer: timer).run { figure in
                    terminal.write(BenchTable.line(figure))
                }
                terminal.write("\n" + BenchTable.rulesHeading)
                try RuleBenchmark(rules: rules, events: count, timer: timer).run { figure in
                    terminal.write(BenchTable.line(figure))
                }
            } catch {
                throw CommandFailure(.failed, "a stage failed: \(error)")
            }
        })
}

/// The lines that `bench` prints.
private enum BenchTable {
    static let heading =
        pad("stage", 36) + pad("ms", -10) + pad("ns/event", -12) + pad("bytes/s", -14)
        + pad("of memory", -12) + "\n"

    static func line(_ row: EventBenchmark.Row, bandwidth: Double) -> String {
        let perEvent = row.seconds * 1e9 / Double(row.events)
        let speed = row.bytes / row.seconds
        let isBytes = row.bytes > 0
        return pad(row.name, 36) + pad(decimal(row.seconds * 1000), -10)
            + pad(decimal(perEvent), -12) + pad(isBytes ? rate(speed) : "", -14)
            + pad(isBytes ? decimal(100 * speed / bandwidth) + " %" : "", -12) + "\n"
    }

    static let seriesHeading = pad("series", 36) + pad("figure", -10) + "\n"

    static let rulesHeading = pad("rules", 36) + pad("figure", -10) + "\n"

    static func line(_ figure: SeriesBenchmark.Figure) -> String {
        pad(figure.name, 36) + pad(decimal(figure.value), -10) + " " + pad(figure.unit, 14)
            + figure.note + "\n"
    }

    static func rate(_ bytesPerSecond: Double) -> String {
        bytesPerSecond >= 1e9
            ? decimal(bytesPerSecond / 1e9) + " GB/s" : decimal(bytesPerSecond / 1e6) + " MB/s"
    }

    private static func decimal(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }

    /// The text in `width` columns: on the left, or for a negative width on the right.
    private static func pad(_ text: String, _ width: Int) -> String {
        let gap = String(repeating: " ", count: max(0, abs(width) - text.count))
        return width < 0 ? gap + text : text + gap
    }
}
