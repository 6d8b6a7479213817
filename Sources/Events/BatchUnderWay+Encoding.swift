/// The bytes of a batch of the latest events, made of the values as they were collected.
extension BatchUnderWay {
    /// The rows from `first` on, in the form of `EventBatch.encoded()`.
    ///
    /// The events of a small request become a record of the log without being a batch: no lanes are
    /// made, and what a hundred columns cost is a hundredth of a microsecond's work each.
    mutating func encoded(from first: Int) -> [UInt8] {
        dropEvent()
        let count = rows - first
        var writer = BatchWriter(capacity: 1 << 16)
        writer.write(EventBatch.encodingVersion)
        writer.writeVarint(count)
        writer.write(timestamps.elements(from: first))
        writer.write(received.elements(from: first))
        writer.write(isSampled ? 1 : 0)
        if isSampled {
            let rates = sampleRates.elements(from: first).map { Int64($0) }
            rates.withUnsafeBufferPointer { writer.write($0) }
        }
        var renumbering = CodeRenumbering()
        for code in datasetCodes.elements(from: first) { renumbering.add(code) }
        writer.write(renumbering, of: datasets)
        writer.writeCodes(renumbering, of: count) { $0 }
        renumbering.removeAll()
        writeColumns(from: first, &writer, &renumbering)
        return writer.bytes()
    }

    private mutating func writeColumns(
        from first: Int, _ writer: inout BatchWriter, _ renumbering: inout CodeRenumbering
    ) {
        var earlier = GrowingBuffer<LaneCounts>(capacity: inUse.count)
        var columnsWritten = 0
        for index in 0..<inUse.count {
            let column = columns + Int(inUse[index])
            column.pointee.keepTextsIfFew()
            let counts = column.pointee.counts(below: first)
            if counts.sum < column.pointee.valueCount { columnsWritten += 1 }
            earlier.append(counts)
        }
        writer.writeVarint(columnsWritten)
        for index in 0..<inUse.count {
            let column = columns + Int(inUse[index])
            let counts = earlier[index]
            if counts.sum == column.pointee.valueCount { continue }
            writer.write(column.pointee.name)
            column.pointee.write(
                from: counts, firstRow: first, rows: rows - first, to: &writer, &renumbering)
        }
    }
}

/// Codes of a dictionary that grows as codes of the entries that some rows use, from 1 in the order
/// in which they are met.
struct CodeRenumbering: ~Copyable {
    /// By old code the new one, 0 for none; zeros beyond.
    private var places = GrowingBuffer<UInt32>(capacity: 64)
    /// By new code, less one, the old one.
    private(set) var used = GrowingBuffer<UInt32>(capacity: 64)
    /// The codes in their order, as new ones.
    private(set) var codes = GrowingBuffer<UInt32>(capacity: 64)

    @inline(__always)
    mutating func add(_ old: UInt32) {
        if Int(old) >= places.count { grow(toHold: Int(old)) }
        var new = places[Int(old)]
        if new == 0 {
            used.append(old)
            new = UInt32(truncatingIfNeeded: used.count)
            places[Int(old)] = new
        }
        codes.append(new)
    }

    private mutating func grow(toHold code: Int) {
        let added = max(places.count, code + 1 - places.count)
        places.extend(by: added).update(repeating: 0, count: added)
    }

    mutating func removeAll() {
        for index in 0..<used.count { places[Int(used[index])] = 0 }
        used.removeAll()
        codes.removeAll()
    }
}

extension ColumnBuilder {
    /// Writes the values that come after `earlier`, of the `rows` rows from `firstRow` on.
    fileprivate func write(
        from earlier: LaneCounts, firstRow: Int, rows: Int, to writer: inout BatchWriter,
        _ renumbering: inout CodeRenumbering
    ) {
        let all = counts
        writer.write(
            (earlier.codes < all.codes ? EventBatch.LaneFlag.coded : 0)
                | (earlier.ints < all.ints ? EventBatch.LaneFlag.ints : 0)
                | (earlier.floats < all.floats ? EventBatch.LaneFlag.floats : 0)
                | (earlier.texts < all.texts ? EventBatch.LaneFlag.texts : 0))
        if earlier.codes < all.codes {
            let values = codes.elements(from: earlier.codes)
            for value in values { renumbering.add(UInt32(truncatingIfNeeded: value)) }
            writer.write(renumbering, of: dictionary)
            writer.writeCodes(renumbering, of: rows) { Int(values[$0] >> 32) - firstRow }
            renumbering.removeAll()
        }
        if earlier.ints < all.ints {
            writer.writePresence(intRows.elements(from: earlier.ints), above: firstRow, of: rows)
            writer.write(ints.elements(from: earlier.ints))
        }
        if earlier.floats < all.floats {
            writer.writePresence(
                floatRows.elements(from: earlier.floats), above: firstRow, of: rows)
            writer.copy(floats.elements(from: earlier.floats))
        }
        if earlier.texts < all.texts {
            writer.writePresence(textRows.elements(from: earlier.texts), above: firstRow, of: rows)
            writeTexts(from: earlier.texts, to: &writer)
        }
    }

    private func writeTexts(from first: Int, to writer: inout BatchWriter) {
        let start = first == 0 ? 0 : Int(textEnds[first - 1])
        let ends = textEnds.elements(from: first)
        writer.writeLengths(ends.count) {
            Int(ends[$0]) - ($0 == 0 ? start : Int(ends[$0 - 1]))
        }
        writer.copy(text.elements(from: start))
    }
}

/// The lanes of a column that grows.
extension BatchWriter {
    fileprivate mutating func writePresence(
        _ places: UnsafeBufferPointer<UInt32>, above firstRow: Int, of rows: Int
    ) {
        if places.count == rows { return write(0) }
        write(1)
        writeBits(of: rows, places.count) { Int(places[$0]) - firstRow }
    }

    /// The entries that are used, as a dictionary.
    fileprivate mutating func write(
        _ renumbering: borrowing CodeRenumbering, of dictionary: borrowing DictionaryTable
    ) {
        let used = renumbering.used.elements(from: 0)
        let string = ValueDictionary.Kind.string.rawValue
        writeVarint(used.count)
        if used.isEmpty { return }
        let first = dictionary.kind(ofCode: used[0])
        var strings = 0
        var isUniform = true
        for code in used {
            let kind = dictionary.kind(ofCode: code)
            isUniform = isUniform && kind == first
            if kind == string { strings += 1 }
        }
        if isUniform {
            write(first)
        } else {
            write(0)
            for code in used { write(dictionary.kind(ofCode: code)) }
        }
        if strings == used.count {
            writeLengths(strings) { dictionary.string(ofCode: used[$0]).count }
            for code in used { copy(dictionary.string(ofCode: code)) }
        } else {
            writeMixed(used, of: dictionary)
        }
    }

    private mutating func writeMixed(
        _ used: UnsafeBufferPointer<UInt32>, of dictionary: borrowing DictionaryTable
    ) {
        var strings: [UInt32] = []
        for code in used {
            if dictionary.kind(ofCode: code) == ValueDictionary.Kind.string.rawValue {
                strings.append(code)
            } else {
                withUnsafeBytes(of: dictionary.payload(ofCode: code).littleEndian) {
                    copy($0.assumingMemoryBound(to: UInt8.self))
                }
            }
        }
        writeLengths(strings.count) { dictionary.string(ofCode: strings[$0]).count }
        for code in strings { copy(dictionary.string(ofCode: code)) }
    }

    /// The codes of `rows` rows; `row` tells whose each one is, ascending from 0.
    fileprivate mutating func writeCodes(
        _ renumbering: borrowing CodeRenumbering, of rows: Int, _ row: (Int) -> Int
    ) {
        let codes = renumbering.codes.elements(from: 0)
        let entries = renumbering.used.count
        if codes.count == rows {
            if entries == 1 { return write(EventBatch.CodeForm.one) }
            if entries == rows { return write(EventBatch.CodeForm.ascending) }
            return writeDense(codes, entries: entries)
        }
        if codes.count * 2 < rows {
            write(EventBatch.CodeForm.sparse)
            writeBits(of: rows, codes.count, row)
            if entries == 1 { return write(EventBatch.CodeForm.one) }
            return writeDense(codes, entries: entries)
        }
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: rows) { spread in
            spread.initialize(repeating: 0)
            for index in 0..<codes.count { spread[row(index)] = codes[index] }
            writeDense(UnsafeBufferPointer(spread), entries: entries)
        }
    }
}
