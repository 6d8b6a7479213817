/// One option of a command: a flag, and a `WIDEFIELD_…` variable of the same name.
struct OptionSpec: Sendable {
    /// Without dashes: `otlp-http` is `--otlp-http` and `WIDEFIELD_OTLP_HTTP`.
    let name: String
    /// What stands for its value in the help, as `HOST:PORT`; nil for a switch without value.
    let value: String?
    /// What it does, in one line.
    let help: String
    /// What is taken when it is not given, for the help; nil when there is nothing to say.
    let byDefault: String?

    init(_ name: String, _ value: String? = nil, help: String, byDefault: String? = nil) {
        self.name = name
        self.value = value
        self.help = help
        self.byDefault = byDefault
    }

    var variable: String {
        "WIDEFIELD_" + name.uppercased().replacing("-", with: "_")
    }
}

/// A command as it is declared: what it takes, what it is for, and the function it runs.
struct CommandSpec: Sendable {
    let name: String
    /// What stands after the options in the usage line, as `[FILE…|-]`.
    let operands: String
    /// How many operands it takes.
    let operandCount: ClosedRange<Int>
    let summary: String
    let options: [OptionSpec]
    /// One line that works when typed.
    let example: String
    let run: @Sendable (ParsedArguments, Terminal) throws(CommandFailure) -> Void

    init(
        _ name: String, operands: String = "", operandCount: ClosedRange<Int> = 0...0,
        summary: String, options: [OptionSpec], example: String,
        run: @escaping @Sendable (ParsedArguments, Terminal) throws(CommandFailure) -> Void
    ) {
        self.name = name
        self.operands = operands
        self.operandCount = operandCount
        self.summary = summary
        self.options = options
        self.example = example
        self.run = run
    }

    /// The text of `--help`.
    var help: String {
        var text = "\(summary)\n\nUsage: widefield \(name) [OPTIONS]"
        text += operands.isEmpty ? "\n" : " \(operands)\n"
        let rows = options.map { option in
            (
                "  --\(option.name)" + (option.value.map { " \($0)" } ?? ""),
                option.help + (option.byDefault.map { " [\($0)]" } ?? "")
            )
        }
        if !rows.isEmpty {
            let width = rows.map(\.0.count).max() ?? 0
            text += "\nOptions:\n"
            for (left, right) in rows {
                text += left + String(repeating: " ", count: width - left.count + 2) + right + "\n"
            }
            text += "\nEvery option with a value can also be given as a variable: "
            text += "--\(options[0].name) is \(options[0].variable).\n"
        }
        return text + "\nExample:\n  \(example)\n"
    }
}

/// The arguments of one command, checked against its declaration.
struct ParsedArguments: Sendable {
    private(set) var values: [String: String] = [:]
    private(set) var switches: Set<String> = []
    private(set) var operands: [String] = []
    /// `--help` was among them; nothing else was checked.
    private(set) var asksForHelp = false

    /// Reads `--name value`, `--name=value`, switches and operands; `--` ends the options.
    ///
    /// Throws a usage failure that names what is wrong. Options that are not given are looked up
    /// in the environment.
    init(
        _ arguments: some Sequence<String>, for spec: CommandSpec, environment: (String) -> String?
    ) throws(CommandFailure) {
        var rest = Array(arguments)[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                operands += rest
                break
            }
            if argument == "--help" || argument == "-h" {
                asksForHelp = true
                return
            }
            guard argument.hasPrefix("--") else {
                guard argument == "-" || !argument.hasPrefix("-") else {
                    throw .usage("unknown option '\(argument)'", of: spec.name)
                }
                operands.append(argument)
                continue
            }
            try readOption(argument.dropFirst(2), from: &rest, for: spec)
        }
        for option in spec.options where option.value != nil && values[option.name] == nil {
            if let value = environment(option.variable) { values[option.name] = value }
        }
        guard spec.operandCount.contains(operands.count) else {
            throw .usage(
                "expected \(spec.operands.isEmpty ? "no operands" : spec.operands)", of: spec.name)
        }
    }

    private mutating func readOption(
        _ text: Substring, from rest: inout ArraySlice<String>, for spec: CommandSpec
    ) throws(CommandFailure) {
        let equals = text.firstIndex(of: "=")
        let name = String(text[..<(equals ?? text.endIndex)])
        guard let option = spec.options.first(where: { $0.name == name }) else {
            throw .usage("unknown option '--\(name)'", of: spec.name)
        }
        guard let placeholder = option.value else {
            guard equals == nil else { throw .usage("--\(name) takes no value", of: spec.name) }
            switches.insert(name)
            return
        }
        if let equals {
            values[name] = String(text[text.index(after: equals)...])
        } else if let value = rest.popFirst() {
            values[name] = value
        } else {
            throw .usage("--\(name) needs a value: \(placeholder)", of: spec.name)
        }
    }

    /// The value of an option, nil when it was given neither as a flag nor as a variable.
    subscript(_ name: String) -> String? { values[name] }

    /// The whole number given for an option, or its default.
    ///
    /// Throws a usage failure when it is no number in the range.
    func integer(
        _ name: String, in range: ClosedRange<Int>, default fallback: Int
    ) throws(CommandFailure) -> Int {
        guard let text = values[name] else { return fallback }
        guard let number = Int(text), range.contains(number) else {
            throw CommandFailure(
                .wrongUsage,
                "--\(name): expected a number from \(range.lowerBound) to \(range.upperBound), "
                    + "found '\(text)'")
        }
        return number
    }
}

/// How a command ends when it does not succeed.
struct CommandFailure: Error {
    enum Code: Int32 {
        /// The thing asked failed.
        case failed = 1
        case wrongUsage = 2
        case serverUnreachable = 3
    }

    let code: Code
    /// Told on standard error; may be several lines.
    let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    static func usage(_ message: String, of command: String) -> CommandFailure {
        CommandFailure(.wrongUsage, "\(message)\nSee: widefield \(command) --help")
    }
}
