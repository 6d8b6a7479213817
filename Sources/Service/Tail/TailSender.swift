internal import Bytes
internal import Host

/// One client's stream of server-sent events, with what it missed.
///
/// Each event is `event: NAME`, `data: JSON` and an empty line. `skipped` tells how many events were not
/// sent, `end` why nothing more comes.
struct TailSender {
    private let stream: ResponseStream
    private let clock: any HostClock
    private let client: ClientConnection
    /// Events that were not sent and not told of.
    var skipped = 0
    /// When the client last had read nearly all there was.
    private var readAt: Int64
    private var sentAt: Int64

    init(_ stream: ResponseStream, to client: ClientConnection, _ clock: any HostClock) {
        self.stream = stream
        self.client = client
        self.clock = clock
        readAt = clock.monotonicNanoseconds()
        sentAt = readAt
    }

    /// Whether the client has read enough to be sent more.
    var hasRoom: Bool { stream.bytesAhead.map { $0 <= ServiceLimits.streamBytesAhead } ?? false }

    mutating func send(_ name: String, _ json: [UInt8]) {
        stream.add(Array("event: \(name)\ndata: ".utf8) + json + Array("\n\n".utf8))
        sentAt = clock.monotonicNanoseconds()
    }

    /// Tells of what was skipped, keeps the connection alive, and answers whether the client still
    /// reads.
    mutating func goesOn() -> Bool {
        guard let ahead = stream.bytesAhead, !stream.isLeft(by: client) else { return false }
        let now = clock.monotonicNanoseconds()
        if ahead <= ServiceLimits.streamBytesAhead { readAt = now }
        if now - readAt > Int64(ServiceLimits.tailPatienceSeconds) * 1_000_000_000 {
            end("you read too slowly")
            return false
        }
        if skipped > 0, hasRoom {
            let count: JSONValue = ["events": .int(Int64(skipped))]
            skipped = 0
            send("skipped", Array(count.text.utf8))
        }
        if now - sentAt > Int64(ServiceLimits.tailSilenceSeconds) * 1_000_000_000 {
            stream.add(Array(": nothing new\n\n".utf8))
            sentAt = now
        }
        return true
    }

    /// Says why nothing more comes.
    mutating func end(_ reason: String) {
        var document = JSONObject()
        document["reason"] = .string(reason)
        if skipped > 0 { document["skipped"] = .int(Int64(skipped)) }
        send("end", Array(JSONValue.object(document).text.utf8))
    }
}
