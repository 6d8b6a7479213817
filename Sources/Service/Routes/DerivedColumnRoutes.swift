internal import Alerting
internal import Bytes
internal import Compute
internal import EventQuery
internal import Events
internal import Host
internal import Metrics

/// `/1/derived_columns`: fields that are worked out whenever a query speaks of them, of one dataset or of
/// all (`__all__`).
struct DerivedColumnRoutes: Sendable {
    let datasets: DatasetDirectory
    let definitions: DefinitionStore
    let machine: Machine
    /// The SLOs and the metrics that no call made.
    let configured: (slos: [ServiceLevelObjective], metrics: [MetricDefinition])

    var routes: [Route] {
        [
            Route("GET", "/1/derived_columns/{dataset}", .askQuestions) {
                call throws(HTTPRefusal) in
                try list(call)
            },
            Route("POST", "/1/derived_columns/{dataset}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                try create(call)
            },
            Route("GET", "/1/derived_columns/{dataset}/{id}", .askQuestions) {
                call throws(HTTPRefusal) in
                let all = definitions.definitions(of: call.principal.environment)
                return .json(try found(call, try datasets.scope(of: call), in: all).json)
            },
            Route("PUT", "/1/derived_columns/{dataset}/{id}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                try update(call)
            },
            Route("DELETE", "/1/derived_columns/{dataset}/{id}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                try delete(call)
            },
        ]
    }

    // MARK: - Reading

    /// All of them, or with `?alias=` the one of that name.
    private func list(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let dataset = try datasets.scope(of: call)
        let all = definitions.definitions(of: call.principal.environment)
        let columns = all.all(.derivedColumns, of: dataset)
        guard let alias = call.head.target.queryValue("alias") else {
            return .json(.array(columns.map(\.json)))
        }
        guard let column = columns.first(where: { $0.body["alias"] == .string(alias) }) else {
            throw HTTPRefusal(.problem(.notFound, "derived column not found"))
        }
        return .json(column.json)
    }

    private func found(
        _ call: RouteCall, _ dataset: String, in all: Definitions
    ) throws(HTTPRefusal) -> Definitions.Document {
        guard let column = all.document(.derivedColumns, call.parameters[1], of: dataset) else {
            throw HTTPRefusal(.problem(.notFound, "derived column not found"))
        }
        return column
    }

    // MARK: - Changing

    private func create(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let dataset = try datasets.scope(of: call)
        let body = try DefinitionBody(call.request)
        let alias = try DerivedColumnRoutes.alias(body)
        guard let expression = try DerivedColumnRoutes.expression(body) else {
            throw body.wrong("expression", "is missing", code: "missing")
        }
        let description = try body.text("description", charactersMax: 255) ?? ""
        let now = RFC3339.text(nanoseconds: machine.clock.wallNanoseconds())
        let column = Definitions.Document(
            id: Definitions.Document.newID(machine.random), dataset: dataset,
            body: JSONObject([
                .init("alias", .string(alias)), .init("expression", .string(expression)),
                .init("description", .string(description)), .init("created_at", .string(now)),
                .init("updated_at", .string(now)),
            ]))
        try definitions.change(call.principal.environment) { (all) throws(HTTPRefusal) in
            try DerivedColumnRoutes.refuse(alias, of: nil, dataset, in: all)
            all.put(column, .derivedColumns)
        }
        return .json(column.json, status: 201)
    }

    private func update(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let dataset = try datasets.scope(of: call)
        let body = try DefinitionBody(call.request)
        let alias = body.has("alias") ? try DerivedColumnRoutes.alias(body) : nil
        let expression = try DerivedColumnRoutes.expression(body)
        let description = try body.text("description", charactersMax: 255)
        let now = RFC3339.text(nanoseconds: machine.clock.wallNanoseconds())
        return try definitions.change(call.principal.environment) { (all) throws(HTTPRefusal) in
            var column = try found(call, dataset, in: all)
            if let alias, column.body["alias"] != .string(alias) {
                try refuseChange(of: column, "renamed", in: all)
                try DerivedColumnRoutes.refuse(alias, of: column.id, dataset, in: all)
                column.body["alias"] = .string(alias)
            }
            if let expression { column.body["expression"] = .string(expression) }
            if let description { column.body["description"] = .string(description) }
            column.body["updated_at"] = .string(now)
            all.put(column, .derivedColumns)
            return .json(column.json)
        }
    }

    private func delete(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let dataset = try datasets.scope(of: call)
        try definitions.change(call.principal.environment) { (all) throws(HTTPRefusal) in
            let column = try found(call, dataset, in: all)
            try refuseChange(of: column, "deleted", in: all)
            _ = all.remove(.derivedColumns, column.id, of: dataset)
        }
        return HTTPResponse(status: 204)
    }

    /// Refuses to take a column away from what is about it.
    private func refuseChange(
        of column: Definitions.Document, _ change: String, in all: Definitions
    ) throws(HTTPRefusal) {
        let use = DerivedColumnUse(of: column)
        guard let user = use?.user(in: all, configured.slos, configured.metrics) else { return }
        throw HTTPRefusal(
            .problem(.conflict, "\(user) uses the derived column, so it cannot be \(change)"))
    }

    private static func alias(_ body: DefinitionBody) throws(HTTPRefusal) -> String {
        let alias = try body.requiredText("alias", charactersMax: 255)
        guard alias.utf8.count <= EventLimits.nameBytes else {
            throw body.wrong("alias", "is longer than \(EventLimits.nameBytes) bytes")
        }
        return alias
    }

    /// The text of an expression that can be understood; nil when none is given.
    private static func expression(_ body: DefinitionBody) throws(HTTPRefusal) -> String? {
        guard let text = try body.text("expression", charactersMax: 4095) else { return nil }
        do throws(SpecificationError) {
            _ = try Expression(derivedColumn: text)
        } catch {
            throw body.wrong("expression", error.message)
        }
        return text
    }

    /// Refuses a name that another column of the same scope has.
    private static func refuse(
        _ alias: String, of id: String?, _ dataset: String, in all: Definitions
    ) throws(HTTPRefusal) {
        let others = all.all(.derivedColumns, of: dataset).filter { $0.id != id }
        guard others.contains(where: { $0.body["alias"] == .string(alias) }) else { return }
        throw HTTPRefusal(
            .problem(
                .conflict, "there is a derived column of this name", field: "alias",
                code: "already_exists"))
    }
}

extension Definitions {
    /// The derived columns as queries take them.
    ///
    /// - Parameter datasets: names of the environment's datasets, by `DatasetName.key`.
    func storedColumns(_ datasets: [String: [String]]) -> [StoredColumn] {
        all(.derivedColumns).compactMap { column in
            guard let alias = column.body["alias"]?.string,
                let expression = column.body["expression"]?.string
            else { return nil }
            let names =
                column.dataset == Query.allDatasets
                ? nil : datasets[column.dataset] ?? [column.dataset]
            return StoredColumn(alias: alias, datasets: names, expression: expression)
        }
    }
}
