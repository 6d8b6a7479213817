internal import Bytes

/// `GET /1/auth`: what a key is and may do, as Honeycomb's clients ask at their start.
struct AuthRoutes: Sendable {
    var routes: [Route] {
        [Route("GET", "/1/auth", .authenticate) { call in .json(answer(for: call.principal)) }]
    }
}

private func answer(for principal: Principal) -> JSONValue {
    let sends = principal.kind.allows(.sendEvents)
    let defines = principal.kind.allows(.define)
    let asks = principal.kind.allows(.askQuestions)
    // Terraform's provider reads `create_datasets`, everyone else `createDatasets`.
    var access: JSONValue = [
        "createDatasets": .bool(sends), "create_datasets": .bool(sends),
    ]
    if asks {
        access = [
            "createDatasets": .bool(sends), "create_datasets": .bool(sends),
            "events": .bool(sends), "queries": true, "columns": .bool(defines),
            "markers": .bool(defines), "triggers": .bool(defines),
            "boards": false, "slos": .bool(defines), "recipients": .bool(defines),
            "privateBoards": false,
        ]
    }
    return [
        "id": .string(principal.keyID ?? "open"),
        "type": .string(asks ? "configuration" : "ingest"),
        "api_key_access": access,
        "environment": [
            "name": .string(principal.environment), "slug": .string(principal.environment),
        ],
        "team": ["name": "Widefield", "slug": "widefield"],
    ]
}
