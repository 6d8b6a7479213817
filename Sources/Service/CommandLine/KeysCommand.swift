internal import Glibc
internal import Host

extension CommandSpec {
    static let keys = CommandSpec(
        "keys", operands: "create|list", operandCount: 1...1,
        summary: "Makes and lists the keys that clients send.",
        options: [
            OptionSpec("data", "DIR", help: "the server's data directory", byDefault: "./data"),
            OptionSpec("kind", "ingest|query|admin", help: "what the key may do"),
            OptionSpec(
                "environment", "NAME", help: "the environment it opens", byDefault: "default"),
        ],
        example: "widefield keys create --kind ingest --environment production",
        run: { arguments, terminal throws(CommandFailure) in
            switch arguments.operands.first {
            case "create": try createKey(arguments, terminal)
            case "list": try listKeys(arguments, terminal)
            default: throw .usage("expected create or list", of: "keys")
            }
        })
}

private func createKey(
    _ arguments: ParsedArguments, _ terminal: Terminal
) throws(CommandFailure) {
    guard let kind = arguments["kind"].flatMap(KeyKind.init(rawValue:)) else {
        throw .usage("--kind must be ingest, query or admin", of: "keys")
    }
    let environment = arguments["environment"] ?? "default"
    guard isEnvironmentName(environment) else {
        throw .usage(
            "an environment is named with at most 64 lower-case letters, digits, - and _",
            of: "keys")
    }
    // As the server makes them: the directory and the file are their owner's alone.
    umask(0o077)
    let directory = arguments["data"] ?? "./data"
    var ring = try storedKeys(in: directory)
    let (key, text) = AccessKey.create(kind, environment: environment, on: .real)
    ring.add(key)
    do throws(HostError) {
        try Machine.real.files.createDirectory(directory)
        try ring.store(in: directory, on: .real)
    } catch {
        throw CommandFailure(.failed, "\(error)")
    }
    terminal.write(text + "\n")
    terminal.tell(
        """
        This is the only time the key is shown. Clients send it as X-Honeycomb-Team, or as
        Authorization: Bearer. A running server takes it after a SIGHUP.

        """)
}

private func listKeys(
    _ arguments: ParsedArguments, _ terminal: Terminal
) throws(CommandFailure) {
    for key in try storedKeys(in: arguments["data"] ?? "./data").keys {
        terminal.write("\(key.id)  \(key.kind.rawValue)  \(key.environment)\n")
    }
}

private func storedKeys(in directory: String) throws(CommandFailure) -> KeyRing {
    do throws(KeyRingError) {
        return try KeyRing(directory: directory, on: .real)
    } catch {
        throw CommandFailure(.failed, "\(error)")
    }
}
