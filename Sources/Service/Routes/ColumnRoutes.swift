internal import Bytes
internal import EventQuery
internal import EventStore
internal import Events
internal import Host

/// `/1/columns`: the fields that events have, and what was said of them.
///
/// A column is there when an event has it or when it was made here; its id is made of its name, so
/// that both have one.
struct ColumnRoutes: Sendable {
    let store: EventStore
    let datasets: DatasetDirectory
    let catalogs: FieldCatalogs
    let definitions: DefinitionStore
    let clock: any HostClock

    var routes: [Route] {
        [
            Route("GET", "/1/columns/{dataset}", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                try list(call)
            },
            Route("POST", "/1/columns/{dataset}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                try create(call)
            },
            Route("GET", "/1/columns/{dataset}/{id}", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                .json(try column(withID: call.parameters[1], call))
            },
            Route("PUT", "/1/columns/{dataset}/{id}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                try update(call)
            },
            Route("DELETE", "/1/columns/{dataset}/{id}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                try delete(call)
            },
        ]
    }

    /// Names a column in paths, where its name could not stand.
    private static func id(of name: String) -> String {
        String(hexadecimal(sha256(Array(name.utf8))).prefix(12))
    }

    // MARK: - Reading

    private func list(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let columns = try columns(of: call.parameters[0], call.principal.environment)
        guard let name = call.head.target.queryValue("key_name") else {
            return .json(.array(columns))
        }
        guard let found = columns.first(where: { $0["key_name"] == .string(name) }) else {
            throw HTTPRefusal(.problem(.notFound, "column not found"))
        }
        return .json(found)
    }

    private func column(
        withID id: String, _ call: RouteCall
    ) throws(HTTPRefusal) -> JSONValue {
        let columns = try columns(of: call.parameters[0], call.principal.environment)
        guard let found = columns.first(where: { $0["id"] == .string(id) }) else {
            throw HTTPRefusal(.problem(.notFound, "column not found"))
        }
        return found
    }

    /// All columns of a dataset, or of all of them, ascending by name.
    private func columns(
        of dataset: String, _ environment: String
    ) throws(HTTPRefusal) -> [JSONValue] {
        let catalog = try catalog(of: dataset, environment)
        let all = definitions.definitions(of: environment)
        let defined =
            dataset == Query.allDatasets
            ? all.all(.columns) : all.all(.columns, of: DatasetName.key(dataset))
        let byName = Dictionary(defined.map { ($0.id, $0.body) }) { first, _ in first }
        return Set(catalog.kinds.keys).union(byName.keys).sorted().map { name in
            ColumnRoutes.json(name, catalog, byName[name] ?? JSONObject())
        }
    }

    private func catalog(
        of dataset: String, _ environment: String
    ) throws(HTTPRefusal) -> FieldCatalog {
        let wanted = dataset == Query.allDatasets ? datasets.names(in: environment) : [dataset]
        var catalog = FieldCatalog()
        for name in wanted {
            guard datasets.knows(name, in: environment) else {
                throw HTTPRefusal(.problem(.notFound, "dataset not found"))
            }
            do {
                catalog.formUnion(
                    try catalogs.catalog(
                        of: name, in: store.snapshot(environment: environment),
                        environment: environment))
            } catch {
                throw HTTPRefusal(.error(500, "a segment cannot be read: \(error)"))
            }
        }
        return catalog
    }

    /// A field of several kinds has the one that can hold all of them as its type, as far as
    /// Honeycomb's types go; `types` lists them all.
    private static func json(
        _ name: String, _ catalog: FieldCatalog, _ defined: JSONObject
    ) -> JSONValue {
        let kinds = catalog.kinds[name] ?? []
        let last = catalog.lastReceived[name].map { RFC3339.text(nanoseconds: $0) }
        let type: JSONValue
        if kinds.contains(.string) {
            type = "string"
        } else if kinds.contains(.float) {
            type = "float"
        } else if kinds.contains(.int) {
            type = "integer"
        } else {
            type = kinds.isEmpty ? defined["type"] ?? "string" : "boolean"
        }
        func said(_ name: String, usual: JSONValue) -> JSONValue { defined[name] ?? usual }
        return [
            "id": .string(id(of: name)), "key_name": .string(name), "type": type,
            "types": .array(kinds.map(typeName).sorted().map { .string($0) }),
            "description": said("description", usual: ""), "hidden": said("hidden", usual: false),
            "last_written": last.map { .string($0) } ?? .null,
            "created_at": said("created_at", usual: .null),
            "updated_at": said("updated_at", usual: .null),
        ]
    }

    private static func typeName(_ kind: ValueDictionary.Kind) -> String {
        switch kind {
        case .bool: "boolean"
        case .int: "integer"
        case .float: "float"
        case .string: "string"
        }
    }

    // MARK: - Changing

    private func create(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let environment = call.principal.environment
        let body = try DefinitionBody(call.request)
        let name = try body.requiredText("key_name", charactersMax: EventLimits.nameBytes)
        guard name.utf8.count <= EventLimits.nameBytes else {
            throw body.wrong("key_name", "is longer than \(EventLimits.nameBytes) bytes")
        }
        let known = try columns(of: call.parameters[0], environment)
        guard !known.contains(where: { $0["key_name"] == .string(name) }) else {
            throw HTTPRefusal(
                .problem(
                    .conflict, "the dataset has a column of this name", field: "key_name",
                    code: "already_exists"))
        }
        return .json(try define(name, body, call, isNew: true), status: 201)
    }

    private func update(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let body = try DefinitionBody(call.request)
        let name = try column(withID: call.parameters[1], call)["key_name"]?.string ?? ""
        return .json(try define(name, body, call, isNew: false))
    }

    private func define(
        _ name: String, _ body: DefinitionBody, _ call: RouteCall, isNew: Bool
    ) throws(HTTPRefusal) -> JSONValue {
        let key = try ColumnRoutes.oneDataset(call)
        let description = try body.text("description", charactersMax: 255)
        let isHidden = try body.flag("hidden")
        let type = try body.text("type", charactersMax: 16)
        if let type, !["string", "float", "integer", "boolean"].contains(type) {
            throw body.wrong("type", "is not string, float, integer or boolean")
        }
        let now = JSONValue.string(RFC3339.text(nanoseconds: clock.wallNanoseconds()))
        try definitions.change(call.principal.environment) { all in
            var column = all.document(.columns, name, of: key)?.body ?? JSONObject()
            if let description { column["description"] = .string(description) }
            if let isHidden { column["hidden"] = .bool(isHidden) }
            if let type { column["type"] = .string(type) }
            if isNew { column["created_at"] = now }
            column["updated_at"] = now
            all.put(Definitions.Document(id: name, dataset: key, body: column), .columns)
        }
        let columns = try columns(of: call.parameters[0], call.principal.environment)
        return columns.first { $0["key_name"] == .string(name) } ?? .null
    }

    /// Only a column that no event has can go.
    private func delete(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let key = try ColumnRoutes.oneDataset(call)
        let found = try column(withID: call.parameters[1], call)
        guard found["types"] == [], let name = found["key_name"]?.string else {
            throw HTTPRefusal(
                .problem(.conflict, "events have the column; only retention removes them"))
        }
        try definitions.change(call.principal.environment) { all in
            _ = all.remove(.columns, name, of: key)
        }
        return HTTPResponse(status: 204)
    }

    private static func oneDataset(_ call: RouteCall) throws(HTTPRefusal) -> String {
        guard call.parameters[0] != Query.allDatasets else {
            throw HTTPRefusal(.problem(.notFound, "a column is made and changed in one dataset"))
        }
        return DatasetName.key(call.parameters[0])
    }
}
