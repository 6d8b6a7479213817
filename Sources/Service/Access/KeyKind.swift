/// What a key may do; each kind of key has a prefix of its own, so that a leaked one is recognised.
enum KeyKind: String, Sendable, CaseIterable {
    /// Sends events, reads nothing.
    case ingest
    /// Asks questions, sends nothing.
    case query
    /// Everything in its environment.
    case admin

    var prefix: String {
        switch self {
        case .ingest: "wfi_"
        case .query: "wfq_"
        case .admin: "wfa_"
        }
    }

    func allows(_ permission: Permission) -> Bool {
        switch (self, permission) {
        case (_, .authenticate), (.ingest, .sendEvents), (.query, .askQuestions), (.admin, _): true
        default: false
        }
    }
}

/// What a route needs its caller to be allowed.
enum Permission: Sendable {
    /// Nothing but a key that is known.
    case authenticate
    case sendEvents
    case askQuestions
    /// Makes and changes what is kept beside events: datasets, columns, markers.
    case define
}
