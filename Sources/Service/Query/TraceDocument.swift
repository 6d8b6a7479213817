internal import Bytes
internal import EventQuery

/// A trace as JSON, node by node, so that it can be written in pieces.
struct TraceDocument {
    private let answer: TraceAnswer
    private var writer = JSONWriter(capacity: 4096)

    init(_ answer: TraceAnswer) { self.answer = answer }

    /// What was written since the last call.
    mutating func takeBytes() -> [UInt8] { writer.takeBytes() }

    /// Everything before the first node.
    mutating func begin() {
        let trace = answer.trace
        writer.beginObject()
        writer.key("trace_id")
        writer.string(trace.id)
        if let bounds = trace.bounds {
            writer.key("start")
            writer.string(RFC3339.text(nanoseconds: bounds.lowerBound))
            writer.key("duration_ms")
            writer.milliseconds(trace.duration ?? 0)
        }
        for (name, kind) in TraceDocument.counts {
            writer.key(name)
            writer.int(trace.count(kind))
        }
        writer.key("errors")
        writer.int(trace.nodes.reduce(0) { $0 + ($1.kind == .span && $1.isError ? 1 : 0) })
        writer.key("truncated")
        writer.bool(trace.isTruncated)
        writeServices()
        writer.key("nodes")
        writer.beginArray()
    }

    private static let counts: [(String, TraceNode.Kind)] = [
        ("spans", .span), ("span_events", .spanEvent), ("links", .link), ("logs", .log),
        ("missing_spans", .missing),
    ]

    private mutating func writeServices() {
        writer.key("services")
        writer.beginArray()
        for share in answer.trace.services {
            writer.beginObject()
            writer.key("service")
            writer.string(share.service)
            writer.key("spans")
            writer.int(share.spans)
            writer.key("self_ms")
            writer.milliseconds(share.selfTime)
            writer.key("critical_ms")
            writer.milliseconds(share.criticalTime)
            writer.endObject()
        }
        writer.endArray()
    }

    /// One node; `event` has its fields, nil to leave them out.
    mutating func write(_ index: Int, _ event: EventRow?) {
        let node = answer.trace.nodes[index]
        writer.beginObject()
        writer.key("index")
        writer.int(index)
        writer.key("parent")
        if let parent = node.parent { writer.int(parent) } else { writer.null() }
        writer.key("depth")
        writer.int(node.depth)
        writer.key("kind")
        writer.string(node.kind.rawValue)
        for (name, text) in [("span_id", node.spanID), ("parent_id", node.parentID)] {
            guard let text else { continue }
            writer.key(name)
            writer.string(text)
        }
        if let link = node.link {
            writer.key("link")
            writer.beginObject()
            writer.key("trace_id")
            writer.string(link.traceID)
            writer.key("span_id")
            writer.string(link.spanID)
            writer.endObject()
        }
        if node.kind != .missing { writeFacts(of: node) }
        if let event {
            writer.key("data")
            writer.fields(of: event)
        }
        writer.endObject()
    }

    private mutating func writeFacts(of node: TraceNode) {
        for (name, text) in [
            ("name", node.name), ("service", node.service), ("span_kind", node.spanKind ?? ""),
            ("dataset", node.dataset),
        ] where !text.isEmpty {
            writer.key(name)
            writer.string(text)
        }
        writer.key("samplerate")
        writer.int(Int(node.sampleRate))
        writer.key("time")
        writer.string(RFC3339.text(nanoseconds: node.start))
        writer.key("start_ms")
        writer.milliseconds(answer.trace.delay(of: node))
        for (name, time) in [("duration_ms", node.duration), ("self_ms", node.selfTime)] {
            guard let time else { continue }
            writer.key(name)
            writer.milliseconds(time)
        }
        if node.kind == .span {
            writer.key("critical_ms")
            writer.milliseconds(node.criticalTime)
        }
        writer.key("error")
        writer.bool(node.isError)
        if node.clockSkew != 0 {
            writer.key("clock_skew_ms")
            writer.milliseconds(node.clockSkew)
        }
        if node.isInCycle {
            writer.key("in_cycle")
            writer.bool(true)
        }
    }

    /// Everything after the last node.
    mutating func end() {
        writer.endArray()
        writer.key("meta")
        writer.beginObject()
        writer.key("events")
        writer.int(answer.meta.events)
        writer.key("rows_scanned")
        writer.int(answer.meta.rowsScanned)
        writer.key("bytes_read")
        writer.int(answer.meta.bytesScanned)
        writer.key("elapsed_ms")
        writer.milliseconds(answer.meta.elapsedNanoseconds)
        writer.key("partial")
        writer.bool(answer.meta.isPartial)
        writer.endObject()
        writer.endObject()
    }
}

extension JSONWriter {
    /// Nanoseconds as milliseconds, exactly.
    fileprivate mutating func milliseconds(_ nanoseconds: Int64) {
        double(Double(nanoseconds) / 1e6)
    }

    /// The fields of an event as an object.
    mutating func fields(of row: EventRow) {
        beginObject()
        for (name, value) in row.fields {
            key(name)
            field(value)
        }
        endObject()
    }
}
