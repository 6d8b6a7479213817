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
        options: ServerConnection.options + [
            OptionSpec("storage", help: "what each field takes on disk, and in which encodings")
        ],
        example: "widefield fields shop",
        run: { arguments, terminal throws(CommandFailure) in
            var server = try ServerConnection(arguments)
            if arguments.switches.contains("storage") {
                try showStorage(of: arguments.operands[0], server: &server, terminal)
                return
            }
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

/// What the fields of a dataset take in the segments that hold it, largest first.
private func showStorage(
    of dataset: String, server: inout ServerConnection, _ terminal: Terminal
) throws(CommandFailure) {
    let answer = try server.json("GET", "/api/datasets/\(percentEncoded(dataset))/storage")
    func count(_ value: JSONValue, _ name: String) -> Int { Int(value[name]?.integer ?? 0) }
    var table = TextTable([
        .init(title: "field", isNumber: false), .init(title: "rows", isNumber: true),
        .init(title: "bytes", isNumber: true), .init(title: "per row", isNumber: true),
        .init(title: "values", isNumber: true), .init(title: "presence", isNumber: true),
        .init(title: "dictionary", isNumber: true), .init(title: "entries", isNumber: true),
        .init(title: "encodings (blocks)", isNumber: false),
    ])
    for field in answer["fields"]?.array ?? [] {
        let encodings = (field["encodings"]?.array ?? []).map {
            "\($0["encoding"]?.string ?? "") (\(count($0, "blocks")))"
        }
        let hundredths = count(field, "bytes") * 100 / max(1, count(field, "rows"))
        let fraction = hundredths % 100
        let columns = [
            "rows", "bytes", "value_bytes", "presence_bytes", "dictionary_bytes",
            "dictionary_entries",
        ].map { groupedDigits(count(field, $0)) }
        table.append(
            [field["field"]?.string ?? ""] + columns[..<2]
                + ["\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"] + columns[2...]
                + [encodings.joined(separator: ", ")])
    }
    terminal.write(table.text(usesColor: terminal.usesColor, widthMax: 120))
    terminal.write(
        "\n\(count(answer, "segments")) segments with events of the dataset: "
            + "\(groupedDigits(count(answer, "rows"))) events, "
            + "\(groupedDigits(count(answer, "bytes"))) bytes\n")
}
