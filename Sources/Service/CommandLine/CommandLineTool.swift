internal import Glibc

/// The `widefield` executable: finds the command, runs it, gives its exit code.
public enum CommandLineTool {
    /// 0 done, 1 the thing asked failed, 2 wrong usage, 3 the server cannot be reached.
    public static func run(_ arguments: [String]) -> Int32 {
        signal(SIGPIPE, SIG_IGN)
        let terminal = Terminal()
        guard let name = arguments.dropFirst().first else {
            terminal.tell(overview)
            return CommandFailure.Code.wrongUsage.rawValue
        }
        if ["--help", "-h", "help"].contains(name) {
            terminal.write(overview)
            return 0
        }
        guard let command = commands.first(where: { $0.name == name }) else {
            terminal.tell("widefield: unknown command '\(name)'\n\n\(overview)")
            return CommandFailure.Code.wrongUsage.rawValue
        }
        do throws(CommandFailure) {
            let parsed = try ParsedArguments(
                arguments.dropFirst(2), for: command,
                environment: { name in getenv(name).map { String(cString: $0) } })
            if parsed.asksForHelp {
                terminal.write(command.help)
            } else {
                try command.run(parsed, terminal)
            }
            return 0
        } catch {
            terminal.endProgress()
            // It may quote names that clients sent.
            terminal.tell("widefield: \(harmless(error.message, keepsLines: true))\n")
            return error.code.rawValue
        }
    }

    static let commands: [CommandSpec] = [
        .serve, .send, .query, .queries, .explain, .export, .tail, .bubbleup, .trace, .datasets,
        .fields, .metrics,
        .rules, .slo,
        .keys,
        .verify, .forget, .backup,
        .generate,
        .bench,
    ]

    private static var overview: String {
        let width = commands.map(\.name.count).max() ?? 0
        var text = "Widefield keeps every wide event and answers questions about any field.\n\n"
        text += "Usage: widefield COMMAND [OPTIONS]\n\nCommands:\n"
        for command in commands {
            let gap = String(repeating: " ", count: width - command.name.count + 2)
            text += "  \(command.name)\(gap)\(command.summary)\n"
        }
        return text + "\n'widefield COMMAND --help' tells more, with an example.\n"
    }
}
