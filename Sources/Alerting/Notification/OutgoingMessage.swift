/// Something to be sent, and which alerts are told of by it.
public struct OutgoingMessage: Sendable {
    public enum Road: Sendable {
        /// A POST of a body of JSON.
        case post(url: String, headers: [String])
        /// A mail through a server (`smtp://` or `smtps://`).
        case mail(server: String, from: String, to: [String], user: String, password: String)
    }

    public let road: Road
    public let body: [UInt8]
    /// The alerts, each with what is told of it.
    let told: [AlertIdentity: Told]

    /// How many alerts it tells of.
    public var alertCount: Int { told.count }
}

/// What was told of an alert.
struct Told: Hashable, Sendable {
    /// Whether it is over.
    var isOver: Bool
    /// For which time of telling it anew; nil for alerts that are told once.
    var anewAt: Int64?
}
