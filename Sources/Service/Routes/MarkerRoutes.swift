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
                let dataset = try datasets.scope(of: call)
                let found = definitions.definitions(of: call.principal.environment)
                return .json(
                    .array(found.all(.markers, of: dataset).map { colored($0, found).json }))
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

    private func create(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let dataset = try datasets.scope(of: call)
        let body = try DefinitionBody(call.request)
        let now = machine.clock.wallNanoseconds()
        var marker = JSONObject()
        marker["start_time"] = .int(now / 1_000_000_000)
        try MarkerRoutes.apply(body, to: &marker)
        marker["created_at"] = .string(RFC3339.text(nanoseconds: now))
        marker["updated_at"] = marker["created_at"]
        let document = Definitions.Document(
            id: Definitions.Document.newID(machine.random), dataset: dataset, body: marker)
        let all = try definitions.change(call.principal.environment) {
            $0.put(document, .markers)
            return $0
        }
        return .json(colored(document, all).json, status: 201)
    }

    private func update(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let dataset = try datasets.scope(of: call)
        let body = try DefinitionBody(call.request)
        let now = RFC3339.text(nanoseconds: machine.clock.wallNanoseconds())
        return try definitions.change(call.principal.environment) {
            (all) throws(HTTPRefusal) in
            guard var marker = all.document(.markers, call.parameters[1], of: dataset) else {
                throw HTTPRefusal(.problem(.notFound, "marker not found"))
            }
            try MarkerRoutes.apply(body, to: &marker.body)
            marker.body["updated_at"] = .string(now)
            all.put(marker, .markers)
            return .json(colored(marker, all).json)
        }
    }

    private func delete(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let dataset = try datasets.scope(of: call)
        // 200 with the marker, as Honeycomb's own tool for markers expects.
        return try definitions.change(call.principal.environment) {
            (all) throws(HTTPRefusal) in
            guard let marker = all.document(.markers, call.parameters[1], of: dataset),
                all.remove(.markers, marker.id, of: dataset)
            else { throw HTTPRefusal(.problem(.notFound, "marker not found")) }
            return .json(colored(marker, all).json)
        }
    }

    /// A marker with the colour that its dataset, else the environment, has for its type.
    private func colored(
        _ marker: Definitions.Document, _ all: Definitions
    ) -> Definitions.Document {
        guard let type = marker.body["type"]?.string, !type.isEmpty else { return marker }
        let settings = [marker.dataset, Query.allDatasets].lazy.compactMap { dataset in
            all.all(.markerSettings, of: dataset).first { $0.body["type"] == .string(type) }
        }
        var marker = marker
        if let color = settings.first?.body["color"] { marker.body["color"] = color }
        return marker
    }

    static let typeCharactersMax = 255
    private static let texts = [
        ("message", 1023), ("type", typeCharactersMax), ("url", 2047),
    ]

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
