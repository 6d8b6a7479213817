internal import Bytes
internal import Host

extension CommandSpec {
    static let generate = CommandSpec(
        "generate", summary: "Writes example events, a shop's spans, as lines of JSON.",
        options: [
            OptionSpec("events", "N", help: "how many", byDefault: "100000"),
            OptionSpec("seed", "S", help: "the same seed gives the same events", byDefault: "1"),
            OptionSpec("end", "TIME", help: "when the last one happened", byDefault: "now"),
            OptionSpec("hours", "H", help: "how long before the end they begin", byDefault: "3"),
        ],
        example: "widefield generate --events 100000 | widefield send --dataset shop -",
        run: { arguments, terminal throws(CommandFailure) in
            let count = try arguments.integer("events", in: 1...1_000_000_000, default: 100_000)
            let seed = try arguments.integer("seed", in: 0...Int.max, default: 1)
            let hours = try arguments.integer("hours", in: 2...24 * 365, default: 3)
            var events = ShopEvents(
                count: count, seed: UInt64(seed), end: try end(of: arguments),
                span: Int64(hours) * 3600 * 1_000_000_000)
            while let lines = events.nextLines() {
                // Whoever read them has had enough.
                guard terminal.write(lines) else { return }
            }
        })
}

private func end(of arguments: ParsedArguments) throws(CommandFailure) -> Int64 {
    guard let text = arguments["end"], text != "now" else {
        return Machine.real.clock.wallNanoseconds() / 1_000_000_000 * 1_000_000_000
    }
    guard let time = RFC3339.nanoseconds(text) else {
        throw CommandFailure(
            .wrongUsage, "--end: expected a time as 2026-03-10T14:00:00Z, found '\(text)'")
    }
    return time
}
