/// Reads server-sent events from the bytes of a stream as they come.
struct ServerSentEvents {
    struct Event: Equatable {
        var name = "message"
        var data: [UInt8] = []
    }

    private var rest: [UInt8] = []
    private var event = Event()

    /// The events that are whole with these bytes.
    mutating func feed(_ bytes: [UInt8]) -> [Event] {
        rest += bytes
        var events: [Event] = []
        var start = 0
        while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
            var line = rest[start..<end]
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            start = end + 1
            if line.isEmpty {
                if !event.data.isEmpty { events.append(event) }
                event = Event()
            } else {
                take(line)
            }
        }
        rest.removeFirst(start)
        return events
    }

    private mutating func take(_ line: ArraySlice<UInt8>) {
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        var value = line[min(colon + 1, line.endIndex)...]
        if value.first == UInt8(ascii: " ") { value.removeFirst() }
        switch String(decoding: line[..<colon], as: UTF8.self) {
        case "event": event.name = String(decoding: value, as: UTF8.self)
        case "data":
            if !event.data.isEmpty { event.data.append(UInt8(ascii: "\n")) }
            event.data += value
        default: break
        }
    }
}
