internal import Bytes
internal import EventQuery
internal import EventStore
internal import Events

/// `/1/dataset_definitions`: which fields of a dataset say what trace an event belongs to, and what
/// its other parts are.
struct DatasetDefinitionRoutes: Sendable {
    let store: EventStore
    let datasets: DatasetDirectory
    let catalogs: FieldCatalogs
    let definitions: DefinitionStore

    var routes: [Route] {
        [
            Route("GET", "/1/dataset_definitions/{dataset}", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                try answer(call)
            },
            Route("PATCH", "/1/dataset_definitions/{dataset}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                try change(call)
            },
        ]
    }

    /// Each part with the field that was defined, else the first usual one that events have, else
    /// `null`.
    private func answer(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let environment = call.principal.environment
        let name = call.parameters[0]
        guard datasets.knows(name, in: environment) else {
            throw HTTPRefusal(.problem(.notFound, "dataset not found"))
        }
        let fields: FieldCatalog
        do {
            fields = try catalogs.catalog(
                of: name, in: store.snapshot(environment: environment), environment: environment)
        } catch {
            throw HTTPRefusal(.error(500, "a segment cannot be read: \(error)"))
        }
        let defined = definitions.definitions(of: environment).parts(of: DatasetName.key(name))
        var document = JSONObject()
        for part in DatasetPart.allCases {
            if let field = defined[part]
                ?? part.usualFields.first(where: { fields.kinds[$0] != nil })
            {
                document[part.rawValue] = ["name": .string(field), "column_type": "column"]
            } else {
                document[part.rawValue] = JSONValue.null
            }
        }
        return .json(.object(document))
    }

    /// `{"trace_id": {"name": "tid"}, …}`; `null` or an empty name clears a part.
    private func change(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let environment = call.principal.environment
        guard datasets.knows(call.parameters[0], in: environment) else {
            throw HTTPRefusal(.problem(.notFound, "dataset not found"))
        }
        let key = DatasetName.key(call.parameters[0])
        let changes = try DatasetDefinitionRoutes.changes(try DefinitionBody(call.request))
        try definitions.change(environment) { all in
            var body = all.document(.datasetDefinitions, key, of: key)?.body ?? JSONObject()
            for (part, field) in changes {
                body[part.rawValue] = field.isEmpty ? nil : .string(field)
            }
            if body.isEmpty {
                _ = all.remove(.datasetDefinitions, key, of: key)
            } else {
                all.put(
                    Definitions.Document(id: key, dataset: key, body: body), .datasetDefinitions)
            }
        }
        return try answer(call)
    }

    private static func changes(
        _ body: DefinitionBody
    ) throws(HTTPRefusal) -> [(DatasetPart, field: String)] {
        var changes: [(DatasetPart, field: String)] = []
        for name in body.names {
            guard let part = DatasetPart(rawValue: name) else {
                throw body.wrong(name, "is no part of a dataset definition")
            }
            let definition = try body.object(name)
            if let type = try definition.text("column_type", charactersMax: 32), type != "column" {
                throw body.wrong(name, "must be a column of the events")
            }
            let field = try definition.text("name", charactersMax: EventLimits.nameBytes) ?? ""
            changes.append((part, field))
        }
        return changes
    }
}
