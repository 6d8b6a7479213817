internal import Bytes
internal import EventQuery
internal import Host

/// `/1/marker_settings`: the colour of markers of a type, in one dataset or in all (`__all__`).
struct MarkerSettingRoutes: Sendable {
    let datasets: DatasetDirectory
    let definitions: DefinitionStore
    let machine: Machine

    var routes: [Route] {
        [
            Route("GET", "/1/marker_settings/{dataset}", .askQuestions) {
                call throws(HTTPRefusal) in
                let dataset = try datasets.scope(of: call)
                let found = definitions.definitions(of: call.principal.environment)
                return .json(.array(found.all(.markerSettings, of: dataset).map(\.json)))
            },
            Route("POST", "/1/marker_settings/{dataset}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                try create(call)
            },
            Route("PUT", "/1/marker_settings/{dataset}/{id}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                try update(call)
            },
            Route("DELETE", "/1/marker_settings/{dataset}/{id}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                try delete(call)
            },
        ]
    }

    private func create(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let dataset = try datasets.scope(of: call)
        let body = try DefinitionBody(call.request)
        let type = try body.requiredText("type", charactersMax: MarkerRoutes.typeCharactersMax)
        guard let color = try color(body) else {
            throw body.wrong("color", "is missing", code: "missing")
        }
        let now = RFC3339.text(nanoseconds: machine.clock.wallNanoseconds())
        let setting = Definitions.Document(
            id: Definitions.Document.newID(machine.random), dataset: dataset,
            body: JSONObject([
                .init("type", .string(type)), .init("color", .string(color)),
                .init("created_at", .string(now)), .init("updated_at", .null),
            ]))
        try definitions.change(call.principal.environment) { (all) throws(HTTPRefusal) in
            let known = all.all(.markerSettings, of: dataset)
            if known.contains(where: { $0.body["type"] == .string(type) }) {
                throw HTTPRefusal(
                    .problem(
                        .conflict, "there is a setting for markers of this type", field: "type",
                        code: "already_exists"))
            }
            all.put(setting, .markerSettings)
        }
        return .json(setting.json, status: 201)
    }

    /// A setting keeps its type.
    private func update(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let dataset = try datasets.scope(of: call)
        let body = try DefinitionBody(call.request)
        let type = try body.text("type", charactersMax: MarkerRoutes.typeCharactersMax)
        let color = try color(body)
        let now = RFC3339.text(nanoseconds: machine.clock.wallNanoseconds())
        return try definitions.change(call.principal.environment) { (all) throws(HTTPRefusal) in
            var setting = try found(call, dataset, in: all)
            if let type, setting.body["type"] != .string(type) {
                throw body.wrong("type", "cannot be changed")
            }
            if let color { setting.body["color"] = .string(color) }
            setting.body["updated_at"] = .string(now)
            all.put(setting, .markerSettings)
            return .json(setting.json)
        }
    }

    private func delete(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let dataset = try datasets.scope(of: call)
        return try definitions.change(call.principal.environment) { (all) throws(HTTPRefusal) in
            let setting = try found(call, dataset, in: all)
            _ = all.remove(.markerSettings, setting.id, of: dataset)
            return .json(setting.json)
        }
    }

    private func found(
        _ call: RouteCall, _ dataset: String, in all: Definitions
    ) throws(HTTPRefusal) -> Definitions.Document {
        guard let setting = all.document(.markerSettings, call.parameters[1], of: dataset) else {
            throw HTTPRefusal(.problem(.notFound, "marker setting not found"))
        }
        return setting
    }

    /// `#` and six hexadecimal digits.
    private func color(_ body: DefinitionBody) throws(HTTPRefusal) -> String? {
        guard let color = try body.text("color", charactersMax: 7) else { return nil }
        let digits = color.utf8.dropFirst()
        guard color.utf8.first == UInt8(ascii: "#"), digits.count == 6,
            digits.allSatisfy({ hexadecimalValue($0) != nil })
        else { throw body.wrong("color", "is not # and six hexadecimal digits") }
        return color
    }
}
