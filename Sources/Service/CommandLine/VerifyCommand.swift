internal import EventStore
internal import Host

extension CommandSpec {
    static let verify = CommandSpec(
        "verify", summary: "Reads every byte of a stopped server's directory and checks it.",
        options: [OptionSpec("data", "DIR", help: "the data directory", byDefault: "./data")],
        example: "widefield verify --data ./data",
        run: { arguments, terminal throws(CommandFailure) in
            let directory = arguments["data"] ?? "./data"
            var files = 0
            let findings: [Finding]
            do {
                guard try Machine.real.files.status(directory)?.isDirectory == true else {
                    throw CommandFailure(.failed, "\(directory): there is no such directory")
                }
                findings = try EventStore.verify(directory) { path in
                    files += 1
                    if terminal.isErrorTerminal { terminal.tell("\r\u{1B}[K\(path)") }
                }
            } catch let failure as CommandFailure {
                throw failure
            } catch {
                throw CommandFailure(.failed, "\(directory): \(error)")
            }
            terminal.endProgress()
            for finding in findings { terminal.write("\(finding)\n") }
            guard findings.isEmpty else {
                throw CommandFailure(.failed, "\(findings.count) things are wrong")
            }
            terminal.write("\(groupedDigits(files)) files read, nothing wrong\n")
        })
}
