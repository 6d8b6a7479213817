internal import Bytes
internal import EventQuery
internal import EventStore
internal import Events
internal import Host
internal import Ingest
internal import Metrics

/// What jobs push: events of the dataset `pushed`, one for each set of labels, with a field for each metric.
///
/// Each metric has a definition as soon as it was pushed: one that reads the latest event and goes stale a
/// day after it, and is called what it was pushed as. What a push takes away ends with an event that says so.
struct PushedMetrics: Sendable {
    let pipeline: Pipeline
    let metrics: DerivedMetrics

    static let dataset = "pushed"
    /// The field that tells the group, its labels in order.
    private static let groupField = "push.group"
    /// The metric that tells when a group was pushed last, as a Pushgateway has it.
    private static let timeName = "push_time_seconds"
    /// In the place of a value: the series has ended.
    fileprivate static let ended = "ended"
    private static let staleAfter = "1d"

    /// What of a group goes when it is pushed again.
    enum Replacement {
        /// Everything that is not pushed: `PUT`, and `DELETE`, which pushes nothing.
        case all
        /// Only metrics of the names that are pushed: `POST`.
        case namesakes
    }

    typealias Labels = [(name: String, value: String)]

    /// Keeps samples of a group; `reply` is called once, when they are safe.
    func take(
        _ pushed: ExpositionReader, as group: Labels, in environment: String,
        replacing: Replacement, reply: @escaping Route.Reply
    ) throws(HTTPRefusal) {
        let now = metrics.service.clock.wallNanoseconds()
        var events = PushedEvents()
        for sample in pushed.samples {
            let own = sample.labels.filter { label in
                !group.contains { $0.name == label.name } && !label.value.isEmpty
            }
            let labels = group + own
            if let clash = labels.first(where: { $0.name == sample.name }) {
                throw HTTPRefusal(.error(400, "\(clash.name) is a label and a metric"))
            }
            try events.set(sample.name, .value(sample.value), labels)
        }
        if !pushed.samples.isEmpty {
            try events.set(PushedMetrics.timeName, .value(Double(now) / 1e9), group)
        }
        for (name, labels) in try leaving(group, pushed, replacing, in: environment, now: now) {
            events.end(name, labels)
        }
        if !pushed.samples.isEmpty {
            try define(events, pushed, in: environment)
        }
        let body = events.json(
            time: now, group: (PushedMetrics.groupField, PushedMetrics.text(of: group)))
        guard let body else { return reply(HTTPResponse(status: 200)) }
        pipeline.take(
            IncomingEvents(
                environment: environment, dataset: PushedMetrics.dataset, form: .batch,
                body: PaddedBytes(body), key: nil, durability: .synced), reply: reply)
    }

    /// As `job="nightly",instance="a"`, by the names of labels.
    private static func text(of group: Labels) -> String {
        group.sorted { $0.name < $1.name }
            .map { "\($0.name)=\(JSONValue.string($0.value).text)" }.joined(separator: ",")
    }

    // MARK: - Definitions

    /// Makes or widens the definitions of metrics; those whose names are taken have none.
    private func define(
        _ events: PushedEvents, _ pushed: ExpositionReader, in environment: String
    ) throws(HTTPRefusal) {
        let taken = Set(
            metrics.definitions(of: environment).filter { !$0.isPushed }
                .flatMap { $0.seriesNames + $0.scrapedNames })
        try metrics.service.definitions.change(environment) { (all) throws(HTTPRefusal) in
            for (name, labels) in events.labelsByName where !taken.contains(name) {
                let known = all.document(.metrics, name, of: Query.allDatasets)
                if known == nil, all.all(.metrics).count >= ServiceLimits.metricsMax { continue }
                var body =
                    known?.body
                    ?? JSONObject([
                        .init("type", "gauge"), .init("dataset", .string(PushedMetrics.dataset)),
                        .init("value", .string("`\(name)`")),
                        .init("stale_after", .string(PushedMetrics.staleAfter)),
                    ])
                let type = pushed.type(ofSample: name)
                if let type { body["pushed_type"] = type == "gauge" ? nil : .string(type) }
                if known == nil, let text = pushed.help(ofSample: name) {
                    body["help"] = .string(String(text.prefix(1000)))
                }
                var members = body["labels"]?.object ?? JSONObject()
                for label in labels.sorted() where members[label] == nil {
                    members[label] = .string("`\(label)`")
                }
                body["labels"] = .object(members)
                // More labels than a metric may have: the event is kept all the same.
                guard (try? MetricDefinition(name, DefinitionBody(body))) != nil else { continue }
                body = MetricDefinition.dated(
                    body, after: known?.body, now: metrics.service.clock.wallNanoseconds())
                all.put(
                    Definitions.Document(id: name, dataset: Query.allDatasets, body: body), .metrics
                )
            }
        }
    }

    // MARK: - What goes

    /// The series of a group that are there and not pushed again.
    private func leaving(
        _ group: Labels, _ pushed: ExpositionReader, _ replacing: Replacement,
        in environment: String, now: Int64
    ) throws(HTTPRefusal) -> [(name: String, labels: Labels)] {
        let names = Set(pushed.samples.map(\.name))
        let definitions = metrics.definitions(of: environment).filter {
            $0.isPushed && (replacing == .all || names.contains($0.name))
        }
        let ask = metrics.ask(environment, QueryCancellation())
        let condition = "`\(PushedMetrics.groupField)` = "
        let identity = JSONValue.string(PushedMetrics.text(of: group)).text
        var leaving: [(name: String, labels: Labels)] = []
        for definition in definitions {
            let found: [[String: String]]
            do {
                found = try definition.presentLabels(
                    where: condition + identity, now: now, ask)
            } catch {
                throw HTTPRefusal(.error(503, "what was pushed before cannot be read: \(error)"))
            }
            for labels in found {
                leaving.append((definition.name, labels.map { ($0.key, $0.value) }))
            }
        }
        return leaving
    }
}

extension MetricDefinition {
    /// Whether it reads what was pushed.
    fileprivate var isPushed: Bool { source == .named([PushedMetrics.dataset]) }
}

/// The events of one push under way: the fields of each set of labels.
private struct PushedEvents {
    enum Value: Equatable {
        case value(Double)
        case ended
    }

    private var fields: [[String: String]: [String: Value]] = [:]

    /// Throws 400 when the metric has a value already.
    mutating func set(
        _ name: String, _ value: Value, _ labels: PushedMetrics.Labels
    ) throws(HTTPRefusal) {
        let key = Dictionary(labels.map { ($0.name, $0.value) }) { $1 }
        guard fields[key]?[name] == nil else {
            throw HTTPRefusal(.error(400, "\(name) is there twice with the same labels"))
        }
        fields[key, default: [:]][name] = value
    }

    /// Ends a series, if it has no new value.
    mutating func end(_ name: String, _ labels: PushedMetrics.Labels) {
        let key = Dictionary(labels.map { ($0.name, $0.value) }) { $1 }
        if fields[key]?[name] == nil { fields[key, default: [:]][name] = .ended }
    }

    /// The names of labels of each metric that has values.
    var labelsByName: [(name: String, labels: Set<String>)] {
        var all: [String: Set<String>] = [:]
        for (labels, values) in fields {
            for (name, value) in values where value != .ended {
                all[name, default: []].formUnion(labels.keys)
            }
        }
        return all.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// A batch of events of one time; nil when there are none.
    func json(time: Int64, group: (name: String, value: String)) -> [UInt8]? {
        if fields.isEmpty { return nil }
        var writer = JSONWriter()
        writer.beginArray()
        for (labels, values) in fields {
            writer.beginObject()
            writer.key("time")
            writer.string(RFC3339.text(nanoseconds: time))
            writer.key("data")
            writer.beginObject()
            writer.key(group.name)
            writer.string(group.value)
            for (name, value) in labels {
                writer.key(name)
                writer.string(value)
            }
            for (name, value) in values {
                writer.key(name)
                if case .value(let number) = value {
                    writer.double(number)
                } else {
                    writer.string(PushedMetrics.ended)
                }
            }
            writer.endObject()
            writer.endObject()
        }
        writer.endArray()
        return writer.takeBytes()
    }
}
