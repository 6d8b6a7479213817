import EventQuery
import Events
import Host
import TestSupport
import Testing

/// Whatever a trace's events are and wherever they lie, they are found and put in their places.
@Suite struct TraceTests {
    private static let ms: Int64 = 1_000_000

    private static func span(
        _ id: String, of parent: String? = nil, at start: Int64, for duration: Double,
        service: String = "shop", dataset: String = "shop", _ more: [String: FieldValue] = [:]
    ) -> ModelEvent {
        var fields: [String: FieldValue] = [
            "trace.trace_id": .string("t1"), "trace.span_id": .string(id),
            "name": .string("do \(id)"), "service.name": .string(service),
            "duration_ms": .float(duration),
        ]
        if let parent { fields["trace.parent_id"] = .string(parent) }
        fields.merge(more) { $1 }
        return ModelEvent(timestamp: start * ms, dataset: dataset, fields: fields)
    }

    private static func trace(
        _ events: [ModelEvent], _ layout: EngineLayout = .mixed, naming: TraceNaming = TraceNaming()
    ) throws -> Trace {
        try EngineRunner(events, layout, now: 0).trace("t1", naming).trace
    }

    /// A line a node: depth, kind, what it is called.
    private static func outline(_ trace: Trace) -> [String] {
        trace.nodes.map { node in
            let name = node.kind == .missing ? node.spanID ?? "" : node.name
            return "\(String(repeating: "  ", count: node.depth))\(node.kind.rawValue) \(name)"
        }
    }

    @Test(arguments: EngineLayout.allCases)
    func `spans, their events, links and logs of all datasets are one tree`(
        layout: EngineLayout
    ) throws {
        let events = [
            Self.span("c", of: "a", at: 30, for: 20, dataset: "pay"),
            Self.span("a", at: 10, for: 50),
            Self.span("b", of: "a", at: 12, for: 5),
            ModelEvent(
                timestamp: 31 * Self.ms, dataset: "pay",
                fields: [
                    "trace.trace_id": .string("t1"), "trace.parent_id": .string("c"),
                    "name": .string("retry"), "meta.annotation_type": .string("span_event"),
                ]),
            ModelEvent(
                timestamp: 30 * Self.ms, dataset: "pay",
                fields: [
                    "trace.trace_id": .string("t1"), "trace.parent_id": .string("c"),
                    "trace.link.trace_id": .string("t2"), "trace.link.span_id": .string("z"),
                    "meta.annotation_type": .string("link"),
                ]),
            // A line of a log as common libraries write it names the span it is in as its own.
            ModelEvent(
                timestamp: 13 * Self.ms, dataset: "logs",
                fields: [
                    "trace_id": .string("t1"), "span_id": .string("b"), "level": .string("warn"),
                    "message": .string("slow disk"),
                ]),
            ModelEvent(
                timestamp: 14 * Self.ms, dataset: "logs",
                fields: [
                    "trace.trace_id": .string("t1"), "trace.parent_id": .string("b"),
                    "meta.annotation_type": .string("span_event"),
                    "meta.signal_type": .string("log"), "body": .string("slower disk"),
                ]),
            ModelEvent(
                timestamp: 15 * Self.ms,
                fields: ["trace.trace_id": .string("t2"), "trace.span_id": .string("b")]),
            ModelEvent(timestamp: 15 * Self.ms, fields: ["name": .string("alone")]),
        ]
        let trace = try Self.trace(events, layout)
        #expect(
            Self.outline(trace) == [
                "span do a", "  span do b", "    log slow disk", "    log slower disk",
                "  span do c", "    link ", "    span_event retry",
            ])
        #expect(trace.bounds == 10 * Self.ms...60 * Self.ms)
        #expect(trace.nodes[4].dataset == "pay")
        #expect(trace.nodes[5].link == TraceLink(traceID: "t2", spanID: "z"))
    }

    @Test func `a line of an access log is a log, whatever it took`() throws {
        let line = ModelEvent(
            timestamp: 12 * Self.ms, dataset: "access",
            fields: [
                "trace_id": .string("t1"), "span_id": .string("a"), "duration_ms": .float(3),
                "message": .string("GET /pay 200"), "level": .string("info"),
            ])
        var named = line
        named.fields["name"] = .string("GET")
        named.fields["span_id"] = .string("b")
        let trace = try Self.trace([Self.span("a", at: 10, for: 9), line, named])
        #expect(Self.outline(trace) == ["span do a", "  log GET /pay 200", "span GET"])
        #expect(trace.nodes[1].duration == 3 * Self.ms)
    }

    @Test func `spans that nobody sent are marked, and stand above those that name them`() throws {
        let trace = try Self.trace([
            Self.span("b", of: "gone", at: 20, for: 5), Self.span("a", at: 10, for: 50),
            Self.span("c", of: "gone", at: 18, for: 9),
        ])
        #expect(
            Self.outline(trace) == ["span do a", "missing gone", "  span do c", "  span do b"])
    }

    @Test func `spans that are their own ancestors are cut apart where they begin`() throws {
        let trace = try Self.trace([
            Self.span("a", of: "c", at: 10, for: 9), Self.span("b", of: "a", at: 11, for: 5),
            Self.span("c", of: "b", at: 12, for: 1), Self.span("d", of: "d", at: 30, for: 1),
            Self.span("e", of: "c", at: 13, for: 1),
        ])
        #expect(
            Self.outline(trace) == [
                "span do a", "  span do b", "    span do c", "      span do e", "span do d",
            ])
        #expect(trace.nodes.map(\.isInCycle) == [true, false, false, false, true])
    }

    @Test func `two spans of one id share what names them, and both are shown`() throws {
        let trace = try Self.trace([
            Self.span("a", at: 10, for: 9), Self.span("b", of: "a", at: 12, for: 5),
            Self.span("b", of: "a", at: 11, for: 2), Self.span("c", of: "b", at: 13, for: 1),
        ])
        #expect(
            Self.outline(trace) == ["span do a", "  span do b", "    span do c", "  span do b"])
        #expect(trace.nodes.map { $0.start / Self.ms } == [10, 11, 13, 12])
    }

    @Test func `self time and critical path of a call with overlapping children`() throws {
        let trace = try Self.trace([
            Self.span("root", at: 0, for: 100),
            Self.span("first", of: "root", at: 10, for: 30),
            // Over before `slow` is: it could take longer and nobody would notice.
            Self.span("beside", of: "root", at: 50, for: 20),
            Self.span("slow", of: "root", at: 45, for: 45),
            Self.span("inner", of: "slow", at: 60, for: 10),
        ])
        let byName = Dictionary(uniqueKeysWithValues: trace.nodes.map { ($0.name, $0) })
        func times(_ name: String) -> [Int64?] {
            [byName["do \(name)"]?.selfTime, byName["do \(name)"]?.criticalTime].map {
                $0.map { $0 / Self.ms }
            }
        }
        #expect(times("root") == [25, 25])
        #expect(times("first") == [30, 30])
        #expect(times("beside") == [20, 0])
        #expect(times("slow") == [35, 35])
        #expect(times("inner") == [10, 10])
    }

    @Test func `clocks that cannot be right are shown and not corrected`() throws {
        let trace = try Self.trace([
            Self.span("a", at: 100, for: 50, ["span.kind": .string("client")]),
            Self.span("b", of: "a", at: 90, for: 20, ["span.kind": .string("server")]),
            Self.span("c", of: "a", at: 120, for: 40, ["span.kind": .string("server")]),
            // What is not waited for may end later.
            Self.span("d", of: "a", at: 120, for: 40, ["span.kind": .string("consumer")]),
        ])
        let skews = Dictionary(uniqueKeysWithValues: trace.nodes.map { ($0.name, $0.clockSkew) })
        #expect(
            skews == ["do a": 0, "do b": -10 * Self.ms, "do c": 10 * Self.ms, "do d": 0])
        #expect(trace.nodes.first { $0.name == "do b" }?.start == 90 * Self.ms)
    }

    /// All times are whole milliseconds, so that each can be looked at by itself.
    @Test(arguments: [UInt64](0..<30))
    func `times are those of every millisecond looked at by itself`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var events = [Self.span("0", at: 0, for: 60)]
        for index in 1..<Int.random(in: 2...9, using: &random) {
            let parent = Int.random(in: 0..<index, using: &random)
            let start = Int64.random(in: 0..<50, using: &random)
            events.append(
                Self.span(
                    "\(index)", of: "\(parent)", at: start,
                    for: Double(Int.random(in: 0...12, using: &random))))
        }
        let trace = try Self.trace(events)
        for node in trace.nodes {
            let children = trace.nodes.filter { $0.parentID == node.spanID && $0.parent != nil }
            let free = (node.start / Self.ms..<node.end / Self.ms).filter { moment in
                !children.contains { ($0.start / Self.ms..<$0.end / Self.ms).contains(moment) }
            }
            #expect(node.selfTime == Int64(free.count) * Self.ms, "seed \(seed), \(node.name)")
            #expect(
                (0...(node.duration ?? 0)).contains(node.criticalTime), "seed \(seed), \(node.name)"
            )
        }
        // The root waits for everything that it has itself not outlived.
        #expect(trace.nodes.reduce(0) { $0 + $1.criticalTime } == 60 * Self.ms, "seed \(seed)")
    }

    /// Whoever sends them says what times events have.
    @Test(arguments: [UInt64](0..<60))
    func `times at the ends of what there is are added up like any others`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let times: [Int64] = [.min, .min + 1, -9_000_000_000_000_000_000, -1, 0, 1, .max - 1]
        let durations: [FieldValue] = [
            .float(9.3e12), .int(.max), .float(1e300), .float(-1), .int(0), .float(9.2e12),
        ]
        let events = try (0..<Int.random(in: 1...8, using: &random)).map { index in
            var event = Self.span(
                "\(index)", of: random.next() % 4 == 0 ? "gone" : "\(random.next() % 8)", at: 0,
                for: 0,
                [
                    "duration_ms": try #require(durations.randomElement(using: &random)),
                    "span.kind": .string(random.next() % 2 == 0 ? "client" : "server"),
                ])
            event.timestamp = try #require(times.randomElement(using: &random))
            event.received = 0
            return event
        }
        let trace = try Self.trace(events)
        let spans = trace.nodes.filter { $0.kind == .span }
        #expect(spans.count == events.count)
        #expect(trace.services.map(\.spans) == [events.count])
        #expect(trace.services.allSatisfy { $0.selfTime >= 0 && $0.criticalTime >= 0 })
        #expect(trace.duration ?? -1 >= 0)
        for node in spans {
            #expect(0...(node.duration ?? 0) ~= node.selfTime ?? -1, "seed \(seed)")
            #expect(trace.delay(of: node) >= 0)
        }
    }

    @Test func `a chain of fifty thousand spans is a tree like any other`() throws {
        let count = 50_000
        let events = (0..<count).map { index in
            Self.span(
                "\(index)", of: index > 0 ? "\(index - 1)" : nil, at: Int64(index),
                for: Double(count - index))
        }
        let trace = try Self.trace(events, .head)
        #expect(trace.nodes.map(\.depth) == Array(0..<count))
        #expect(trace.nodes.last?.name == "do \(count - 1)")
    }

    @Test func `a dataset's own names are understood, and only there`() throws {
        var naming = TraceNaming()
        naming.byDataset["jobs"] = TraceFields()
        naming.byDataset["jobs"]?.traceID = ["run"]
        naming.byDataset["jobs"]?.spanID = ["step"]
        naming.byDataset["jobs"]?.duration = ["took"]
        func job(_ dataset: String) -> ModelEvent {
            ModelEvent(
                timestamp: 5, dataset: dataset,
                fields: [
                    "run": .string("t1"), "step": .string("s"), "name": .string(dataset),
                    "took": .int(3),
                ])
        }
        let trace = try Self.trace([job("jobs"), job("others")], naming: naming)
        #expect(Self.outline(trace) == ["span jobs"])
        #expect(trace.nodes[0].duration == 3 * Self.ms)
    }

    @Test func `each node leads to its event with all fields`() throws {
        let events = [
            Self.span("b", of: "a", at: 20, for: 5, ["cart": .int(7)]),
            Self.span("a", of: "gone", at: 10, for: 50, ["route": .string("/pay")]),
        ]
        let runner = try EngineRunner(events, .mixed, now: 0)
        let rows = try runner.events(of: try runner.trace("t1", TraceNaming()))
        #expect(rows.count == 3 && rows[0] == nil)
        #expect(rows[1]?.fields.first { $0.name == "route" }?.value == .string("/pay"))
        #expect(rows[2]?.fields.first { $0.name == "cart" }?.value == .int(7))
    }
}
