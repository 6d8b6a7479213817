internal import Bytes
internal import EventQuery
internal import Events
internal import Host

/// `/1/markers`: moments and stretches of time with a name, such as deployments, of one dataset or
/// of all (`__all__`).
struct MarkerRoutes: Sendable {
    let datasets: DatasetDirectory
    let definitions: DefinitionStore
    let machine: Machine

    var routes: [Route] {
        [
            Route("GET", "/1/markers/{dataset}", .askQuestions) { call throws(HTTPRefusal) in
                let dataset = try dataset(call)
                let found = definitions.definitions(of: call.principal.environment)
                return .json(.array(found.all(.markers, of: dataset).map(MarkerRoutes.json)))
            },
            Route("POST", "/1/markers/{dataset}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                try create(call)
            },
            Route("PUT", "/1/markers/{dataset}/{id}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                try update(call)
            },
            Route("DELETE", "/1/markers/{dataset}/{id}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                try delete(call)
            },
        ]
    }

    /// The key of the path's dataset, which must be there.
    private func dataset(_ call: RouteCall) throws(HTTPRefusal) -> String {
        let name = call.parameters[0]
        if name == Query.allDatasets { return name }
        guard datasets.knows(name, in: call.principal.environment) else {
            throw HTTPRefusal(.problem(.notFound, "dataset not found"))
        }
        return DatasetName.key(name)
    }

    private static func json(_ marker: Definitions.Document) -> JSONValue {
        var object = JSONObject()
        object["id"] = .string(marker.id)
        for member in marker.body.members { object.append(member.key, member.value) }
        return .object(object)
    }

    private func create(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let dataset = try dataset(call)
        let body = try DefinitionBody(call.request)
        let now = machine.clock.wallNanoseconds()
        var marker = JSONObject()
        marker["start_time"] = .int(now / 1_000_000_000)
        try MarkerRoutes.apply(body, to: &marker)
        marker["created_at"] = .string(RFC3339.text(nanoseconds: now))
        marker["updated_at"] = marker["created_at"]
        let digits = String(machine.random.nextUInt64(), radix: 16)
        let id = String((String(repeating: "0", count: 16) + digits).suffix(11))
        let document = Definitions.Document(id: id, dataset: dataset, body: marker)
        try definitions.change(call.principal.environment) { $0.put(document, .markers) }
        return .json(MarkerRoutes.json(document), status: 201)
    }

    private func update(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let dataset = try dataset(call)
        let body = try DefinitionBody(call.request)
        let now = RFC3339.text(nanoseconds: machine.clock.wallNanoseconds())
        let document = try definitions.change(call.principal.environment) {
            (all) throws(HTTPRefusal) in
            guard var marker = all.document(.markers, call.parameters[1], of: dataset) else {
                throw HTTPRefusal(.problem(.notFound, "marker not found"))
            }
            try MarkerRoutes.apply(body, to: &marker.body)
            marker.body["updated_at"] = .string(now)
            all.put(marker, .markers)
            return marker
        }
        return .json(MarkerRoutes.json(document))
    }

    private func delete(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let dataset = try dataset(call)
        let document = try definitions.change(call.principal.environment) {
            (all) throws(HTTPRefusal) in
            guard let marker = all.document(.markers, call.parameters[1], of: dataset),
                all.remove(.markers, marker.id, of: dataset)
            else { throw HTTPRefusal(.problem(.notFound, "marker not found")) }
            return marker
        }
        // 200 with the marker, as Honeycomb's own tool for markers expects.
        return .json(MarkerRoutes.json(document))
    }

    private static let texts = [("message", 1023), ("type", 255), ("url", 2047)]

    /// Seconds since 1970 of which 64 bits hold the nanoseconds.
    private static let seconds: ClosedRange<Int64> = 0...9_223_372_036

    private static func apply(
        _ body: DefinitionBody, to marker: inout JSONObject
    ) throws(HTTPRefusal) {
        for name in ["start_time", "end_time"] {
            if let time = try body.integer(name, in: seconds) { marker[name] = .int(time) }
        }
        for (name, charactersMax) in texts {
            if let text = try body.text(name, charactersMax: charactersMax) {
                marker[name] = .string(text)
            }
        }
        if let start = marker["start_time"]?.integer, let end = marker["end_time"]?.integer,
            end < start
        {
            throw body.wrong("end_time", "is before start_time")
        }
    }
}
