internal import Bytes
internal import EventStore
internal import Host
internal import SeriesStore

/// Whether the server lives, is ready, and how it does.
struct StatusRoutes: Sendable {
    /// Nil when the server can take events and questions, else what is in the way.
    let obstacle: @Sendable () -> String?
    /// The figures of `/metrics`.
    let figures: @Sendable () -> [Figure]

    /// Whether the server lives.
    var health: Route { Route("GET", "/healthz", nil) { _ in .text("ok\n") } }

    /// gRPC's protocol of health: of the server as a whole, whatever service is asked for.
    var healthMethod: Route {
        Route("POST", "/grpc.health.v1.Health/Check", nil) { [obstacle] _ in
            var answer = ProtobufWriter()
            // SERVING, NOT_SERVING.
            answer.varint(1, obstacle() == nil ? 1 : 2)
            return HTTPResponse(status: 200, body: answer.bytes)
        }
    }

    var routes: [Route] {
        [
            health,
            Route("GET", "/readyz", nil) { [obstacle] _ in
                if let reason = obstacle() {
                    .busy(503, reason, retryAfterSeconds: 5)
                } else {
                    .text("ready\n")
                }
            },
            Route("GET", "/metrics", .askQuestions) { [figures] _ in
                HTTPResponse(
                    status: 200,
                    headers: ["Content-Type": "text/plain; version=0.0.4; charset=utf-8"],
                    body: Array(Figure.exposition(of: figures()).utf8))
            },
        ]
    }
}

/// One of the server's own figures, in Prometheus' terms.
struct Figure: Sendable {
    enum Kind: String, Sendable {
        case counter
        case gauge
    }

    /// Full name with its unit: `widefield_http_requests_total`.
    let name: String
    let kind: Kind
    let help: String
    /// A value for each set of labels, the labels as they stand between the braces.
    let samples: [(labels: String, value: Double)]

    init(_ name: String, _ kind: Kind, _ help: String, _ value: Int) {
        self.init(name, kind, help, [(labels: "", value: Double(value))])
    }

    init(
        _ name: String, _ kind: Kind, _ help: String, _ samples: [(labels: String, value: Double)]
    ) {
        self.name = name
        self.kind = kind
        self.help = help
        self.samples = samples
    }

    /// Prometheus' text format 0.0.4.
    static func exposition(of figures: [Figure]) -> String {
        var text = ""
        for figure in figures {
            text += "# HELP \(figure.name) \(figure.help)\n"
            text += "# TYPE \(figure.name) \(figure.kind.rawValue)\n"
            for (labels, value) in figure.samples {
                let number = Int64(exactly: value).map(String.init) ?? value.description
                text += figure.name + (labels.isEmpty ? "" : "{\(labels)}") + " \(number)\n"
            }
        }
        return text
    }

    /// What the process and its HTTP servers, which share one bound, count of themselves.
    static func process(_ servers: [HTTPCounters]) -> [Figure] {
        let byClass = servers.map(\.answersByClass)
        let answers = (1...5).map { digit in
            (
                labels: "code=\"\(digit)xx\"",
                value: Double(byClass.reduce(0) { $0 + $1[digit] })
            )
        }
        return [
            Figure(
                "process_resident_memory_bytes", .gauge, "Main memory the process holds.",
                ProcessMemory.residentBytes() ?? 0),
            Figure(
                "widefield_http_answers_total", .counter, "Answers by the class of their status.",
                answers),
            Figure(
                "widefield_http_connections", .gauge, "Connections that are open.",
                servers.reduce(0) { $0 + $1.connectionsOpen }),
            Figure(
                "widefield_http_requests_open", .gauge,
                "Requests whose line was read and whose answer is not sent yet.",
                servers.reduce(0) { $0 + $1.exchangesOpen }),
            Figure(
                "widefield_http_body_bytes_in_flight", .gauge,
                "Bytes of bodies being received or answered, as they were announced.",
                servers.first?.bodyBytesInFlight ?? 0
            ),
            Figure(
                "widefield_http_answer_bytes_in_flight", .gauge,
                "Bytes of answers not sent to their end.", servers.first?.answerBytesInFlight ?? 0),
        ]
    }
}

extension Figure {
    /// What became of the events about the server's own requests.
    static func selfTelemetry(_ telemetry: SelfTelemetry) -> [Figure] {
        [
            Figure(
                "widefield_self_events_total", .counter,
                "Events about the server's own requests that were kept.", telemetry.kept),
            Figure(
                "widefield_self_events_dropped_total", .counter,
                "Events about the server's own requests that were not kept.", telemetry.dropped),
        ]
    }

    /// What was sent by remote write, and how far behind it is.
    static func remoteWrite(_ writers: [RemoteWriter], _ clock: any HostClock) -> [Figure] {
        if writers.isEmpty { return [] }
        func samples(
            _ value: (RemoteWriter.Figures) -> Double
        ) -> [(labels: String, value: Double)] {
            writers.map { (labels: "receiver=\"\($0.url.host)\"", value: value($0.figures)) }
        }
        let now = clock.wallNanoseconds() / 1_000_000
        return [
            Figure(
                "widefield_remote_write_samples_total", .counter,
                "Samples that receivers of remote write took.", samples { Double($0.samples) }),
            Figure(
                "widefield_remote_write_refused_total", .counter,
                "Samples that receivers refused for good.", samples { Double($0.refused) }),
            Figure(
                "widefield_remote_write_revised_total", .counter,
                "Samples sent again because late events had changed them, and taken.",
                samples { Double($0.revised) }),
            Figure(
                "widefield_remote_write_revisions_refused_total", .counter,
                "Samples sent again because late events had changed them, and not taken.",
                samples { Double($0.revisionsRefused) }),
            Figure(
                "widefield_remote_write_failures_total", .counter,
                "Requests that are sent again.", samples { Double($0.failures) }),
            Figure(
                "widefield_remote_write_lag_seconds", .gauge,
                "How long ago the last cell that was sent ended.",
                samples { Double(now - $0.position) / 1000 }),
        ]
    }

    /// What is stored of series.
    static func series(_ written: SeriesFigures, _ past: SeriesFigures) -> [Figure] {
        var figures = written
        figures.add(past)
        return [
            Figure(
                "widefield_series_open", .gauge, "Stored series with samples in memory.",
                figures.openSeries),
            Figure(
                "widefield_series_open_bytes", .gauge, "Memory of these.", figures.openBytes),
            Figure("widefield_series_blocks", .gauge, "Files of series.", figures.blocks),
            Figure("widefield_series_bytes", .gauge, "Bytes of these.", figures.blockBytes),
        ]
    }

    /// What the store holds and how it fares.
    static func store(_ figures: StoreFigures) -> [Figure] {
        [
            Figure(
                "widefield_head_rows", .gauge, "Events not yet in segments.", figures.headRows),
            Figure(
                "widefield_head_bytes", .gauge, "Memory of events not yet in segments.",
                figures.headBytes),
            Figure("widefield_segments", .gauge, "Segment files.", figures.segments),
            Figure("widefield_segment_rows", .gauge, "Events in segments.", figures.segmentRows),
            Figure("widefield_segment_bytes", .gauge, "Bytes of segments.", figures.segmentBytes),
            Figure(
                "widefield_waiting_requests", .gauge, "Requests that wait to be written.",
                figures.waitingRecords),
            Figure(
                "widefield_idempotency_keys", .gauge, "Idempotency keys remembered.", figures.keys),
        ]
    }
}
