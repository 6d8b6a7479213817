internal import Bytes
internal import EventQuery
internal import EventStore
internal import Events
internal import Host

/// `/1/datasets`: what there is to ask about, and what was said of it, as Honeycomb's clients read it.
///
/// A dataset is there when events came or when it was made here.
struct DatasetRoutes: Sendable {
    let store: EventStore
    let datasets: DatasetDirectory
    let definitions: DefinitionStore
    let receipts: ReceiptTimes
    let eraser: Eraser
    let clock: any HostClock
    /// Told when a dataset went with what was defined of it.
    let deleted: @Sendable () -> Void

    private static let textMax = 255

    var routes: [Route] {
        [
            Route("GET", "/1/datasets", .askQuestions, lane: .query) { call in
                .json(.array(list(call.principal.environment)))
            },
            Route("POST", "/1/datasets", .define, lane: .query) { call throws(HTTPRefusal) in
                try create(call)
            },
            Route("GET", "/1/datasets/{dataset}", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                .json(try found(call.parameters[0], call.principal.environment))
            },
            Route("PUT", "/1/datasets/{dataset}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                try update(call)
            },
            Route("DELETE", "/1/datasets/{dataset}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                try delete(call)
            },
        ]
    }

    // MARK: - Reading

    private func list(_ environment: String) -> [JSONValue] {
        let snapshot = store.snapshot(environment: environment)
        // A segment that cannot be read takes the times, not the list.
        let times = (try? receipts.bounds(in: snapshot, environment: environment)) ?? [:]
        let defined = definitions.definitions(of: environment).all(.datasets)
        let names = snapshot.datasets.union(
            defined.compactMap { $0.body["name"]?.string }.map {
                datasets.name(for: $0, in: environment)
            })
        return names.sorted().map { name in
            let key = DatasetName.key(name)
            return DatasetRoutes.json(
                name, times[name], defined.first { $0.id == key }?.body ?? JSONObject())
        }
    }

    private func found(
        _ dataset: String, _ environment: String
    ) throws(HTTPRefusal) -> JSONValue {
        guard let document = existing(dataset, environment) else {
            throw HTTPRefusal(.problem(.notFound, "dataset not found"))
        }
        return document
    }

    private func existing(_ dataset: String, _ environment: String) -> JSONValue? {
        let slug = JSONValue.string(DatasetName.key(dataset))
        return list(environment).first { $0["slug"] == slug }
    }

    private static func json(
        _ name: String, _ bounds: ClosedRange<Int64>?, _ defined: JSONObject
    ) -> JSONValue {
        func text(_ time: Int64?) -> JSONValue {
            time.map { .string(RFC3339.text(nanoseconds: $0)) } ?? .null
        }
        let (first, last) = (text(bounds?.lowerBound), text(bounds?.upperBound))
        func said(_ name: String, usual: JSONValue) -> JSONValue { defined[name] ?? usual }
        return [
            "name": .string(name), "slug": .string(DatasetName.key(name)),
            "description": said("description", usual: ""),
            "expand_json_depth": said("expand_json_depth", usual: 10),
            "settings": ["delete_protected": said("delete_protected", usual: true)],
            "regular_columns_count": .null,
            "created_at": said("created_at", usual: first), "last_written_at": last,
        ]
    }

    // MARK: - Changing

    private func create(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let environment = call.principal.environment
        let body = try DefinitionBody(call.request)
        let name = try body.requiredText("name", charactersMax: EventLimits.datasetNameBytes)
        if let fault = DatasetDirectory.fault(in: name) { throw body.wrong("name", ": " + fault) }
        let key = DatasetName.key(name)
        if let known = existing(name, environment) { return .json(known) }
        guard datasets.names(in: environment).count < ServiceLimits.datasetsMax else {
            throw HTTPRefusal(
                .problem(
                    .invalid, "the environment has \(ServiceLimits.datasetsMax) datasets already"))
        }
        var definition = JSONObject()
        definition["name"] = .string(name)
        definition["created_at"] = .string(RFC3339.text(nanoseconds: clock.wallNanoseconds()))
        try DatasetRoutes.apply(body, to: &definition)
        try definitions.change(environment) { all in
            all.put(Definitions.Document(id: key, dataset: key, body: definition), .datasets)
        }
        _ = datasets.settle(name, in: environment)
        return .json(try found(name, environment), status: 201)
    }

    private static func apply(
        _ body: DefinitionBody, to definition: inout JSONObject
    ) throws(HTTPRefusal) {
        if let text = try body.text("description", charactersMax: textMax) {
            definition["description"] = .string(text)
        }
        if let depth = try body.integer("expand_json_depth", in: 0...10) {
            definition["expand_json_depth"] = .int(depth)
        }
        if let flag = try body.object("settings").flag("delete_protected") {
            definition["delete_protected"] = .bool(flag)
        }
    }

    private func update(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let environment = call.principal.environment
        let body = try DefinitionBody(call.request)
        let key = DatasetName.key(call.parameters[0])
        let before = try found(call.parameters[0], environment)
        try definitions.change(environment) { (all) throws(HTTPRefusal) in
            var definition = all.document(.datasets, key, of: key)?.body ?? JSONObject()
            definition["name"] = before["name"]
            try DatasetRoutes.apply(body, to: &definition)
            all.put(Definitions.Document(id: key, dataset: key, body: definition), .datasets)
        }
        return .json(try found(call.parameters[0], environment))
    }

    /// The dataset's events are erased, so this takes as long as writing what stood beside them anew.
    private func delete(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let environment = call.principal.environment
        let document = try found(call.parameters[0], environment)
        guard document["settings"]?["delete_protected"]?.bool == false else {
            throw HTTPRefusal(.problem(.conflict, "the dataset is delete protected"))
        }
        try eraser.deleteDataset(call.parameters[0], environment: environment)
        deleted()
        return HTTPResponse(status: 202)
    }
}
