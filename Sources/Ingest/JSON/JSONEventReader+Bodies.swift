/// Bodies of many events.
extension JSONEventReader {
    func skipSpaces(_ place: Cursor) -> Cursor { scanner.skipSpaces(place) }

    /// Reads an array of events and gives the place after it.
    mutating func batch(
        _ start: Cursor, into collector: inout EventCollector
    ) throws(JSONFault) -> Cursor {
        guard start[0] == JSONByte.openArray else {
            throw JSONFault("expected an array of events", at: start)
        }
        var place = skipSpaces(start + 1)
        if place[0] == JSONByte.closeArray { return place + 1 }
        while true {
            try makeRoom(collector, at: place)
            var head = EventHead()
            place = try element(place, &head)
            collector.collect(head, fields.endEvent(), line: 0)
            place = skipSpaces(place)
            if place[0] == JSONByte.closeArray { return place + 1 }
            guard place[0] == JSONByte.comma else {
                throw JSONFault("expected a comma or ]", at: place)
            }
            place = skipSpaces(place + 1)
        }
    }

    /// Reads lines to the body's end; empty ones are none.
    mutating func lines(
        _ start: Cursor, _ end: Cursor, into collector: inout EventCollector
    ) throws(JSONFault) {
        var lineStart = start
        var number = 0
        while lineStart < end {
            number += 1
            var place = skipSpaces(lineStart)
            if place == end { return }
            if place[0] != JSONByte.newline {
                try makeRoom(collector, at: place)
                do throws(JSONFault) {
                    var head = EventHead()
                    place = skipSpaces(try line(place, &head))
                    guard place == end || place[0] == JSONByte.newline else {
                        throw JSONFault("bytes after the value's end", at: place)
                    }
                    collector.collect(head, fields.endEvent(), line: number)
                } catch {
                    let column = JSONEventReader.characters(lineStart, error.place) + 1
                    collector.reject(.malformed(error.message, column: column), line: number)
                    // No token holds a newline, so the next one ends this line.
                    place = error.place
                    while place < end && place[0] != JSONByte.newline { place += 1 }
                }
            }
            lineStart = place < end ? place + 1 : end
        }
    }

    private mutating func makeRoom(
        _ collector: borrowing EventCollector, at place: Cursor
    ) throws(JSONFault) {
        if collector.isFull {
            if collector.hasNoRoom { throw JSONFault("no room to share", at: place, .notShared) }
            throw JSONFault("more than 1000000 events in one body", at: place, .tooManyEvents)
        }
        if fields.trie.isFull { forgetKeys() }
    }

    private static func characters(_ start: Cursor, _ end: Cursor) -> Int {
        UnsafeBufferPointer(start: start, count: end - start).count { $0 & 0xC0 != 0x80 }
    }
}
