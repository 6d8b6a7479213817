internal import Bytes

/// What commands do with definitions of one kind that have names: they list, show, create and delete them.
struct NamedDefinitionTool: ~Copyable {
    /// What differs from kind to kind.
    struct Kind {
        /// Of the routes.
        let path: String
        /// Of the list.
        let columns: [TextTable.Column]
        /// A line of the list, of a definition as the server answers it.
        let row: (JSONValue) -> [String]
    }

    private(set) var server: ServerConnection
    private let kind: Kind
    private let terminal: Terminal
    /// Whether answers are written as they are.
    let isJSON: Bool

    init(
        _ kind: Kind, server: consuming ServerConnection, arguments: ParsedArguments,
        terminal: Terminal
    ) {
        self.kind = kind
        self.server = server
        self.terminal = terminal
        isJSON = arguments["format"] == "json"
    }

    private func path(_ name: String) -> String { kind.path + "/" + percentEncoded(name) }

    /// Asks the server for something.
    mutating func json(_ path: String) throws(CommandFailure) -> JSONValue {
        try server.json("GET", path)
    }

    /// Asks for a definition, or for what its routes tell of it.
    mutating func show(_ name: String, _ rest: String = "") throws(CommandFailure) -> JSONValue {
        try json(path(name) + rest)
    }

    /// Writes all definitions, a line each.
    ///
    /// - Returns: the definitions, each as `show` has it.
    @discardableResult
    mutating func list() throws(CommandFailure) -> [JSONValue] {
        var table = TextTable(kind.columns)
        var found: [JSONValue] = []
        for one in try json(kind.path).array ?? [] {
            let definition = try show(one["name"]?.string ?? "")
            found.append(definition)
            table.append(kind.row(definition))
        }
        terminal.write(
            isJSON
                ? JSONValue.array(found).text + "\n"
                : table.text(usesColor: terminal.usesColor, widthMax: 256))
        return found
    }

    mutating func delete(_ name: String) throws(CommandFailure) {
        let response = try server.send("DELETE", path(name))
        guard response.status < 300 else { throw ServerConnection.failure(of: response) }
    }

    /// Sends a file's definition; what becomes of it is answered.
    ///
    /// - Parameter parameters: of the request, with `?`.
    mutating func create(
        _ file: String, _ parameters: String = ""
    ) throws(CommandFailure) -> JSONValue {
        var input = try InputFile(file)
        var bytes: [UInt8] = []
        while bytes.count <= ServiceLimits.definitionBodyBytesMax,
            try input.read(64 << 10, into: &bytes)
        {}
        // A document may come of a pipe, which has no name.
        let isObject = bytes.first { $0 > 0x20 } == UInt8(ascii: "{")
        let type = isObject ? "application/json" : "application/yaml"
        let response = try server.send(
            "POST", kind.path + parameters, headers: ["Content-Type": type], body: bytes)
        guard response.status < 300, let document = try? JSONValue(parsing: response.body) else {
            throw ServerConnection.failure(of: response)
        }
        return document
    }

    /// Writes texts side by side with their names.
    func tell(_ lines: [(name: String, text: String)]) {
        let width = lines.map(\.name.count).max() ?? 0
        for line in lines {
            let gap = String(repeating: " ", count: width - line.name.count + 2)
            terminal.write(harmless(line.name + gap + line.text) + "\n")
        }
    }
}

extension JSONValue {
    /// The members of an object as people read them.
    var lines: [(name: String, text: String)] {
        (object?.members ?? []).map { ($0.key, $0.value.string ?? $0.value.text) }
    }
}
