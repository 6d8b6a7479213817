internal import Alerting
internal import Bytes
internal import Host

/// Files of rules (`/api/rules`), and what became of rules, as Prometheus tells it (`/api/v1/rules`).
struct RuleRoutes: Sendable {
    let keeper: AlertKeeper
    let definitions: DefinitionStore
    let clock: any HostClock

    var routes: [Route] {
        [
            Route("GET", "/api/v1/rules", .askQuestions) { call throws(HTTPRefusal) in
                .json(document(call).rules(try selection(call)))
            },
            Route("GET", "/api/v1/alerts", .askQuestions) { call throws(HTTPRefusal) in
                .json(document(call).alerts())
            },
            Route("GET", "/api/rules", .askQuestions) { call throws(HTTPRefusal) in
                .json(list(call))
            },
            Route("GET", "/api/rules/{name}", .askQuestions) { call throws(HTTPRefusal) in
                let text = try files.document(of: call).body["text"]?.string ?? ""
                return HTTPResponse(
                    status: 200, headers: ["Content-Type": "application/yaml"],
                    body: Array(text.utf8))
            },
            Route("PUT", "/api/rules/{name}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                try put(call)
            },
            files.deletion("/api/rules/{name}", .define),
        ]
    }

    private var files: NamedDefinitions {
        NamedDefinitions(
            kind: .rules, noun: "file of rules", limit: ServiceLimits.ruleFilesMax,
            store: definitions, changed: keeper.readAgain)
    }

    // MARK: - What became of them

    private func document(_ call: RouteCall) -> RuleDocument {
        let now = clock.wallNanoseconds() / 1_000_000
        let book = keeper.book(of: call.principal.environment)
        return RuleDocument(
            book: book ?? RuleBook(interval: 60_000, standstill: .max, at: now), now: now)
    }

    private func selection(_ call: RouteCall) throws(HTTPRefusal) -> RuleDocument.Selection {
        var selection = RuleDocument.Selection()
        for item in call.head.target.query {
            switch item.name {
            case "type":
                switch item.value {
                case "alert": selection.kind = .alerting
                case "record": selection.kind = .recording
                default:
                    throw HTTPRefusal(
                        .json(
                            [
                                "status": "error", "errorType": "bad_data",
                                "error": .string("not supported value \"\(item.value)\""),
                            ], status: 400))
                }
            case "rule_name[]": selection.rules.insert(item.value)
            case "rule_group[]": selection.groups.insert(item.value)
            case "file[]": selection.files.insert(item.value)
            case "exclude_alerts": selection.excludesAlerts = item.value == "true"
            default: continue
            }
        }
        return selection
    }

    // MARK: - Files

    /// Files with the number of their groups and rules, those of the configuration first.
    private func list(_ call: RouteCall) -> JSONValue {
        let environment = call.principal.environment
        let names = Set(files.all(of: environment).map(\.id))
        return .array(
            keeper.sources.ruleFiles(of: environment).map { file in
                [
                    "name": .string(file.name),
                    "source": names.contains(file.name) ? "api" : "configuration",
                    "groups": .int(Int64(file.groups.count)),
                    "rules": .int(Int64(file.groups.reduce(0) { $0 + $1.rules.count })),
                ]
            })
    }

    /// Keeps a file of rules in the place of what had its name.
    private func put(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let name = call.parameters[0]
        guard name.utf8.count <= 255, !name.contains("/") else {
            throw HTTPRefusal(.error(400, "a name has at most 255 bytes and no slash"))
        }
        let limit = ServiceLimits.ruleFileBytesMax
        let body = try call.request.openedBody(limit: limit + 1).withBytes { Array($0) }
        guard body.count <= limit else {
            throw HTTPRefusal(.error(413, "a file of rules has at most \(limit) bytes"))
        }
        let file: RuleFile
        do throws(RuleFileError) {
            file = try RuleFile(body, name: name)
        } catch {
            throw HTTPRefusal(.error(422, error.description))
        }
        let text = String(decoding: body, as: UTF8.self)
        let isNew = try files.put(name, in: call.principal.environment) { _ in
            JSONObject([.init("text", .string(text))])
        }.isNew
        return .json(
            [
                "name": .string(name), "groups": .int(Int64(file.groups.count)),
                "rules": .int(Int64(file.groups.reduce(0) { $0 + $1.rules.count })),
                "warnings": .array(file.warnings.map { .string($0.description) }),
            ], status: isNew ? 201 : 200)
    }
}
