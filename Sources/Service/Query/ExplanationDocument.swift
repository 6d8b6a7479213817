internal import Bytes
internal import EventQuery

/// An explanation as JSON: what `POST /api/explain` answers.
struct ExplanationDocument {
    let query: Query
    let explanation: QueryExplanation
    let segments: SegmentPruning
    /// Steps and answer of a question that was asked to see what it takes; else nil.
    let analysis: (steps: [QueryTrace.Step], meta: AnswerMeta)?

    var json: JSONValue {
        var document = JSONObject()
        document["query"] = .string(query.text)
        document["plan"] = plan
        document["segments"] = [
            "all": .int(Int64(segments.all)), "pruned_by_time": .int(Int64(segments.byTime)),
            "pruned_by_dataset": .int(Int64(segments.byDataset)),
        ]
        document["sources"] = [
            "all": .int(Int64(explanation.sources)), "rows": .int(Int64(explanation.rows)),
            "to_read": .int(Int64(explanation.sourcesToRead)),
            "rows_to_read": .int(Int64(explanation.rowsToRead)),
            "bytes_to_read": .int(Int64(explanation.bytesToRead)),
        ]
        document["pruned"] = .array(
            explanation.pruned.map {
                [
                    "reason": .string($0.reason), "sources": .int(Int64($0.sources)),
                    "rows": .int(Int64($0.rows)),
                ]
            })
        if let analysis {
            document["steps"] = .array(analysis.steps.map(step))
            document["meta"] = [
                "events": .int(Int64(analysis.meta.events)),
                "rows_scanned": .int(Int64(analysis.meta.rowsScanned)),
                "bytes_read": .int(Int64(analysis.meta.bytesScanned)),
                "elapsed_ms": .double(Double(analysis.meta.elapsedNanoseconds / 1000) / 1000),
                "partial": .bool(analysis.meta.isPartial),
            ]
        }
        return .object(document)
    }

    private var plan: JSONValue {
        func texts(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
        func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
        return [
            "time_range": texts([
                RFC3339.text(nanoseconds: explanation.timeRange.lowerBound),
                RFC3339.text(nanoseconds: explanation.timeRange.upperBound),
            ]),
            "granularity": explanation.step.map { .double(Double($0) / 1e9) } ?? .null,
            "datasets": explanation.datasets.map(texts) ?? "all",
            "sample": query.sampleShare.map { .double($0) } ?? .null,
            "conditions": texts(explanation.conditions),
            "relatives": .array(
                explanation.relatives.map {
                    [
                        "relation": .string($0.relation), "condition": text($0.condition),
                        "narrows": .bool($0.isCondition), "fields": texts($0.fields),
                    ]
                }),
            "selection": text(explanation.selection),
            "compare": explanation.compareOffset.map { .double(Double($0) / 1e9) } ?? .null,
            "group_by": texts(explanation.groupBy),
            "states": .array(
                explanation.states.map {
                    [
                        "kind": .string($0.kind), "argument": text($0.argument),
                        "filter": text($0.filter), "calculations": texts($0.calculations),
                    ]
                }),
            "formulas": .array(
                explanation.formulas.map {
                    ["name": .string($0.name), "expression": .string($0.text)]
                }),
            "having": text(explanation.having),
            "order": texts(explanation.order), "limit": .int(Int64(explanation.limit)),
        ]
    }

    private func step(_ step: QueryTrace.Step) -> JSONValue {
        [
            "step": .string(name(of: step.place)), "sources": .int(Int64(step.sources)),
            "ruled_out": .int(Int64(step.sourcesRuledOut)), "rows_in": .int(Int64(step.rowsIn)),
            "rows_out": .int(Int64(step.rowsOut)), "bytes": .int(Int64(step.bytes)),
            "ms": .double(Double(step.nanoseconds / 1000) / 1000),
        ]
    }

    private func name(of place: QueryTrace.Place) -> String {
        switch place {
        case .datasets: "datasets"
        case .time: "time"
        case .sample: "sample"
        case .condition(let index): "where " + explanation.conditions[index]
        case .relatives: "relatives"
        case .groups: "groups"
        case .aggregates: "aggregates"
        case .order: "order"
        case .merge: "merge"
        case .answer: "answer"
        case .fields: "fields"
        }
    }
}
