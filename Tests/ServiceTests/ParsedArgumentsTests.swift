import Testing

@testable import Service

private let spec = CommandSpec(
    "try", operands: "[FILE]", operandCount: 0...1, summary: "Tries.",
    options: [
        OptionSpec("otlp-http", "ADDRESS", help: "an address", byDefault: "off"),
        OptionSpec("count", "N", help: "a number"), OptionSpec("loud", help: "a switch"),
    ],
    example: "widefield try --loud",
    run: { _, _ throws(CommandFailure) in })

private func parse(
    _ arguments: [String], _ environment: [String: String] = [:]
) throws(CommandFailure) -> ParsedArguments {
    try ParsedArguments(arguments, for: spec, environment: { environment[$0] })
}

@Suite struct ParsedArgumentsTests {
    @Test func `options are taken in both spellings and a flag goes before its variable`() throws {
        let environment = ["WIDEFIELD_OTLP_HTTP": "b", "WIDEFIELD_COUNT": "7"]
        for arguments in [["--otlp-http", "a", "f"], ["f", "--otlp-http=a"]] {
            let parsed = try parse(arguments, environment)
            #expect(parsed["otlp-http"] == "a")
            #expect(parsed.operands == ["f"])
            #expect(parsed.switches.isEmpty)
            #expect(try parsed.integer("count", in: 1...9, default: 1) == 7)
        }
    }

    @Test func `two dashes end the options and one dash is an operand`() throws {
        #expect(try parse(["--loud", "--", "--count"]).operands == ["--count"])
        #expect(try parse(["-"]).operands == ["-"])
    }

    @Test(arguments: [
        ["--nope"], ["-x"], ["--count"], ["--loud=1"], ["a", "b"],
    ])
    func `wrong usage ends with code 2`(arguments: [String]) {
        #expect {
            try parse(arguments)
        } throws: {
            ($0 as? CommandFailure)?.code == .wrongUsage
        }
    }

    @Test(arguments: ["0", "10", "x", ""])
    func `a number outside its range is wrong usage`(text: String) throws {
        let parsed = try parse(["--count", text])
        #expect(throws: CommandFailure.self) {
            try parsed.integer("count", in: 1...9, default: 1)
        }
    }

    @Test func `help is asked for before anything else is checked`() throws {
        #expect(try parse(["--help", "--nope"]).asksForHelp)
        #expect(spec.help.contains("--otlp-http ADDRESS  an address [off]"))
        #expect(spec.help.contains("widefield try --loud"))
    }

    @Test func `every command has a summary, an example that names it, and options that explain`() {
        for command in CommandLineTool.commands {
            #expect(command.example.contains("widefield \(command.name)"))
            #expect(command.summary.hasSuffix("."))
            #expect(command.options.allSatisfy { !$0.help.isEmpty })
        }
    }
}
