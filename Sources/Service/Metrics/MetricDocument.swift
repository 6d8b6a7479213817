internal import Bytes
internal import EventQuery
internal import Metrics

/// What routes answer of metrics, as JSON.
enum MetricDocument {
    /// A definition that was made by a call, as it was made.
    static func stored(_ metric: Definitions.Document) -> JSONObject {
        var object = JSONObject()
        object["name"] = .string(metric.id)
        for member in metric.body.members { object[member.key] = member.value }
        return object
    }

    /// A definition that is there without a call.
    static func fixed(_ metric: FixedMetric) -> JSONObject {
        let definition = metric.definition
        var object = JSONObject()
        object["name"] = .string(definition.name)
        object["type"] = .string(definition.kind.typeName)
        object["help"] = .string(definition.help)
        object["unit"] = .string(definition.unit)
        object["labels"] = .array(definition.labels.map { .string($0.name) })
        object[metric.origin.rawValue] = true
        return object
    }

    /// Adds how many series there are, and what is wrong with them.
    static func add(
        _ cardinality: MetricCardinality, _ overflow: MetricCardinality.Overflow?,
        to object: inout JSONObject
    ) {
        object["series"] = .int(Int64(cardinality.series))
        object["combinations"] = .int(Int64(cardinality.combinations))
        object["series_limit"] = .int(Int64(cardinality.limit))
        if !cardinality.wideLabels.isEmpty {
            object["wide_labels"] = .array(
                cardinality.wideLabels.map {
                    ["label": .string($0.name), "values": .int(Int64($0.values))]
                })
        }
        guard let overflow else { return }
        object["overflow"] = [
            "events": .int(overflow.events), "label": .string(overflow.label),
            "top": .array(
                overflow.top.map { ["value": .string($0.value), "events": .int($0.events)] }),
        ]
        object["warning"] = .string(warning(cardinality, overflow))
    }

    /// Names the label at fault and what it brings most.
    static func warning(
        _ cardinality: MetricCardinality, _ overflow: MetricCardinality.Overflow
    ) -> String {
        let top = overflow.top.map { "\($0.value) (\($0.events))" }.joined(separator: ", ")
        return
            "\(cardinality.combinations) combinations of labels, \(cardinality.limit) have series "
            + "of their own: \(overflow.events) events are in the overflow; the label "
            + "\(overflow.label) has the most values, of these in the overflow: \(top)"
    }

    /// What stands behind a sample; `now` in milliseconds since 1970.
    static func explanation(
        _ definition: MetricDefinition, _ labels: [String: String], _ found: MetricExplanation,
        definedAt: JSONValue, now: Int64
    ) -> JSONValue {
        func numbers(_ numbers: [Double]?) -> JSONValue {
            guard let numbers else { return .null }
            let values = numbers.map(JSONValue.init(sample:))
            return values.count == 1 ? values[0] : .array(values)
        }
        func time(_ nanoseconds: Int64?) -> JSONValue {
            nanoseconds.map { .string(RFC3339.text(nanoseconds: $0)) } ?? .null
        }
        var object = JSONObject()
        object["name"] = .string(definition.name)
        object["labels"] = .object(
            JSONObject(
                labels.sorted { $0.key < $1.key }.map {
                    JSONObject.Member($0.key, .string($0.value))
                }))
        object["cell"] = ["start": time(found.cell.lowerBound), "end": time(found.cell.upperBound)]
        object["value"] = numbers(found.numbers)
        object["total"] = numbers(found.totals)
        object["events"] = .int(found.events)
        object["query"] = .string(found.query.text)
        object["listing"] = .string(found.query.listing.text)
        object["late"] = [
            "events": .int(found.lateEvents), "changed": numbers(found.revision),
            "last_received": found.lateEvents > 0 ? time(found.lastReceived) : .null,
        ]
        object["reaches_back_to"] = time(found.reachesBackTo)
        object["overflow"] = .bool(found.isOverflow)
        object["in_force"] = [
            "defined_at": definedAt, "counts_from": time(definition.since),
            "events_from": time(found.eventsFrom),
            "past": found.past.map {
                ["start": time($0.lowerBound), "end": time($0.upperBound)]
            } ?? .null,
        ]
        if !definition.drops.isEmpty {
            object["dropped_labels"] = .array(
                definition.dropped(at: now).map {
                    [
                        "label": .string($0.label),
                        "before": time($0.before.nanosecondsOfMilliseconds),
                    ]
                })
        }
        return .object(object)
    }
}

extension Query {
    /// The events that the query is about, instead of numbers about them.
    fileprivate var listing: Query {
        var query = self
        query.shape = .events(EventListing())
        return query
    }
}

extension JSONValue {
    /// A number of a sample: JSON has none for those that are not finite.
    fileprivate init(sample value: Double) {
        if let whole = Int64(exactly: value) {
            self = .int(whole)
        } else {
            self = value.isFinite ? .double(value) : .string("\(value)")
        }
    }
}
