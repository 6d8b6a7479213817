import Bytes
import Events
import TestSupport

/// The elements of a value as a set: of an array each of them once, of anything else itself.
func naiveElements(_ value: FieldValue) -> Set<FieldValue> {
    if value.isMissing { return [] }
    guard case .string(let text) = value, let document = try? JSONValue(parsing: text),
        case .array(let elements) = document, text.hasPrefix("["), text.hasSuffix("]")
    else { return [value] }
    return Set(
        elements.compactMap { element in
            switch element {
            case .null: nil
            case .bool(let flag): .bool(flag)
            case .int(let number): .int(number)
            case .double(let number): .float(number == 0 ? 0 : number)
            case .string(let text): .string(text)
            case .array, .object: .string(element.text)
            }
        })
}

/// The events with arrays in the place of some strings of some fields, with durations, and with traces.
func addingArrays(_ events: [ModelEvent]) -> [ModelEvent] {
    events.enumerated().map { index, event in
        var event = event
        // Small traces, some of whose spans are alone, some without their parent.
        if index % 7 > 0 {
            event.fields["trace.trace_id"] = .string("t\(index % 13)")
            event.fields["trace.span_id"] = .string("s\(index / 13)")
            if index % 5 > 0 { event.fields["trace.parent_id"] = .string("s\(index / 26)") }
        }
        for name in ["f0", "f2", "f3"] {
            guard case .string(let text) = event.fields[name] else { continue }
            let number = Int(text.dropFirst()) ?? 0
            if number % 4 == 1 {
                event.fields[name] = .string("[\"v\(number % 7)\",\(number % 3)]")
            }
            if number % 8 == 2 { event.fields[name] = .string("[\"v1\", \"v1\", null, true, 0.5]") }
            if number % 16 == 3 { event.fields[name] = .string("[]") }
        }
        // From a hundredth of the time between events up to some times of it.
        if event.rate > 1 {
            event.fields["duration_ms"] = .float(Double(event.timestamp % 97_000) * 1e-6)
        } else if event.timestamp % 5_000 == 0 {
            event.fields["duration_ms"] = .int(event.timestamp % 3_000 / 1_000 - 1)
        }
        return event
    }
}
