internal import Alerting
internal import Bytes
internal import Host
internal import Metrics
internal import SeriesStore

/// Alerts as people work with them (`/api/alerts`): what they are, who knows of them, how good they were.
struct AlertRoutes: Sendable {
    let keeper: AlertKeeper
    let clock: any HostClock

    var routes: [Route] {
        [
            Route("GET", "/api/alerts", .askQuestions) { call throws(HTTPRefusal) in
                .json(.array(list(call.principal.environment)))
            },
            Route("POST", "/api/alerts/{id}/ack", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                try acknowledge(call)
            },
            Route("GET", "/api/alerts/revisions", .askQuestions) { call throws(HTTPRefusal) in
                let incidents = keeper.incidents.incidents(of: call.principal.environment)
                return .json(.array(incidents.revisions.reversed().map(json)))
            },
            Route("GET", "/api/alerts/quality", .askQuestions) { call throws(HTTPRefusal) in
                .json(quality(call.principal.environment))
            },
        ]
    }

    private var now: Int64 { clock.wallNanoseconds() / 1_000_000 }

    // MARK: - Alerts

    private func list(_ environment: String) -> [JSONValue] {
        guard let book = keeper.book(of: environment) else { return [] }
        let incidents = keeper.incidents.incidents(of: environment)
        let now = now
        let isObserved = book.isObserved(at: now)
        let tellers = keeper.tellers(of: environment)
        let receivers = tellers.compactMap(\.receiver)
        let listeners = tellers.map { (name: $0.name, listener: $0.listener) }
        func told(_ alert: Alert) -> JSONValue {
            .array(listeners.filter { $0.listener.wasTold(of: alert) }.map { .string($0.name) })
        }
        let alerts = book.alerts.sorted { ($0.activeAt, $0.labels) < ($1.activeAt, $1.labels) }
        return alerts.map { alert in
            var object = JSONObject()
            let incident = incidents[alert]
            object["id"] = incident.map { .string($0.id) }
            object["name"] = .string(alert.labels[Alert.nameLabel])
            object["state"] = .string(alert.state == .inactive ? "resolved" : alert.state.rawValue)
            object["observed"] = .bool(isObserved)
            object["labels"] = RuleDocument.json(alert.labels)
            object["annotations"] = RuleDocument.json(alert.annotations)
            object["value"] = .string(NumberText.json(alert.value))
            object["active_at"] = time(alert.activeAt)
            object["fired_at"] = alert.firedAt.map(time)
            object["resolved_at"] = alert.resolvedAt.map(time)
            object["unobserved_since"] = alert.unobservedSince.map(time)
            if let incident {
                add(incident, to: &object)
                // As its rule says now, which is what escalation acts upon.
                object["deadlines"] = times(alert.deadlines)
            }
            object["told"] = told(alert)
            let escalations = incidents.escalations(of: alert, at: now, receivers)
            if !escalations.isEmpty {
                object["escalations"] = .array(
                    escalations.map { json($0, told($0.alert)) })
            }
            let revisions = incidents.revisions.filter { $0.concerns(alert) }
            if !revisions.isEmpty { object["revisions"] = .array(revisions.map(json)) }
            return .object(object)
        }
    }

    private func json(_ escalation: Escalation, _ told: JSONValue) -> JSONValue {
        var object = JSONObject()
        object["id"] = .string(escalation.id)
        object["reason"] = .string(escalation.reason.rawValue)
        object["labels"] = RuleDocument.json(escalation.alert.labels)
        object["fired_at"] = escalation.alert.firedAt.map(time)
        object["resolved_at"] = escalation.alert.resolvedAt.map(time)
        object["told"] = told
        return .object(object)
    }

    private func json(_ revision: Revision) -> JSONValue {
        [
            "evaluated_at": time(revision.evaluatedAt), "noticed_at": time(revision.noticedAt),
            "rule": .string(revision.rule), "labels": RuleDocument.json(revision.labels),
            "met": .bool(revision.isMet), "value": .string(NumberText.json(revision.value)),
        ]
    }

    private func time(_ milliseconds: Int64) -> JSONValue {
        .string(RFC3339.text(milliseconds: milliseconds))
    }

    private func add(_ incident: Incident, to object: inout JSONObject) {
        object["owner"] = .string(incident.owner)
        object["runbook"] = .string(incident.runbook)
        let objections = incident.objections
        if !objections.isEmpty {
            object["warnings"] = .array(objections.map { .string($0) })
        }
        object["acknowledged_at"] = incident.acknowledgedAt.map(time)
        if !incident.acknowledgedBy.isEmpty {
            object["acknowledged_by"] = .string(incident.acknowledgedBy)
        }
        object["verdict"] = incident.verdict.map { .string($0.rawValue) }
        object["deadlines"] = times(incident.deadlines)
    }

    private func times(_ deadlines: [(name: String, time: Int64)]) -> JSONValue {
        .object(JSONObject(deadlines.map { JSONObject.Member($0.name, time($0.time)) }))
    }

    // MARK: - Acknowledging

    private func acknowledge(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let body = try DefinitionBody(call.request, isOptional: true)
        var verdict: Incident.Verdict?
        if let text = try body.text("verdict", charactersMax: 20) {
            verdict = Incident.Verdict(rawValue: text)
            if verdict == nil { throw body.wrong("verdict", "is neither actionable nor noise") }
        }
        let name = try body.text("by", charactersMax: 255) ?? ""
        let now = now
        let found: Incident?
        do throws(HostError) {
            found = try keeper.incidents.change(call.principal.environment) { incidents in
                let found = incidents.acknowledge(
                    call.parameters[0], verdict, by: name, at: now)
                return (found, found != nil)
            }
        } catch {
            throw HTTPRefusal(.busy(503, "it cannot be kept: \(error)", retryAfterSeconds: 10))
        }
        guard let found else {
            throw HTTPRefusal(.error(404, "no alert has the id '\(call.parameters[0])'"))
        }
        keeper.tellAgain(call.principal.environment)
        var object = JSONObject()
        object["id"] = .string(found.id)
        add(found, to: &object)
        return .json(.object(object))
    }

    // MARK: - Quality

    private func quality(_ environment: String) -> JSONValue {
        let incidents = keeper.incidents.incidents(of: environment).all
        let now = now
        return [
            "rules": .array(AlertQuality.by(\.rule, incidents, at: now).map(json)),
            "teams": .array(AlertQuality.by(\.owner, incidents, at: now).map(json)),
        ]
    }

    private func json(_ quality: AlertQuality) -> JSONValue {
        var object = JSONObject()
        object["name"] = .string(quality.name)
        object["incidents"] = .int(Int64(quality.incidents))
        object["pages"] = .int(Int64(quality.pages))
        object["actionable"] = .int(Int64(quality.actionable))
        object["noise"] = .int(Int64(quality.noise))
        object["share_actionable"] = quality.shareActionable.map { .double($0) }
        object["time_to_acknowledge_ms"] = quality.timeToAcknowledge.map { .int($0) }
        object["time_to_detect_ms"] = quality.timeToDetect.map { .int($0) }
        if quality.isPoor {
            object["warning"] = "less than half of its alerts were actionable"
        }
        return .object(object)
    }
}
