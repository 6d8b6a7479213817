internal import Bytes
internal import EventQuery
internal import EventStore
internal import Events

/// `/1/datasets` and `/1/columns`: what there is to ask about, as Honeycomb's clients read it.
struct DatasetRoutes: Sendable {
    let store: EventStore
    let datasets: DatasetDirectory
    let catalogs: FieldCatalogs

    var routes: [Route] {
        [
            Route("GET", "/1/datasets", .askQuestions, lane: .query) { call in
                let entries = overview(call.principal).entries.sorted { $0.key < $1.key }
                return .json(.array(entries.map { DatasetRoutes.json($0.key, $0.value) }))
            },
            Route("GET", "/1/datasets/{dataset}", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                let wanted = DatasetName.key(call.parameters[0])
                let found = overview(call.principal).entries.first {
                    DatasetName.key($0.key) == wanted
                }
                guard let found else { throw HTTPRefusal(.error(404, "dataset not found")) }
                return .json(DatasetRoutes.json(found.key, found.value))
            },
            Route("GET", "/1/columns/{dataset}", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                try columns(of: call.parameters[0], for: call)
            },
        ]
    }

    private func overview(_ principal: Principal) -> DatasetOverview {
        DatasetOverview(store.snapshot(environment: principal.environment))
    }

    private static func json(_ name: String, _ entry: DatasetOverview.Entry) -> JSONValue {
        [
            "name": .string(name), "slug": .string(DatasetName.key(name)), "description": "",
            "expand_json_depth": 10,
            "created_at": .string(RFC3339.text(nanoseconds: entry.timeBounds.lowerBound)),
            "last_written_at": .string(RFC3339.text(nanoseconds: entry.timeBounds.upperBound)),
        ]
    }

    // MARK: - Columns

    private func columns(
        of dataset: String, for call: RouteCall
    ) throws(HTTPRefusal) -> HTTPResponse {
        let environment = call.principal.environment
        let wanted = dataset == Query.allDatasets ? datasets.names(in: environment) : [dataset]
        var kinds: [String: Set<ValueDictionary.Kind>] = [:]
        for name in wanted {
            guard datasets.knows(name, in: environment) else {
                throw HTTPRefusal(.error(404, "dataset not found"))
            }
            do {
                let catalog = try catalogs.catalog(
                    of: name, in: store.snapshot(environment: environment),
                    environment: environment)
                kinds.merge(catalog.kinds) { $0.union($1) }
            } catch {
                throw HTTPRefusal(.error(500, "a segment cannot be read: \(error)"))
            }
        }
        if let name = call.head.target.queryValue("key_name") {
            guard let found = kinds[name] else {
                throw HTTPRefusal(.error(404, "column not found"))
            }
            return .json(DatasetRoutes.json(name, found))
        }
        let sorted = kinds.sorted { $0.key < $1.key }
        return .json(.array(sorted.map { DatasetRoutes.json($0.key, $0.value) }))
    }

    /// A field of several kinds has the one that can hold all of them as its type, as far as
    /// Honeycomb's types go; `types` lists them all.
    private static func json(_ name: String, _ kinds: Set<ValueDictionary.Kind>) -> JSONValue {
        let names = kinds.map(typeName).sorted()
        let type: String
        if kinds.contains(.string) {
            type = "string"
        } else if kinds.contains(.float) {
            type = "float"
        } else {
            type = kinds.contains(.int) ? "integer" : "boolean"
        }
        return [
            "id": .string(name), "key_name": .string(name), "type": .string(type),
            "types": .array(names.map { .string($0) }), "description": "", "hidden": false,
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
}
