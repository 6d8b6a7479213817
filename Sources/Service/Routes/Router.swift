internal import Bytes
internal import Events
internal import Host

/// Finds a request's route, asks whether its caller may use it, and hands it over.
struct Router: HTTPHandler {
    let routes: [Route]
    let access: AccessControl
    let log: ServerLog
    /// See `HTTPHandler.noneIsUnderWay`.
    var whenNoneIsUnderWay: @Sendable (Int) -> Void = { _ in }

    private enum Match {
        case route(Route, parameters: [String])
        case none(HTTPResponse)
    }

    func refusal(of head: HTTPRequestHead) -> HTTPResponse? {
        switch match(head) {
        case .none(let response): return response
        case .route(let route, let parameters):
            if case .failure(let refusal) = access.principal(of: head, for: route.permission) {
                var response = route.refusing(head, refusal.response)
                response.notes = route.notes(parameters, nil)
                return response
            }
            return nil
        }
    }

    func wording(of refusal: HTTPResponse, for head: HTTPRequestHead) -> HTTPResponse {
        guard case .route(let route, let parameters) = match(head) else { return refusal }
        var response = route.refusing(head, refusal)
        response.notes = route.notes(parameters, nil)
        return response
    }

    func lane(of head: HTTPRequestHead) -> HTTPLane {
        if case .route(let route, _) = match(head) { route.lane } else { .immediate }
    }

    func noneIsUnderWay(after requests: Int) { whenNoneIsUnderWay(requests) }

    func respond(to request: HTTPRequest, reply: @escaping Route.Reply) {
        let began = ContinuousClock.now
        let logged: Route.Reply = { [log] response in
            reply(response)
            let level: ServerLog.Level = response.status >= 500 ? .warn : .debug
            log(
                level, "request",
                [
                    "method": .string(request.head.method),
                    "path": .string(request.head.target.rawPath),
                    "status": .int(Int64(response.status)),
                    "ms": .double((ContinuousClock.now - began) / .milliseconds(1)),
                    "from": .string(request.head.remoteAddress),
                ])
        }
        switch match(request.head) {
        case .none(let response): logged(response)
        case .route(let route, let parameters):
            switch access.principal(of: request.head, for: route.permission) {
            case .failure(let refusal):
                logged(route.refusing(request.head, refusal.response))
            case .success(let principal):
                let call = RouteCall(
                    request: request, parameters: parameters, principal: principal)
                route.respond(call) { response in
                    var response = response
                    response.notes += route.notes(parameters, principal)
                    logged(response)
                }
            }
        }
    }

    private func match(_ head: HTTPRequestHead) -> Match {
        var allowed: [String] = []
        for route in routes {
            guard let parameters = route.parameters(of: head.target.path) else { continue }
            if route.method == head.method || (route.method == "GET" && head.method == "HEAD") {
                return .route(route, parameters: parameters)
            }
            allowed.append(route.method)
        }
        guard !allowed.isEmpty else { return .none(.error(404, "there is nothing at this path")) }
        var response = HTTPResponse.error(
            405, "\(head.method) is not allowed here; allowed: \(allowed.joined(separator: ", "))")
        response.headers["Allow"] = allowed.joined(separator: ", ")
        return .none(response)
    }
}

extension Route {
    /// What is told of a request that came here; `principal` is nil when it was let go no further.
    fileprivate func notes(_ parameters: [String], _ principal: Principal?) -> [RequestNote] {
        var notes = [RequestNote("http.route", .string(pattern))]
        if let principal, !principal.environment.isEmpty {
            notes.append(RequestNote("request.environment", .string(principal.environment)))
        }
        if let datasetParameter {
            let name = AnsweredRequest.cut(
                parameters[datasetParameter], to: EventLimits.datasetNameBytes)
            notes.append(RequestNote("request.dataset", .string(name)))
        }
        return notes
    }
}
