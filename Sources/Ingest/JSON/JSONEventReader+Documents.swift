internal import Events

/// The three shapes in which events come: alone, as elements of a batch, as lines.
extension JSONEventReader {
    /// Reads an object whose members are the event's fields.
    mutating func event(_ start: Cursor) throws(JSONFault) -> Cursor {
        beginEvent(start)
        let place = try fieldObject(start, of: KeyTrie.dataRoot, orElse: .notAnObject)
        fields.checkSize(place - start)
        return place
    }

    private mutating func fieldObject(
        _ start: Cursor, of root: Int32, orElse otherwise: EventFault
    ) throws(JSONFault) -> Cursor {
        guard start[0] == JSONByte.openObject else {
            let place = try scanner.skipValue(start)
            fields.reject(otherwise)
            return place
        }
        if scanner.skipSpaces(start + 1)[0] == JSONByte.closeObject { fields.reject(.emptyData) }
        return try members(start + 1, of: root, level: 0)
    }

    // MARK: - Elements of a batch

    /// Reads `{"time": …, "samplerate": …, "data": {…}}`, in any order; other keys are passed over.
    mutating func element(
        _ start: Cursor, _ head: inout EventHead
    ) throws(JSONFault) -> Cursor {
        beginEvent(start)
        guard start[0] == JSONByte.openObject else {
            let place = try scanner.skipValue(start)
            fields.reject(.notAnObject)
            return place
        }
        var timePlace: Cursor?
        var ratePlace: Cursor?
        var hasData = false
        var place = scanner.skipSpaces(start + 1)
        while place[0] != JSONByte.closeObject {
            let part: ElementPart
            (part, place) = try elementKey(place)
            switch part {
            case .data:
                let isNull = place[0] == UInt8(ascii: "n")
                if hasData { fields.builder.dropEvent() }
                hasData = !isNull
                place =
                    isNull || fields.hasFault
                    ? try scanner.skipValue(place)
                    : try fieldObject(place, of: KeyTrie.dataRoot, orElse: .dataNotAnObject)
            case .time:
                timePlace = place
                place = try scanner.skipValue(place)
            case .sampleRate:
                ratePlace = place
                place = try scanner.skipValue(place)
            case .other:
                place = try scanner.skipValue(place)
            }
            place = scanner.skipSpaces(place)
            if place[0] == JSONByte.closeObject { break }
            guard place[0] == JSONByte.comma else {
                throw JSONFault("expected a comma or }", at: place)
            }
            place = scanner.skipSpaces(place + 1)
            guard place[0] == JSONByte.quote else {
                throw JSONFault("expected a field name in quotes", at: place)
            }
        }
        place += 1
        if !hasData { fields.reject(.noData) }
        fields.checkSize(place - start)
        if let timePlace { head.time = try time(at: timePlace) }
        if let ratePlace, let rate = try sampleRate(at: ratePlace) { head.sampleRate = rate }
        return place
    }

    @inline(__always)
    private mutating func elementKey(
        _ start: Cursor
    ) throws(JSONFault) -> (part: ElementPart, value: Cursor) {
        if let (part, length) = ElementPart.framed(at: start) {
            return (part, scanner.skipSpaces(start + length))
        }
        return try unusualElementKey(start)
    }

    private mutating func unusualElementKey(
        _ start: Cursor
    ) throws(JSONFault) -> (part: ElementPart, value: Cursor) {
        guard start[0] == JSONByte.quote else {
            throw JSONFault("expected a field name in quotes", at: start)
        }
        let scanned = try scanner.string(start + 1)
        var key = UnsafeBufferPointer(start: start + 1, count: scanned.end - start - 1)
        if scanned.hasEscapes {
            scanner.scratch.removeAll()
            scanner.appendUnescaped(start + 1, scanned.end)
            key = UnsafeBufferPointer(start: scanner.scratch.base, count: scanner.scratch.count)
        }
        let part = ElementPart(key)
        let place = scanner.skipSpaces(scanned.end + 1)
        guard place[0] == JSONByte.colon else { throw JSONFault("expected a colon", at: place) }
        return (part, scanner.skipSpaces(place + 1))
    }

    // MARK: - Lines

    /// Reads one line: an object whose members are fields, its time and sample rate among them.
    ///
    /// The first time field of the line's preference that is not null is the time and no field;
    /// the others are fields as any.
    mutating func line(_ start: Cursor, _ head: inout EventHead) throws(JSONFault) -> Cursor {
        beginEvent(start)
        roles.beginLine()
        let place = try fieldObject(start, of: KeyTrie.lineRoot, orElse: .notAnObject)
        fields.checkSize(place - start)
        let present = roles.values.filter { $0.place[0] != UInt8(ascii: "n") }
        let chosenTime = present.filter(\.role.isTime).min { $0.role < $1.role }
        let chosenRate = present.filter { !$0.role.isTime }.min { $0.role < $1.role }
        for value in present where !fields.hasFault {
            if value.role == chosenTime?.role || value.role == chosenRate?.role { continue }
            _ = try self.value(value.place, of: value.node, level: 0)
        }
        if let chosenTime { head.time = try time(at: chosenTime.place) }
        if let chosenRate, let rate = try sampleRate(at: chosenRate.place) {
            head.sampleRate = rate
        }
        return place
    }

    // MARK: - Times and rates

    /// The event's time from the value at `place`, which is checked; nil for `null` and `""`.
    private mutating func time(at place: Cursor) throws(JSONFault) -> Int64? {
        guard let text = try plainText(at: place), text.count > 0 else { return nil }
        return fields.time(text)
    }

    private mutating func sampleRate(at place: Cursor) throws(JSONFault) -> UInt32? {
        guard let text = try plainText(at: place) else { return nil }
        return fields.sampleRate(text)
    }

    /// The text of a string or of any other value as it was sent; nil for `null`.
    ///
    /// Valid until `scratch` is used again.
    private mutating func plainText(
        at place: Cursor
    ) throws(JSONFault) -> UnsafeBufferPointer<UInt8>? {
        if place[0] == UInt8(ascii: "n") { return nil }
        guard place[0] == JSONByte.quote else {
            let end = try scanner.skipValue(place)
            return UnsafeBufferPointer(start: place, count: end - place)
        }
        let scanned = try scanner.string(place + 1)
        guard scanned.hasEscapes else {
            return UnsafeBufferPointer(start: place + 1, count: scanned.end - place - 1)
        }
        scanner.scratch.removeAll()
        scanner.appendUnescaped(place + 1, scanned.end)
        return UnsafeBufferPointer(start: scanner.scratch.base, count: scanner.scratch.count)
    }
}
