internal import Synchronization

/// Who asks, and for which environment.
struct Principal: Sendable, Equatable {
    let environment: String
    let kind: KeyKind
    /// Names the key without giving it away; nil on a server without keys.
    let keyID: String?

    /// Someone without a key, on a route that asks for none.
    static let nobody = Principal(environment: "", kind: .ingest, keyID: nil)
}

/// Decides who may do what.
///
/// With keys, the key alone tells the environment; nothing else in a request can, but that an
/// `admin` key may also ask `?environment=_self`, what the server tells of itself. Without keys the
/// server listens on loopback only and everyone there is let into `default`, but a page of another
/// origin in the same machine's browser is not: its `Host` or `Origin` gives it away.
final class AccessControl: Sendable {
    /// The environment of a server without keys.
    static let openEnvironment = "default"

    private struct State {
        var ring: KeyRing
        var isOpen: Bool
    }

    private let state: Mutex<State>

    /// What the server's own pages are loaded by: `http` or `https`.
    let scheme: String

    init(_ ring: KeyRing, scheme: String = "http") {
        state = Mutex(State(ring: ring, isOpen: ring.isEmpty))
        self.scheme = scheme
    }

    /// Whether requests need no key.
    var isOpen: Bool { state.withLock { $0.isOpen } }

    /// Takes the keys as they stand now.
    ///
    /// A server that had keys never opens: an empty ring then lets nobody in.
    func replace(_ ring: KeyRing) {
        state.withLock { $0 = State(ring: ring, isOpen: $0.isOpen && ring.isEmpty) }
    }

    /// The caller of a request, if it is allowed to; without a permission everyone is.
    func principal(
        of head: HTTPRequestHead, for permission: Permission?
    ) -> Result<Principal, HTTPRefusal> {
        let principal = ownPrincipal(of: head, for: permission)
        guard !head.target.query.isEmpty, let permission,
            let name = head.target.queryValue("environment")
        else { return principal }
        return principal.flatMap { AccessControl.choosing(name, $0, for: permission) }
    }

    /// The caller in the environment that a request names.
    private static func choosing(
        _ name: String, _ principal: Principal, for permission: Permission
    ) -> Result<Principal, HTTPRefusal> {
        if name == principal.environment { return .success(principal) }
        guard name == SelfTelemetry.environment else {
            return .failure(
                HTTPRefusal(
                    .error(
                        403,
                        "a key tells its environment; "
                            + "only ?environment=\(SelfTelemetry.environment) can be named")))
        }
        guard principal.kind == .admin else {
            return .failure(
                HTTPRefusal(.error(403, "only an admin key may ask about the server itself")))
        }
        guard permission == .askQuestions || permission == .authenticate else {
            return .failure(
                HTTPRefusal(.error(403, "the server alone writes the environment '\(name)'")))
        }
        return .success(Principal(environment: name, kind: principal.kind, keyID: principal.keyID))
    }

    private func ownPrincipal(
        of head: HTTPRequestHead, for permission: Permission?
    ) -> Result<Principal, HTTPRefusal> {
        if isOpen { return openPrincipal(of: head) }
        guard let permission else { return .success(.nobody) }
        guard let text = presentedKey(in: head.headers),
            let key = state.withLock({ $0.ring.key(of: text) })
        else {
            return .failure(
                HTTPRefusal(.error(401, "unknown API key - check your credentials")))
        }
        guard key.kind.allows(permission) else {
            return .failure(
                HTTPRefusal(.error(403, "a key of kind '\(key.kind.rawValue)' may not do this")))
        }
        return .success(
            Principal(environment: key.environment, kind: key.kind, keyID: key.id))
    }

    private func openPrincipal(of head: HTTPRequestHead) -> Result<Principal, HTTPRefusal> {
        if let refusal = foreignOrigin(head) { return .failure(refusal) }
        return .success(
            Principal(environment: AccessControl.openEnvironment, kind: .admin, keyID: nil))
    }

    /// Refuses what a foreign page in a local browser would send to a server without keys.
    private func foreignOrigin(_ head: HTTPRequestHead) -> HTTPRefusal? {
        let host = head.headers["Host"] ?? ""
        guard isLoopbackHost(hostWithoutPort(host)) else {
            return HTTPRefusal(
                .error(403, "without keys only a loopback Host is answered; create a key first"))
        }
        guard let origin = head.headers["Origin"] else { return nil }
        guard equalsIgnoringCase(origin, "\(scheme)://\(host)") else {
            return HTTPRefusal(.error(403, "requests of another origin are not answered"))
        }
        return nil
    }

    /// A key in `X-Honeycomb-Team`, else `X-Hny-Team`, else as Amazon Data Firehose sends it, else
    /// `Authorization: Bearer`.
    private func presentedKey(in headers: HTTPHeaders) -> String? {
        for name in ["X-Honeycomb-Team", "X-Hny-Team", "X-Amz-Firehose-Access-Key"] {
            if let text = headers[name], !text.isEmpty { return text }
        }
        guard let value = headers["Authorization"], value.utf8.count > 7,
            equalsIgnoringCase(String(value.prefix(7)), "Bearer ")
        else { return nil }
        return String(value.dropFirst(7))
    }
}

/// The host of a `Host` header, an IPv6 address without its brackets.
func hostWithoutPort(_ host: String) -> String {
    if host.hasPrefix("["), let end = host.firstIndex(of: "]") {
        return String(host[host.index(after: host.startIndex)..<end])
    }
    return String(host[..<(host.utf8.firstIndex(of: UInt8(ascii: ":")) ?? host.endIndex)])
}
