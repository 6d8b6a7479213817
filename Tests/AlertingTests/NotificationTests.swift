import Bytes
import SeriesStore
import Testing

@testable import Alerting

/// What Alertmanagers and receivers are told, and when.
@Suite struct NotificationTests {
    private func alert(
        _ name: String, firedAt: Int64 = 0, resolvedAt: Int64? = nil, tier: String = "page"
    ) -> Alert {
        Alert(
            labels: Labels([Label("alertname", name), Label("tier", tier)]),
            annotations: Labels([Label("summary", "<\(name)> & more")]), value: 1,
            state: resolvedAt == nil ? .firing : .inactive, activeAt: firedAt, firedAt: firedAt,
            resolvedAt: resolvedAt)
    }

    private func document(_ message: OutgoingMessage) throws -> JSONValue {
        try JSONValue(parsing: message.body)
    }

    /// The macro cannot take a call that changes what it is called on.
    private func needed(_ message: OutgoingMessage?) throws -> OutgoingMessage {
        try #require(message)
    }

    // MARK: - Alertmanager

    /// Asks the feed each second, as a thread does, and gives the times at which something was sent.
    private func sent(
        _ feed: inout AlertmanagerFeed, _ alerts: [Alert], seconds: ClosedRange<Int64>,
        isDown: ClosedRange<Int64>? = nil
    ) -> (taken: [Int64], failed: [Int64]) {
        var taken: [Int64] = []
        var failed: [Int64] = []
        for second in seconds {
            let now = second * 1000
            guard
                let message = feed.message(alerts, at: now, interval: 15_000, generator: "http://w")
            else { continue }
            if isDown?.contains(second) ?? false {
                feed.failed(at: now)
                failed.append(second)
            } else {
                feed.succeeded(message, alerts, at: now)
                taken.append(second)
            }
        }
        return (taken, failed)
    }

    @Test func `what fires is told again each minute, with an end four minutes ahead`() throws {
        var feed = AlertmanagerFeed(url: "http://a", environment: "e")
        let taken = sent(&feed, [alert("A")], seconds: 0...200).taken
        #expect(taken == [0, 60, 120, 180])
        let message = try needed(
            feed.message([alert("A")], at: 240_000, interval: 15_000, generator: "http://w"))
        let told = try document(message)
        #expect(told.array?.first?["startsAt"]?.string == "1970-01-01T00:00:00Z")
        #expect(told.array?.first?["endsAt"]?.string == "1970-01-01T00:08:00Z")
    }

    @Test func `a time that cannot be written stops nobody from being told`() throws {
        for time in [Int64.max, .min, .max / 1_000_000 + 1] {
            let alerts = [alert("A", firedAt: time), alert("B", firedAt: time, resolvedAt: time)]
            var feed = AlertmanagerFeed(url: "http://a", environment: "e")
            let message = try needed(
                feed.message(alerts, at: 0, interval: 15_000, generator: "http://w"))
            let start = try document(message).array?.first?["startsAt"]?.string ?? ""
            #expect(start.hasPrefix(time < 0 ? "1677" : "2262"))
            let receiver = Receiver(name: "r", kind: .webhook(url: "http://r"), match: [])
            let body = try document(
                receiver.message(alerts, isOver: false, externalURL: "http://w"))
            #expect(body["alerts"]?.array?[1]["endsAt"]?.string?.isEmpty == false)
        }
    }

    @Test func `an end is told at once`() throws {
        var feed = AlertmanagerFeed(url: "http://a", environment: "e")
        _ = sent(&feed, [alert("A")], seconds: 0...10)
        let over = [alert("A", resolvedAt: 11_000)]
        let message = try needed(
            feed.message(over, at: 11_000, interval: 15_000, generator: "http://w"))
        #expect(try document(message).array?.first?["endsAt"]?.string == "1970-01-01T00:00:11Z")
    }

    @Test func `alerts of equal labels are one, which fires as long as one of them does`() throws {
        var feed = AlertmanagerFeed(url: "http://a", environment: "e")
        let alerts = [
            alert("A", firedAt: 1_000, resolvedAt: 4_000), alert("A", firedAt: 5_000),
            alert("A", firedAt: 2_000),
        ]
        let message = try needed(
            feed.message(alerts, at: 6_000, interval: 15_000, generator: "http://w"))
        let told = try #require(try document(message).array)
        #expect(told.map { $0["startsAt"]?.string } == ["1970-01-01T00:00:05Z"])
        feed.succeeded(message, alerts, at: 6_000)
        #expect(feed.waiting(alerts, at: 7_000) == 0)
        #expect(sent(&feed, alerts, seconds: 7...100).taken == [66])
    }

    @Test func `one alert that is refused keeps no other from being told`() throws {
        var feed = AlertmanagerFeed(url: "http://a", environment: "e")
        let alerts = (0..<130).map { alert("A\($0)") }
        var told: Set<String> = []
        for second in Int64(0)..<40 {
            // As the thread does: until one is not taken, then a second later.
            while let message = feed.message(
                alerts, at: second * 1000, interval: 15_000, generator: "http://w")
            {
                let names = try (document(message).array ?? [])
                    .compactMap { $0["labels"]?["alertname"]?.string }
                if names.contains("A7") {
                    feed.refused(message, at: second * 1000)
                    break
                }
                feed.succeeded(message, alerts, at: second * 1000)
                told.formUnion(names)
            }
        }
        #expect(told.count == 129)
        var receiver = ReceiverFeed(
            Receiver(name: "r", kind: .webhook(url: "http://r"), match: []))
        let first = try needed(receiver.message([alert("A"), alert("B")], at: 0, externalURL: ""))
        receiver.refused(first, at: 0)
        let pair = [alert("A"), alert("B"), alert("C", tier: "page")]
        let next = try needed(receiver.message(pair, at: 0, externalURL: ""))
        #expect(next.alertCount == 1)
    }

    @Test func `an outage of an hour is tried at longer and longer waits, and then all is told`() {
        var feed = AlertmanagerFeed(url: "http://a", environment: "e")
        let alerts = [alert("A"), alert("B")]
        let (taken, failed) = sent(&feed, alerts, seconds: 0...3_700, isDown: 0...3_600)
        #expect(failed.prefix(7) == [0, 1, 3, 7, 15, 31, 63])
        #expect(failed.count < 70)
        let first = taken.first ?? .max
        #expect(first > 3_600 && first <= 3_660)
    }

    @Test func `pending alerts are told to nobody`() {
        var pending = alert("A")
        pending.state = .pending
        var feed = AlertmanagerFeed(url: "http://a", environment: "e")
        let taken = sent(&feed, [pending], seconds: 0...100).taken
        #expect(taken == [])
        var receiver = ReceiverFeed(
            Receiver(name: "r", kind: .webhook(url: "http://r"), match: []))
        let message = receiver.message([pending], at: 0, externalURL: "")
        #expect(message == nil)
    }

    // MARK: - Receivers

    private func feed(_ kind: Receiver.Kind = .webhook(url: "http://r")) -> ReceiverFeed {
        ReceiverFeed(Receiver(name: "r", kind: kind, match: [("tier", "page")]))
    }

    @Test func `each state of an alert is told once, also over a restart`() throws {
        var feed = feed()
        let alerts = [alert("A"), alert("B"), alert("T", tier: "ticket")]
        let message = try needed(feed.message(alerts, at: 0, externalURL: ""))
        #expect(try document(message)["alerts"]?.array?.count == 2)
        // Not taken: the same again, a second later.
        feed.failed(at: 0)
        let early = feed.message(alerts, at: 500, externalURL: "")
        #expect(early == nil)
        let again = try needed(feed.message(alerts, at: 1_000, externalURL: ""))
        #expect(again.body == message.body)
        feed.succeeded(again)
        let nothing = feed.message(alerts, at: 2_000, externalURL: "")
        #expect(nothing == nil)
        var restarted = self.feed()
        try restarted.restore(feed.encoded())
        let known = restarted.message(alerts, at: 3_000, externalURL: "")
        #expect(known == nil)
        let over = [alert("A", resolvedAt: 4_000), alert("B")]
        let end = try needed(restarted.message(over, at: 4_000, externalURL: ""))
        #expect(try document(end)["status"]?.string == "resolved")
        restarted.succeeded(end)
        let nothingMore = restarted.message(over, at: 5_000, externalURL: "")
        #expect(nothingMore == nil)
        // The same alert anew is another incident.
        let anew = [alert("A", firedAt: 9_000), alert("B")]
        let next = try needed(restarted.message(anew, at: 9_000, externalURL: ""))
        let key = try document(next)["alerts"]?.array?.first?["fingerprint"]
        #expect(try key != document(message)["alerts"]?.array?.first?["fingerprint"])
    }

    /// The alert is kept for a quarter of an hour after its end; the receiver was down for longer.
    @Test func `a receiver that was down is told of the end of what it takes to be firing`() throws
    {
        var feed = feed()
        let first = try needed(feed.message([alert("A")], at: 0, externalURL: ""))
        feed.succeeded(first)
        feed.failed(at: 1_000)
        var restarted = self.feed()
        try restarted.restore(feed.encoded())
        let end = try needed(restarted.message([], at: 3_600_000, externalURL: ""))
        #expect(try document(end)["status"]?.string == "resolved")
        let key = try document(first)["alerts"]?.array?.first?["fingerprint"]
        #expect(try document(end)["alerts"]?.array?.first?["fingerprint"] == key)
        restarted.succeeded(end)
        let nothing = restarted.message([], at: 3_601_000, externalURL: "")
        #expect(nothing == nil)
    }

    /// What the next message says, which is taken: `firing A B`; nil when there is none.
    private func told(
        _ feed: inout ReceiverFeed, _ alerts: [Alert], at second: Int64
    ) throws -> String? {
        guard let message = feed.message(alerts, at: second * 1000, externalURL: "") else {
            return nil
        }
        feed.succeeded(message)
        let body = try document(message)
        let names = (body["alerts"]?.array ?? []).compactMap { $0["labels"]?["alertname"]?.string }
        return ([body["status"]?.string ?? ""] + names).joined(separator: " ")
    }

    @Test func `what began and ended while a receiver was down is told in that order`() throws {
        var feed = feed()
        #expect(try told(&feed, [], at: 0) == nil)
        let first = try needed(feed.message([alert("A")], at: 1_000, externalURL: ""))
        feed.failed(at: 1_000)
        // It is over, and gone when that was long ago.
        let over = [alert("A", resolvedAt: 5_000)]
        #expect(feed.waiting(over) == 1)
        let still = try needed(feed.message(over, at: 9_000, externalURL: ""))
        #expect(still.body == first.body)
        feed.failed(at: 9_000)
        let nothing = feed.message([], at: 9_001, externalURL: "")
        #expect(nothing == nil)
        #expect(feed.hasNews)
        var restarted = self.feed()
        try restarted.restore(feed.encoded())
        #expect(restarted.waiting([]) == 1)
        let beginning = try needed(restarted.message([], at: 9_000_000, externalURL: ""))
        #expect(beginning.body == first.body)
        restarted.succeeded(beginning)
        let end = try needed(restarted.message([], at: 9_000_000, externalURL: ""))
        let body = try document(end)
        #expect(body["status"] == "resolved")
        #expect(body["alerts"]?.array?.first?["endsAt"] == "1970-01-01T00:00:05Z")
        #expect(body["commonAnnotations"]?["summary"] == "<A> & more")
        restarted.succeeded(end)
        #expect(try told(&restarted, [], at: 9_001) == nil)
        #expect(restarted.waiting([]) == 0)
    }

    @Test func `what ended before a receiver was there is not told it`() throws {
        let over = alert("A", resolvedAt: 5_000)
        var feed = feed()
        #expect(try told(&feed, [over], at: 6) == nil)
        #expect(!feed.wasTold(of: over))
        var restarted = self.feed()
        try restarted.restore(feed.encoded())
        #expect(try told(&restarted, [over], at: 7) == nil)
        // What began and ended since it was looked at last is.
        let both = [over, alert("B", firedAt: 7_000, resolvedAt: 8_000)]
        #expect(try told(&restarted, both, at: 8) == "firing B")
        #expect(try told(&restarted, both, at: 8) == "resolved B")
        #expect(try told(&restarted, both, at: 8) == nil)
    }

    @Test func `a receiver that is changed is told what the one before was not, and no past`()
        throws
    {
        var feed = feed()
        let ticket = alert("T", resolvedAt: 2_000, tier: "ticket")
        _ = feed.message([alert("A"), ticket], at: 0, externalURL: "")
        feed.failed(at: 0)
        feed.redefine(as: Receiver(name: "r", kind: .webhook(url: "http://new"), match: []))
        let alerts = [alert("A", resolvedAt: 3_000), ticket]
        #expect(try told(&feed, alerts, at: 0) == "firing A")
        #expect(try told(&feed, alerts, at: 0) == "resolved A")
        #expect(try told(&feed, alerts, at: 0) == nil)
    }

    @Test func `of what a receiver missed the latest thousand alerts are kept`() throws {
        var feed = feed()
        feed.failed(at: 0)
        let alerts = (0..<1_010).map { alert("A", firedAt: Int64($0)) }
        _ = feed.message(alerts, at: 0, externalURL: "")
        _ = feed.message([], at: 0, externalURL: "")
        #expect(feed.waiting([]) == 1_000)
        let message = try needed(feed.message([], at: 1_000, externalURL: ""))
        let start = try document(message)["alerts"]?.array?.first?["startsAt"]
        #expect(start == "1970-01-01T00:00:00.01Z")
    }

    @Test func `nothing that is erased is kept for a receiver`() throws {
        var feed = feed()
        let alerts = [alert("ada@example.com"), alert("B")]
        _ = feed.message(alerts, at: 0, externalURL: "")
        feed.failed(at: 0)
        _ = feed.message([], at: 1, externalURL: "")
        feed.erase(["ada@"])
        #expect(!String(decoding: feed.encoded(), as: UTF8.self).contains("ada@"))
        #expect(try told(&feed, [], at: 5) == "firing B")
    }

    @Test func `the end of one incident is told although the alert fires anew`() throws {
        var feed = feed()
        feed.succeeded(try needed(feed.message([alert("A")], at: 0, externalURL: "")))
        let anew = [alert("A", firedAt: 9_000)]
        let next = try needed(feed.message(anew, at: 9_000, externalURL: ""))
        #expect(try document(next)["status"]?.string == "firing")
        feed.succeeded(next)
        let end = try needed(feed.message(anew, at: 9_000, externalURL: ""))
        #expect(try document(end)["status"]?.string == "resolved")
        feed.succeeded(end)
        let nothing = feed.message(anew, at: 9_000, externalURL: "")
        #expect(nothing == nil)
    }

    @Test func `bytes of what was told are refused when they are others`() {
        let bytes = feed().encoded()
        for place in bytes.indices {
            var other = bytes
            other[place] ^= 4
            #expect(throws: AlertMemoryError.self) {
                var feed = feed()
                try feed.restore(other)
            }
        }
    }

    @Test func `many alerts are several messages of a bounded size`() throws {
        var feed = feed()
        let alerts = (0..<250).map { alert("A\($0)") }
        var sizes: [Int] = []
        while let message = feed.message(alerts, at: 0, externalURL: "") {
            sizes.append(try document(message)["alerts"]?.array?.count ?? 0)
            feed.succeeded(message)
        }
        #expect(sizes == [100, 100, 50])
    }

    @Test func `Slack's markup in an alert is text`() throws {
        var feed = feed(.slack(url: "http://s", channel: nil))
        let message = try needed(feed.message([alert("A")], at: 0, externalURL: ""))
        let text = try document(message)["attachments"]?.array?.first?["text"]?.string
        #expect(text == "[FIRING] A (tier=\"page\"): &lt;A&gt; &amp; more")
    }

    @Test func `who has no labels to match is told of what names it alone`() throws {
        var named = alert("B")
        named.receivers = ["r"]
        var feed = ReceiverFeed(
            Receiver(name: "r", kind: .webhook(url: "http://r"), match: nil))
        let message = try needed(feed.message([alert("A"), named], at: 0, externalURL: ""))
        let told = try document(message)["alerts"]?.array ?? []
        #expect(told.map { $0["labels"]?["alertname"]?.string } == ["B"])
    }

    @Test func `Honeycomb's webhooks are told of one alert at a time, in its form`() throws {
        var feed = feed(.honeycomb(url: "http://h", headers: ["X-A: b"]))
        let labels = Labels([
            Label("alertname", "slow"), Label("service", "cart"), Label("tier", "page"),
            Label("trigger", "1f"),
        ])
        var one = Alert(
            labels: labels, annotations: Labels([Label("threshold", ">= 1.5")]), value: 2,
            state: .firing, activeAt: 0, firedAt: 0)
        let other = alert("z")
        let message = try needed(feed.message([one, other], at: 0, externalURL: "http://w"))
        guard case .post(_, let headers) = message.road else {
            Issue.record("it is no POST")
            return
        }
        #expect(headers.first == "X-A: b")
        let told = try document(message)
        #expect(told["id"] == "1f")
        #expect(told["status"] == "TRIGGERED")
        #expect(told["operator"] == "greater than or equal to")
        #expect(told["threshold"]?.number == 1.5)
        #expect(told["trigger_url"] == "http://w/api/triggers/1f")
        let group: JSONValue = ["service": "cart", "tier": "page"]
        #expect(told["result_groups_triggered"]?.array?.first?["Group"] == group)
        feed.succeeded(message)
        feed.succeeded(try needed(feed.message([one, other], at: 0, externalURL: "")))
        one.state = .inactive
        one.resolvedAt = 1
        let end = try needed(feed.message([one, other], at: 1_000, externalURL: ""))
        #expect(try document(end)["status"] == "OK")
    }

    @Test func `nothing of an alert begins a line of a mail's head`() throws {
        var feed = feed(
            .mail(
                server: "smtp://m", from: "w@example.com", to: ["a@example.com"], user: "",
                password: ""))
        let message = try needed(
            feed.message([alert("A\r\nBcc: x@example.com")], at: 0, externalURL: ""))
        let text = String(decoding: message.body, as: UTF8.self)
        let head = text.components(of: "\r\n\r\n")
        #expect(!head.contains("Bcc"))
        #expect(head.split(separator: "\r\n").count == 7)
    }
}

extension String {
    /// What stands before a text.
    fileprivate func components(of separator: String) -> String {
        String(self[..<(firstRange(of: separator)?.lowerBound ?? endIndex)])
    }
}
