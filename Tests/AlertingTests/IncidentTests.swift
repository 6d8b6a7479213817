import SeriesStore
import Testing

@testable import Alerting

/// What people say of alerts, and who is told when nobody does.
@Suite struct IncidentTests {
    private static let minute: Int64 = 60_000

    private func alert(
        tier: String, _ annotations: [Label] = [], firedAt: Int64 = 0, resolvedAt: Int64? = nil,
        name: String = "A"
    ) -> Alert {
        Alert(
            labels: Labels([Label("alertname", name), Label("tier", tier), Label("team", "shop")]),
            annotations: Labels(annotations), value: 1,
            state: resolvedAt == nil ? .firing : .inactive, activeAt: firedAt - 10_000,
            firedAt: firedAt, resolvedAt: resolvedAt)
    }

    private func told(_ alert: Alert, _ log: IncidentLog, at minutes: Int64) -> [Alert] {
        Array(log.told([alert], at: minutes * IncidentTests.minute, []).dropFirst())
    }

    @Test func `what a machine does not settle in time pages`() {
        let alert = alert(tier: "automate", [Label("escalate_after", "10m")])
        let log = IncidentLog()
        #expect(told(alert, log, at: 9).isEmpty)
        let escalated = told(alert, log, at: 10)
        #expect(escalated.map { $0.labels["tier"] } == ["page"])
        #expect(escalated.map { $0.labels["escalated"] } == ["true"])
        #expect(escalated.first?.firedAt == 10 * IncidentTests.minute)
        // Settled before: nobody is paged. Settled after: the page ends too.
        var over = alert
        (over.state, over.resolvedAt) = (.inactive, 9 * IncidentTests.minute)
        #expect(told(over, log, at: 11).isEmpty)
        over.resolvedAt = 12 * IncidentTests.minute
        #expect(told(over, log, at: 13).map(\.resolvedAt) == [12 * IncidentTests.minute])
    }

    @Test func `what nobody acknowledges in time goes to the next`() {
        let alert = alert(tier: "page", [Label("acknowledge_within", "5m")])
        var log = IncidentLog()
        let news = [log.observe([alert]), log.observe([alert])]
        #expect(news == [true, false])
        #expect(told(alert, log, at: 4).isEmpty)
        #expect(told(alert, log, at: 5).map { $0.labels["unacknowledged"] } == ["true"])
        let id = log.all[0].id
        let at = 6 * IncidentTests.minute
        let acknowledged = log.acknowledge(id, .actionable, by: "ada", at: at)
        #expect(acknowledged?.verdict == .actionable)
        #expect(told(alert, log, at: 7).map(\.resolvedAt) == [at])
        // Acknowledged in time: the next hears nothing.
        var early = IncidentLog()
        _ = early.observe([alert])
        _ = early.acknowledge(id, nil, by: "", at: IncidentTests.minute)
        #expect(told(alert, early, at: 60).isEmpty)
        let nobody = log.acknowledge("nobody", nil, by: "", at: 0)
        #expect(nobody == nil)
    }

    @Test func `what a machine left and nobody acknowledges goes to who is next`() {
        let alert = alert(
            tier: "automate", [Label("escalate_after", "20m"), Label("acknowledge_within", "5m")])
        var log = IncidentLog()
        _ = log.observe([alert])
        // Nobody is asked to know of it while a machine has it.
        #expect(told(alert, log, at: 19).isEmpty)
        #expect(told(alert, log, at: 24).map { $0.labels["unacknowledged"] } == [""])
        let late = told(alert, log, at: 25)
        #expect(late.map { $0.labels["unacknowledged"] } == ["", "true"])
        #expect(late.map { $0.labels["tier"] } == ["page", "page"])
        #expect(late.map { $0.labels["escalated"] } == ["true", "true"])
        #expect(late.last?.firedAt == 25 * IncidentTests.minute)
        let deadlines = log.all[0].deadlines.map { "\($0.name) \($0.time / IncidentTests.minute)" }
        #expect(deadlines == ["escalate 20", "acknowledge 25", "mitigate 80", "review 4340"])
        // Each of its ids is the incident's.
        let at = 26 * IncidentTests.minute
        for escalation in log.escalations(of: alert, at: at, []) {
            var other = log
            let found = other.acknowledge(escalation.id, nil, by: "ada", at: at)
            #expect(found?.id == log.all[0].id)
            #expect(told(alert, other, at: 27).map(\.resolvedAt) == [nil, at])
        }
        // Who acknowledged it before it was a page knows of the page.
        var early = log
        _ = early.acknowledge(log.all[0].id, nil, by: "", at: IncidentTests.minute)
        #expect(told(alert, early, at: 60).map { $0.labels["unacknowledged"] } == [""])
    }

    @Test func `a page waits five minutes, also where its rule says no duration`() {
        for said in ["", "5 minutes", "-3m", "{{ bad }}"] {
            let page = alert(tier: "page", [Label("acknowledge_within", said)])
            #expect(told(page, IncidentLog(), at: 4).isEmpty)
            let late = told(page, IncidentLog(), at: 5)
            #expect(late.map { $0.labels["unacknowledged"] } == ["true"])
        }
        let never = alert(tier: "page", [Label("acknowledge_within", "0")])
        #expect(told(never, IncidentLog(), at: 10_000).isEmpty)
        let machine = alert(tier: "automate", [Label("escalate_after", "soon")])
        #expect(told(machine, IncidentLog(), at: 10_000).isEmpty)
        #expect(told(alert(tier: "ticket"), IncidentLog(), at: 24 * 60 - 1).isEmpty)
        #expect(told(alert(tier: "ticket"), IncidentLog(), at: 24 * 60).count == 1)
        #expect(told(alert(tier: ""), IncidentLog(), at: 1_000_000).isEmpty)
    }

    @Test func `who is told of it then is who asks for it, else the same again`() {
        func receiver(_ name: String, _ match: [(name: String, value: String)]?) -> Receiver {
            Receiver(name: name, kind: .webhook(url: "http://\(name)"), match: match)
        }
        let (bot, chat) = (receiver("bot", [("tier", "automate")]), receiver("chat", []))
        let (pager, named) = (receiver("pager", [("tier", "page")]), receiver("named", nil))
        let second = receiver("second", [("unacknowledged", "true"), ("team", "shop")])
        func names(_ alert: Alert, _ all: [Receiver]) -> [[String]] {
            let minutes = 15 * IncidentTests.minute
            return IncidentLog().escalations(of: alert, at: minutes, all).map { escalation in
                all.filter { $0.wants(escalation.alert) }.map(\.name)
            }
        }
        let machine = alert(tier: "automate", [Label("escalate_after", "10m")])
        #expect(names(machine, [bot, pager, second]) == [["pager"], ["second"]])
        #expect(names(machine, [bot, pager]) == [["pager"], ["pager"]])
        #expect(names(machine, [bot, chat]) == [["chat"], ["chat"]])
        #expect(names(machine, [bot]) == [["bot"], ["bot"]])
        #expect(names(alert(tier: "page"), [pager, second]) == [["second"]])
        // One that names who is told: they hear of it further, and whoever pages go to.
        var own = machine
        own.receivers = ["named"]
        #expect(names(own, [bot, chat, named]) == [["named"], ["named"]])
        #expect(names(own, [chat, named, pager]) == [["named", "pager"], ["named", "pager"]])
        #expect(names(own, [named, pager, second]) == [["named", "pager"], ["second"]])
    }

    @Test func `of a label and an annotation the label says who is asked`() {
        func contact(_ labels: [Label], _ annotations: [Label]) -> String {
            let contact = Contact(Labels(labels), Labels(annotations))
            return "\(contact.owner) \(contact.runbook)"
        }
        let both = [Label("owner", "shop"), Label("runbook_url", "http://a")]
        let others = [Label("owner", "web"), Label("runbook_url", "http://b")]
        #expect(contact(both, others) == "shop http://a")
        #expect(contact([], others) == "web http://b")
        #expect(contact([Label("team", "blue")], [Label("runbook", "a page")]) == "blue a page")
        #expect(contact([Label("team", "blue")], others) == "web http://b")
    }

    @Test func `tiers have deadlines, and rules their own`() {
        var log = IncidentLog()
        _ = log.observe([alert(tier: "page", [Label("mitigate_within", "30m")])])
        let deadlines = log.all[0].deadlines.map { "\($0.name) \($0.time / IncidentTests.minute)" }
        #expect(deadlines == ["acknowledge 5", "mitigate 30", "review 4320"])
        var machine = IncidentLog()
        _ = machine.observe([alert(tier: "automate")])
        #expect(machine.all[0].deadlines.isEmpty)
        // A time beyond what can be written once stopped whoever listed the alerts.
        var endless = IncidentLog()
        _ = endless.observe([alert(tier: "page", [Label("review_within", "290y")])])
        #expect(endless.all[0].deadlines.last?.time == 3_650 * 24 * 60 * IncidentTests.minute)
    }

    @Test func `quality tells rules of which less than half were worth it`() {
        var log = IncidentLog()
        let minute = IncidentTests.minute
        for number in 0..<4 {
            _ = log.observe([alert(tier: "page", firedAt: Int64(number) * minute, name: "Noisy")])
        }
        _ = log.observe([alert(tier: "page", name: "Good")])
        for (number, incident) in log.all.enumerated() {
            let isGood = incident.rule == "Good" || number == 0
            _ = log.acknowledge(
                incident.id, isGood ? .actionable : .noise, by: "ada",
                at: incident.firedAt + 2 * minute)
        }
        let rules = AlertQuality.by(\.rule, log.all, at: 0)
        #expect(rules.map(\.name) == ["Good", "Noisy"])
        #expect(rules.map(\.isPoor) == [false, true])
        #expect(rules[1].shareActionable == 0.25)
        #expect(rules[1].timeToAcknowledge == 2 * minute)
        #expect(rules[1].timeToDetect == 10_000)
        #expect(AlertQuality.by(\.owner, log.all, at: 0).map(\.name) == ["shop"])
    }

    @Test func `what a machine settled woke nobody`() {
        var log = IncidentLog()
        let minute = IncidentTests.minute
        let waits = [Label("escalate_after", "10m")]
        for (firedAt, resolvedAt) in [(0, 5), (60, 75), (120, nil)] as [(Int64, Int64?)] {
            _ = log.observe([
                alert(
                    tier: "automate", waits, firedAt: firedAt * minute,
                    resolvedAt: resolvedAt.map { $0 * minute })
            ])
        }
        _ = log.observe([alert(tier: "page"), alert(tier: "ticket")])
        func pages(_ minutes: Int64) -> [Int] {
            AlertQuality.by(\.rule, log.all, at: minutes * minute).map(\.pages)
        }
        #expect(pages(125) == [2])
        #expect(pages(130) == [3])
        #expect(AlertQuality.by(\.rule, log.all, at: 0).map(\.incidents) == [5])
    }

    @Test func `incidents are the same again after they were written down`() throws {
        var log = IncidentLog()
        _ = log.observe([alert(tier: "page", resolvedAt: 5)])
        _ = log.acknowledge(log.all[0].id, .noise, by: "ada", at: 3)
        let bytes = log.encoded()
        #expect(try IncidentLog(decoding: bytes).encoded() == bytes)
        for place in bytes.indices {
            var other = bytes
            other[place] ^= 2
            #expect(throws: AlertMemoryError.self) { try IncidentLog(decoding: other) }
        }
        let holds = log.erase(["sho"])
        #expect(holds && log.all.isEmpty)
    }

    @Test func `only so many incidents are remembered, the latest ones`() {
        var log = IncidentLog()
        for number in 0..<AlertingLimits.incidents + 2 {
            _ = log.observe([alert(tier: "page", firedAt: Int64(number))])
        }
        #expect(log.all.count == AlertingLimits.incidents)
        #expect(log.all.last?.firedAt == 2)
    }
}
