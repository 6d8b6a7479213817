import Bytes
import Host
import SeriesStore
import TestSupport
import Testing

@testable import Alerting
@testable import Service

/// What a receiver is told by the thread that is there for it.
///
/// Nobody listens at its address, so whatever is said fails and is counted.
@Suite struct AlertTellerTests {
    private static func alert(_ name: String, user: String = "") -> Alert {
        Alert(
            labels: Labels([Label("alertname", name), Label("user", user)]),
            annotations: Labels([]), value: 1, state: .firing, activeAt: 0, firedAt: 0)
    }

    /// Tells a receiver that knows of some alerts.
    private static func teller(knowing alerts: [Alert]) throws -> AlertTeller {
        let disk = SimulatedDisk(seed: 1)
        try disk.createDirectory("data")
        let machine = Machine(
            files: SimulatedProcess(disk), clock: SimulatedClock(),
            random: SimulatedRandomness(seed: 1))
        var feed = ReceiverFeed(
            Receiver(name: "hook", kind: .webhook(url: "http://127.0.0.1:1"), match: []))
        if let message = feed.message(alerts, at: 0, externalURL: "") { feed.succeeded(message) }
        return try AlertTeller(
            "hook", .receiver(feed, file: "default.hook"),
            AlertFiles(directory: "data", on: machine), clock: machine.clock, externalURL: "",
            interval: 1_000, log: ServerLog(level: .error))
    }

    /// Waits until a teller has said what there was to say: an erasure waits for what is being said, and
    /// it is said all before the next.
    private static func settle(_ teller: AlertTeller) {
        for _ in 0..<2 { #expect(teller.erase(["nobody has this"])) }
    }

    @Test func `nobody is told of an end before it is known what fires`() throws {
        let fires = Self.alert("A")
        let teller = try Self.teller(knowing: [fires])
        Self.settle(teller)
        #expect(teller.figures.failed == 0)
        teller.tell([fires])
        Self.settle(teller)
        #expect(teller.figures.failed == 0)
        teller.tell([])
        Self.settle(teller)
        #expect(teller.figures.failed == 1)
        teller.end()
        teller.join()
    }

    @Test func `an erasure ends no alert but those that hold what is erased`() throws {
        let alerts = [Self.alert("A"), Self.alert("B", user: "ada@example.com")]
        let teller = try Self.teller(knowing: alerts)
        teller.tell(alerts)
        #expect(teller.erase(["ada@example.com"]))
        Self.settle(teller)
        #expect(teller.figures.failed == 0)
        #expect(teller.listener.wasTold(of: alerts[0]))
        #expect(!teller.listener.wasTold(of: alerts[1]))
        teller.end()
        teller.join()
    }
}
