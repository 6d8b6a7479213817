internal import Bytes

extension CommandSpec {
    static let queries = CommandSpec(
        "queries", operands: "[save NAME 'from D | …' | remove NAME]", operandCount: 0...3,
        summary: "Lists queries that have names, or gives one a name; 'query @NAME' asks it.",
        options: ServerConnection.options,
        example: "widefield queries save slow 'from shop | where duration_ms > 1000'",
        run: { arguments, terminal throws(CommandFailure) in
            var server = try ServerConnection(arguments)
            switch (arguments.operands.first, arguments.operands.count) {
            case (nil, _): try list(&server, terminal)
            case ("save", 3):
                let body: JSONValue = ["query": .string(arguments.operands[2])]
                let response = try server.send(
                    "PUT", path(arguments.operands[1]),
                    headers: ["Content-Type": "application/json"], body: Array(body.text.utf8))
                guard response.status < 300 else {
                    throw queryFailure(response, arguments.operands[2])
                }
            case ("remove", 2):
                let response = try server.send("DELETE", path(arguments.operands[1]))
                guard response.status < 300 else {
                    throw ServerConnection.failure(of: response)
                }
            default:
                throw .usage(
                    "expected nothing, save NAME 'from D | …' or remove NAME", of: "queries")
            }
        })
}

private func path(_ name: String) -> String { "/api/queries/" + percentEncoded(name) }

private func list(
    _ server: inout ServerConnection, _ terminal: Terminal
) throws(CommandFailure) {
    let queries = try server.json("GET", "/api/queries")
    var table = TextTable([
        .init(title: "name", isNumber: false), .init(title: "query", isNumber: false),
    ])
    for query in queries.array ?? [] {
        table.append([query["name"]?.string ?? "", query["query"]?.string ?? ""])
    }
    terminal.write(table.text(usesColor: terminal.usesColor, widthMax: 1024))
}
