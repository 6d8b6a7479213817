internal import Bytes
internal import EventStore
internal import Glibc
internal import Host

extension CommandSpec {
    static let forget = CommandSpec(
        "forget", operands: "'[from D |] where …'", operandCount: 1...1,
        summary: "Erases events for ever, from a server or a stopped server's directory.",
        options: ServerConnection.options + [
            OptionSpec("data", "DIR", help: "this directory, of a server that does not run"),
            OptionSpec(
                "environment", "NAME", help: "with --data, whose events", byDefault: "default"),
            OptionSpec("dry-run", help: "says which events would go, and erases nothing"),
        ],
        example: "widefield forget 'where user.id = \"ada\"'",
        run: { arguments, terminal throws(CommandFailure) in
            let text = arguments.operands[0]
            let isDryRun = arguments.switches.contains("dry-run")
            let receipt: JSONValue
            if let directory = arguments["data"] {
                receipt = try withStopped(directory, of: text) { services throws(HTTPRefusal) in
                    let name = arguments["environment"] ?? AccessControl.openEnvironment
                    return try isDryRun
                        ? services.eraser.preview(text, environment: name)
                        : services.eraser.forget(text, environment: name)
                }
            } else {
                receipt = try post(
                    "/api/erasures", ["query": .string(text), "dry_run": .bool(isDryRun)],
                    arguments, text)
            }
            terminal.write(receipt.text + "\n")
        })

    static let backup = CommandSpec(
        "backup", operands: "DIR", operandCount: 1...1,
        summary: "Links everything into a directory that 'serve --data DIR' serves.",
        options: ServerConnection.options + [
            OptionSpec("data", "DIR", help: "what to back up, of a server that does not run")
        ],
        example: "widefield backup /var/backups/widefield-today",
        run: { arguments, terminal throws(CommandFailure) in
            let target = absolute(arguments.operands[0])
            let summary: JSONValue
            if let directory = arguments["data"] {
                summary = try withStopped(directory, of: "") { services throws(HTTPRefusal) in
                    try services.backup.make(at: target)
                }
            } else {
                summary = try post("/api/backup", ["directory": .string(target)], arguments, "")
            }
            terminal.write(summary.text + "\n")
        })
}

/// Sends a document to a server, and reads what it answers.
private func post(
    _ path: String, _ body: JSONValue, _ arguments: ParsedArguments, _ query: String
) throws(CommandFailure) -> JSONValue {
    var server = try ServerConnection(arguments)
    let response = try server.send(
        "POST", path, headers: ["Content-Type": "application/json"], body: Array(body.text.utf8))
    guard response.status < 300 else { throw queryFailure(response, query) }
    guard let document = try? JSONValue(parsing: response.body) else {
        throw CommandFailure(.failed, "the server's answer is no JSON")
    }
    return document
}

/// Opens the directory of a server that does not run, does something to it and closes it.
private func withStopped(
    _ directory: String, of query: String,
    _ body: (Services) throws(HTTPRefusal) -> JSONValue
) throws(CommandFailure) -> JSONValue {
    do {
        guard try Machine.real.files.status(directory)?.isDirectory == true else {
            throw CommandFailure(.failed, "\(directory): there is no such directory")
        }
        let past = EventsPast(directory: directory, on: .real)
        var options = EventStore.Options()
        options.witness = past
        let store = try EventStore.open(directory, options: options)
        let series = SeriesStores(directory: directory, on: .real)
        try series.stores.open()
        let services = try Services(
            store, try DefinitionStore(directory: directory, on: .real), series, past,
            threads: WorkerPool.processors)
        let document = try body(services)
        try series.close()
        try store.close()
        past.end()
        return document
    } catch let refusal as HTTPRefusal {
        throw queryFailure(refusal.response, query)
    } catch let failure as CommandFailure {
        throw failure
    } catch {
        throw CommandFailure(.failed, "\(directory): \(error)")
    }
}

/// A path as a server in another directory would find it.
private func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : currentDirectory() + "/" + path
}

/// The directory in which the command was started; empty when it is gone.
private func currentDirectory() -> String {
    guard let path = getcwd(nil, 0) else { return "" }
    defer { free(path) }
    return String(cString: path)
}
