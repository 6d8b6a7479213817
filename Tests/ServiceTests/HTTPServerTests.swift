import Bytes
import Dispatch
import Glibc
import Host
import Synchronization
import Testing

@testable import Service

/// Answers with what it was asked, in the lane the path names.
private final class Echo: HTTPHandler {
    func refusal(of head: HTTPRequestHead) -> HTTPResponse? {
        head.target.path.first == "forbidden" ? .error(403, "no") : nil
    }

    func lane(of head: HTTPRequestHead) -> HTTPLane {
        switch head.target.path.first {
        case "ingest": .ingest
        case "query": .query
        default: .immediate
        }
    }

    let told = Atomic(0)

    func noneIsUnderWay(after requests: Int) { told.add(requests, ordering: .relaxed) }

    func respond(
        to request: HTTPRequest, reply: @escaping @Sendable (HTTPResponse) -> Void
    ) {
        let head = request.head
        if head.target.path.last == "slow" {
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(300)) {
                reply(.text("slow"))
                reply(.text("twice"))
            }
            return
        }
        if head.target.path.last == "large" {
            return reply(HTTPResponse(status: 200, body: [UInt8](repeating: 0x78, count: 32 << 20)))
        }
        let query = head.target.query.map { "\($0.name)=\($0.value)" }.joined(separator: ";")
        reply(
            .text(
                "\(head.method) \(head.target.path) \(query) body=\(request.body.count) "
                    + "from=\(head.remoteAddress) gone=\(head.connection.isGone)\n"))
    }
}

private func withServer(
    bodiesMax: Int = ServiceLimits.bodiesInFlightBytesMax, _ body: (HTTPServer) throws -> Void
) throws {
    let server = try HTTPServer(
        address: ListenAddress(host: "127.0.0.1", port: 0), workers: 2, handler: Echo(),
        counters: HTTPCounters(HTTPBytesInFlight(bodiesMax: bodiesMax)))
    try body(server)
    #expect(server.stop())
    #expect(server.counters.exchangesOpen == 0)
    #expect(server.counters.bodyBytesInFlight == 0)
    #expect(server.counters.connectionsOpen == 0)
}

/// Sends bytes to a fresh server and gives back all that comes until it closes.
private func answer(to text: String) throws -> String {
    var answer = ""
    try withServer { server in
        let connection = try #require(RawConnection(port: server.address.port))
        connection.send(text)
        connection.stopSending()
        answer = connection.readToEnd()
    }
    return answer
}

/// Waits until bodies take so many bytes; returns false when they do not within ten seconds.
private func isReached(_ bytes: Int, in server: HTTPServer) -> Bool {
    for _ in 0..<10_000 {
        if server.counters.bodyBytesInFlight == bytes { return true }
        usleep(1000)
    }
    return false
}

@Suite struct HTTPServerTests {
    @Test func `path elements are decoded after the path is split`() throws {
        let answer = try answer(
            to: "GET /1/events/a%2Fb%20c?x=1+2&y=%C3%A9 HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(answer.contains(#"GET ["1", "events", "a/b c"] x=1 2;y=é body=0 from=127.0.0.1"#))
        #expect(answer.contains("X-Content-Type-Options: nosniff\r\n"))
        #expect(answer.contains("Content-Security-Policy: default-src 'none'"))
    }

    @Test(arguments: ["ingest", "query", "quick"])
    func `a body arrives whole in every lane`(lane: String) throws {
        try withServer { server in
            let connection = try #require(RawConnection(port: server.address.port))
            let body = String(repeating: "x", count: 300_000)
            for _ in 0..<3 {
                connection.send(
                    "POST /\(lane) HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + body)
                let answer = connection.read(until: "\n")
                #expect(answer.contains("body=300000 from=127.0.0.1 gone=false"))
            }
        }
    }

    @Test func `pipelined requests are answered in order`() throws {
        let answer = try answer(
            to: "GET /query HTTP/1.1\r\nHost: a\r\n\r\n"
                + "POST /ingest HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
                + "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let order = [#"GET ["query"]"#, #"POST ["ingest"]  body=2"#, #"GET ["x"]"#]
        let places = order.compactMap { answer.firstRange(of: $0)?.lowerBound }
        #expect(places.count == 3)
        #expect(places == places.sorted())
    }

    @Test func `chunks are put together`() throws {
        let answer = try answer(
            to: "POST /ingest HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
        #expect(answer.contains("body=7 "))
    }

    @Test(arguments: [
        "Content-Length: 3\r\nContent-Length: 3", "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: 3\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: gzip", "Content-Length: -3", "Content-Length: 3,3", "Host: b",
        "Content-Length : 5", "Content-Length\t: 5", "Transfer-Encoding : chunked",
        "X: a\rContent-Length: 5", "Ké: a",
    ])
    func `a request whose end is in doubt is refused and its connection closed`(
        fields: String
    ) throws {
        let answer = try answer(
            to: "POST /ingest HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n0\r\n\r\n"
                + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 400") || answer.hasPrefix("HTTP/1.1 501"))
        #expect(!answer.contains("smuggled"))
    }

    @Test func `a request without Host is refused`() throws {
        #expect(try answer(to: "GET / HTTP/1.1\r\n\r\n").hasPrefix("HTTP/1.1 400"))
    }

    @Test(arguments: ["/%", "/%2", "/%zz", "/%ff", "/a?b=%c3"])
    func `a target that cannot be decoded is refused`(target: String) throws {
        let answer = try answer(to: "GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 400"))
        #expect(answer.contains(#"{"error":"the request target is not well-formed"}"#))
    }

    @Test func `a body announced too large is refused before it is sent`() throws {
        let answer = try answer(
            to: "POST /ingest HTTP/1.1\r\nHost: a\r\nContent-Length: 20971521\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 413"))
        #expect(answer.contains(#"{"error":"Request body is too large."}"#))
    }

    @Test func `a chunked body that grows too large is refused`() throws {
        try withServer { server in
            let connection = try #require(RawConnection(port: server.address.port))
            connection.send(
                "POST /ingest HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = "100000\r\n" + String(repeating: "x", count: 1 << 20) + "\r\n"
            for _ in 0..<21 { connection.send(chunk) }
            connection.send("0\r\n\r\n")
            let answer = connection.readToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 413"))
        }
    }

    @Test func `a refused request is answered before its body and closes the connection`() throws {
        let answer = try answer(
            to: "POST /forbidden HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 403"))
        #expect(answer.contains("Connection: close\r\n"))
    }

    @Test func `stopping waits for the answer that was begun, and the first reply stands`() throws {
        var answer = ""
        try withServer { server in
            let connection = try #require(RawConnection(port: server.address.port))
            connection.send("GET /query/slow HTTP/1.1\r\nHost: a\r\n\r\n")
            while server.counters.exchangesOpen == 0 {}
            let other = Monitor<String?>(nil)
            _ = try HostThread(name: "late") {
                while !server.closesConnections {}
                let late = RawConnection(port: server.address.port)
                late?.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                let text = late?.readToEnd() ?? ""
                other.update { $0 = text }
            }
            #expect(server.stop())
            answer = connection.readToEnd()
            #expect(other.wait { $0 } == "")
        }
        #expect(answer.hasSuffix("\r\n\r\nslow"))
    }

    @Test func `stopping gives up a request that is not whole`() throws {
        let server = try HTTPServer(
            address: ListenAddress(host: "127.0.0.1", port: 0), workers: 2, handler: Echo(),
            counters: HTTPCounters())
        let connection = try #require(RawConnection(port: server.address.port))
        connection.send("POST /ingest HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf")
        while server.counters.exchangesOpen == 0 {}
        #expect(server.stop())
        #expect(connection.readToEnd() == "")
        #expect(server.counters.exchangesOpen == 0)
        #expect(server.counters.bodyBytesInFlight == 0)
    }

    @Test func `bodies that stall keep out only what does not fit beside them`() throws {
        try withServer(bodiesMax: 4 << 20) { server in
            func post(_ length: Int, _ body: String = "") throws -> RawConnection {
                let connection = try #require(RawConnection(port: server.address.port))
                connection.send(
                    "POST /ingest HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n" + body)
                return connection
            }
            func status(_ connection: RawConnection) -> String {
                String(connection.read(until: "\n").dropFirst(9).prefix(3))
            }
            let stalled = try post(3 << 20)
            #expect(isReached(3 << 20, in: server))
            #expect(status(try post(2 << 20)) == "503")
            #expect(status(try post(0)) == "200")
            #expect(status(try post(2, "hi")) == "200")
            let question = try #require(RawConnection(port: server.address.port))
            question.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(status(question) == "200")
            // One that tells no length is refused when it has grown, and takes no room from then on.
            let growing = try #require(RawConnection(port: server.address.port))
            growing.send("POST /ingest HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            growing.send("80000\r\n" + String(repeating: "x", count: 1 << 19) + "\r\n")
            #expect(isReached(7 << 19, in: server))
            growing.send("100000\r\n" + String(repeating: "x", count: 1 << 20) + "\r\n")
            #expect(isReached(3 << 20, in: server))
            withExtendedLifetime((stalled, growing)) {}
        }
    }

    @Test func `a connection beyond the bound waits until another one ends`() throws {
        let server = try HTTPServer(
            address: ListenAddress(host: "127.0.0.1", port: 0), workers: 2, handler: Echo(),
            counters: HTTPCounters(), connectionsMax: 3)
        func ask() throws -> RawConnection {
            let connection = try #require(RawConnection(port: server.address.port))
            connection.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
            return connection
        }
        let open = try (0..<3).map { _ in try ask() }
        for connection in open { #expect(connection.read(until: "\n").contains("200")) }
        let late = try ask()
        usleep(50_000)
        #expect(server.counters.connectionsOpen == 3)
        open[1].stopSending()
        #expect(late.read(until: "\n").contains("200"))
        #expect(server.counters.connectionsOpen == 3)
        #expect(server.stop())
        #expect(server.counters.connectionsOpen == 0)
        withExtendedLifetime(open) {}
    }

    @Test func `four connections share a thread before another one gets any`() {
        var connections = [0, 0, 0]
        let order = (0..<15).map { _ in
            let next = ConnectionThreads.next(connections: connections)
            connections[next] += 1
            return next
        }
        #expect(order == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 0, 0, 0])
        #expect(ConnectionThreads.next(connections: [9, 7, 4]) == 1)
        #expect(ConnectionThreads.next(connections: [9, 8, 3]) == 2)
    }

    @Test func `answers that nobody reads are bounded together`() throws {
        let server = try HTTPServer(
            address: ListenAddress(host: "127.0.0.1", port: 0), workers: 2, handler: Echo(),
            counters: HTTPCounters(), answersInFlightMax: 40 << 20)
        let request = "GET /query/large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        let slow = try #require(RawConnection(port: server.address.port))
        slow.send(request)
        while server.counters.answerBytesInFlight == 0 { usleep(1000) }
        let other = try #require(RawConnection(port: server.address.port))
        other.send(request)
        #expect(other.readToEnd().hasPrefix("HTTP/1.1 503"))
        #expect(slow.readToEnd().utf8.count > 32 << 20)
        while server.counters.exchangesOpen > 0 { usleep(1000) }
        #expect(server.counters.answerBytesInFlight == 0)
        let third = try #require(RawConnection(port: server.address.port))
        third.send(request)
        #expect(third.readToEnd().hasPrefix("HTTP/1.1 200"))
        #expect(server.stop())
    }

    @Test func `the handler is told when no small request is under way, and of how many`() throws {
        let handler = Echo()
        let server = try HTTPServer(
            address: ListenAddress(host: "127.0.0.1", port: 0), workers: 2, handler: handler,
            counters: HTTPCounters())
        func begin(_ length: Int) throws -> RawConnection {
            let connection = try #require(RawConnection(port: server.address.port))
            connection.send(
                "POST /ingest HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\nx")
            return connection
        }
        let (first, second) = (try begin(2), try begin(2))
        let large = try begin(ServiceLimits.immediateBodyBytes + 1)
        while server.counters.bodyBytesInFlight < ServiceLimits.immediateBodyBytes + 5 {}
        first.send("y")
        #expect(first.read(until: "\n").contains("body=2 "))
        #expect(handler.told.load(ordering: .relaxed) == 0)
        second.send("y")
        #expect(second.read(until: "\n").contains("body=2 "))
        #expect(handler.told.load(ordering: .relaxed) == 2)
        // One that is given up is not waited for either.
        try begin(2).stopSending()
        while handler.told.load(ordering: .relaxed) < 3 { usleep(1000) }
        withExtendedLifetime(large) {}
        #expect(server.stop())
    }

    @Test func `a taken port is an error that names the address`() throws {
        try withServer { server in
            #expect {
                _ = try HTTPServer(
                    address: server.address, workers: 1, handler: Echo(),
                    counters: HTTPCounters())
            } throws: { error in
                "\(error)" == "cannot listen on \(server.address): Address already in use"
            }
        }
    }
}
