internal import Bytes
internal import Host

extension CommandSpec {
    static let generate = CommandSpec(
        "generate", summary: "Writes example events, a shop's spans, as lines of JSON or as OTLP.",
        options: [
            OptionSpec("events", "N", help: "how many", byDefault: "100000"),
            OptionSpec("seed", "S", help: "the same seed gives the same events", byDefault: "1"),
            OptionSpec("end", "TIME", help: "when the last one happened", byDefault: "now"),
            OptionSpec("hours", "H", help: "how long before the end they begin", byDefault: "3"),
            OptionSpec(
                "format", "ndjson|otlp",
                help: "lines of JSON, or requests of \(OTLPRequests.spansPerRequest) spans in "
                    + "protobuf, each after its length",
                byDefault: "ndjson"),
        ],
        example: "widefield generate --events 100000 | widefield send --dataset shop -",
        run: { arguments, terminal throws(CommandFailure) in
            let count = try arguments.integer("events", in: 1...1_000_000_000, default: 100_000)
            let seed = try arguments.integer("seed", in: 0...Int.max, default: 1)
            let hours = try arguments.integer("hours", in: 2...24 * 365, default: 3)
            var events = ShopEvents(
                count: count, seed: UInt64(seed), end: try end(of: arguments),
                span: Int64(hours) * 3600 * 1_000_000_000)
            let format = arguments["format"] ?? "ndjson"
            guard format == "ndjson" || format == "otlp" else {
                throw CommandFailure(
                    .wrongUsage, "--format: expected ndjson or otlp, found '\(format)'")
            }
            var requests = OTLPRequests()
            while let lines = events.nextLines() {
                let bytes = format == "otlp" ? try otlp(lines, &requests) : lines
                // Whoever read them has had enough.
                guard terminal.write(bytes) else { return }
            }
            if format == "otlp" { terminal.write(try otlp([], &requests, isLast: true)) }
        })
}

private func otlp(
    _ lines: [UInt8], _ requests: inout OTLPRequests, isLast: Bool = false
) throws(CommandFailure) -> [UInt8] {
    do throws(JSONError) {
        return try requests.requests(of: lines, isLast: isLast)
            .flatMap { OTLPRequests.delimited($0) }
    } catch {
        throw CommandFailure(.failed, "a generated event is no JSON: \(error)")
    }
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
