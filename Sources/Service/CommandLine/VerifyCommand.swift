internal import EventStore
internal import Host
internal import SeriesStore

extension CommandSpec {
    static let verify = CommandSpec(
        "verify", summary: "Reads every byte of a stopped server's directory and checks it.",
        options: [
            OptionSpec("data", "DIR", help: "the data directory", byDefault: "./data"),
            OptionSpec(
                "find", "TEXT", help: "instead, says where a text or a number still is"),
        ],
        example: "widefield verify --data ./data",
        run: { arguments, terminal throws(CommandFailure) in
            let directory = arguments["data"] ?? "./data"
            do {
                guard try Machine.real.files.status(directory)?.isDirectory == true else {
                    throw CommandFailure(.failed, "\(directory): there is no such directory")
                }
                if let text = arguments["find"] {
                    try find(text, in: directory, terminal)
                } else {
                    try check(directory, terminal)
                }
            } catch let failure as CommandFailure {
                throw failure
            } catch {
                throw CommandFailure(.failed, "\(directory): \(error)")
            }
        })
}

private func check(_ directory: String, _ terminal: Terminal) throws {
    var files = 0
    let findings = try EventStore.verify(directory) { path in
        files += 1
        tell(path, terminal)
    }
    terminal.endProgress()
    for finding in findings { terminal.write("\(finding)\n") }
    guard findings.isEmpty else {
        throw CommandFailure(.failed, "\(findings.count) things are wrong")
    }
    terminal.write("\(groupedDigits(files)) files read, nothing wrong\n")
}

/// Says where a text is; a failure when it is anywhere, so that scripts can rely on its absence.
private func find(_ text: String, in directory: String, _ terminal: Terminal) throws {
    guard !text.isEmpty else {
        throw CommandFailure.usage("--find: the text is empty", of: "verify")
    }
    var files = 0
    let machineFiles = Machine.real.files
    let found = try EventStore.find(
        text, in: directory,
        progress: { path in
            files += 1
            tell(path, terminal)
        },
        others: { path in
            guard path.hasPrefix(EnvironmentSeries.directoryName + "/") else { return nil }
            return try SeriesStore.labels(
                holding: text, inFile: directory + "/" + path, machineFiles
            ).map { ("labels", $0) }
        })
    terminal.endProgress()
    for place in found { terminal.write("\(place)\n") }
    guard found.isEmpty else {
        let places = found.count == 1 ? "1 place" : "\(found.count) places"
        throw CommandFailure(.failed, "found in \(places)")
    }
    terminal.write("\(groupedDigits(files)) files read, found nowhere\n")
}

private func tell(_ path: String, _ terminal: Terminal) {
    if terminal.isErrorTerminal { terminal.tell("\r\u{1B}[K\(path)") }
}
