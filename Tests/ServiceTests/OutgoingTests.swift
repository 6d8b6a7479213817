import Testing

@testable import Alerting
@testable import Service

/// Takes whatever it is sent.
private struct Listener: HTTPHandler {
    func refusal(of head: HTTPRequestHead) -> HTTPResponse? { nil }

    func lane(of head: HTTPRequestHead) -> HTTPLane { .immediate }

    func respond(
        to request: HTTPRequest, reply: @escaping @Sendable (HTTPResponse) -> Void
    ) {
        reply(.text("taken"))
    }
}

/// Where messages go, and where they never do.
@Suite struct OutgoingTests {
    /// Why a POST to a name that leads to an address was not taken; nil when it was.
    private func failure(_ host: String, leadsTo address: String, port: UInt16) -> String? {
        let message = OutgoingMessage(
            road: .post(url: "http://\(host):\(port)/", headers: []), body: Array("{}".utf8),
            told: [:])
        do throws(Outgoing.Failure) {
            try Outgoing.send(message, resolving: ["\(host):\(port):\(address)"])
            return nil
        } catch {
            return error.description
        }
    }

    @Test func `a name is judged by the address that it leads to`() throws {
        let server = try HTTPServer(
            address: ListenAddress(host: "127.0.0.1", port: 0), workers: 1, handler: Listener(),
            counters: HTTPCounters(
                HTTPBytesInFlight(bodiesMax: ServiceLimits.bodiesInFlightBytesMax)))
        let port = server.address.port
        for address in [
            "169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "0.0.0.0",
            "224.0.0.1", "255.255.255.255", "[fe80::1]", "[::ffff:169.254.169.254]",
        ] {
            let found = failure("hooks.example.com", leadsTo: address, port: port)
            #expect(found == "the address may not be spoken to", "\(address)")
        }
        // What the name looks like is nothing.
        for name in ["hooks.example.com", "169.254.169.254.example.com", "metadata.internal"] {
            #expect(failure(name, leadsTo: "127.0.0.1", port: port) == nil)
        }
        #expect(server.stop())
        let gone = failure("hooks.example.com", leadsTo: "127.0.0.1", port: port)
        #expect(gone == "cannot connect")
    }
}
