internal import Bytes

extension CommandSpec {
    static let datasets = CommandSpec(
        "datasets", summary: "Lists the datasets of an environment.",
        options: ServerConnection.options,
        example: "widefield datasets --url http://127.0.0.1:8080",
        run: { arguments, terminal throws(CommandFailure) in
            var server = try ServerConnection(arguments)
            let answer = try server.json("GET", "/1/datasets")
            var table = TextTable([
                .init(title: "dataset", isNumber: false), .init(title: "slug", isNumber: false),
                .init(title: "last written", isNumber: false),
            ])
            for set in answer.array ?? [] {
                table.append([
                    set["name"]?.string ?? "", set["slug"]?.string ?? "",
                    set["last_written_at"]?.string ?? "",
                ])
            }
            terminal.write(table.text(usesColor: terminal.usesColor))
        })

    static let fields = CommandSpec(
        "fields", operands: "DATASET", operandCount: 1...1,
        summary: "Lists the fields of a dataset and their types.",
        options: ServerConnection.options,
        example: "widefield fields shop",
        run: { arguments, terminal throws(CommandFailure) in
            var server = try ServerConnection(arguments)
            let path = "/1/columns/" + percentEncoded(arguments.operands[0])
            let answer = try server.json("GET", path)
            var table = TextTable([
                .init(title: "field", isNumber: false), .init(title: "type", isNumber: false),
            ])
            for field in answer.array ?? [] {
                table.append([field["key_name"]?.string ?? "", field["type"]?.string ?? ""])
            }
            terminal.write(table.text(usesColor: terminal.usesColor, widthMax: 256))
        })
}
