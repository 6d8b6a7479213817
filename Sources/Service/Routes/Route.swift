/// One address of the service: what is asked for it, where it is answered, and by what.
struct Route: Sendable {
    typealias Reply = @Sendable (HTTPResponse) -> Void

    enum PathElement: Sendable, Equatable {
        case literal(String)
        /// Anything but the empty text.
        case parameter
    }

    let method: String
    /// As it was declared: `/1/columns/{dataset}`.
    let pattern: String
    let path: [PathElement]
    /// Which of the parameters names a dataset.
    let datasetParameter: Int?
    /// What the caller's key must allow; nil for what everyone may see.
    let permission: Permission?
    let lane: HTTPLane
    let respond: @Sendable (RouteCall, @escaping Reply) -> Void
    /// How a refusal that comes before `respond` is told here.
    private(set) var refusing: @Sendable (HTTPRequestHead, HTTPResponse) -> HTTPResponse = { $1 }

    /// A route that replies when it is ready.
    ///
    /// `pattern` is a path such as `/1/columns/{dataset}`, whose braces stand for any one element.
    init(
        _ method: String, _ pattern: String, _ permission: Permission?, lane: HTTPLane,
        replying respond: @escaping @Sendable (RouteCall, @escaping Reply) -> Void
    ) {
        self.method = method
        let elements = pattern.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        self.pattern = pattern
        path = (pattern == "/" ? [] : elements).map {
            $0.hasPrefix("{") ? .parameter : .literal(String($0))
        }
        datasetParameter = elements.filter { $0.hasPrefix("{") }.firstIndex(of: "{dataset}")
        self.permission = permission
        self.lane = lane
        self.respond = respond
    }

    /// A route whose answer is there when its function returns.
    init(
        _ method: String, _ pattern: String, _ permission: Permission?,
        lane: HTTPLane = .immediate,
        _ respond: @escaping @Sendable (RouteCall) throws(HTTPRefusal) -> HTTPResponse
    ) {
        self.init(method, pattern, permission, lane: lane) { call, reply in
            do throws(HTTPRefusal) {
                reply(try respond(call))
            } catch {
                reply(error.response)
            }
        }
    }

    /// The same route, with refusals in a form of its own.
    func refusing(
        _ form: @escaping @Sendable (HTTPRequestHead, HTTPResponse) -> HTTPResponse
    ) -> Route {
        var route = self
        route.refusing = form
        return route
    }

    /// The elements that stand for the pattern's parameters; nil when the path is another.
    func parameters(of path: [String]) -> [String]? {
        guard path.count == self.path.count else { return nil }
        var parameters: [String] = []
        for (element, text) in zip(self.path, path) {
            switch element {
            case .literal(let literal): if literal != text { return nil }
            case .parameter:
                if text.isEmpty { return nil }
                parameters.append(text)
            }
        }
        return parameters
    }
}

/// A request that has found its route and whose caller is allowed to ask.
struct RouteCall: Sendable {
    let request: HTTPRequest
    /// What stands in the path for the route's `{…}`, in order.
    let parameters: [String]
    let principal: Principal

    var head: HTTPRequestHead { request.head }
}
