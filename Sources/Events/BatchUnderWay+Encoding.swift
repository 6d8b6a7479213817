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
        renumbering.add(datasetCodes.elements(from: first), highest: datasets.count)
        writer.write(renumbering.usedCodes, of: datasets)
        writer.writeCodes(renumbering.newCodes, entries: renumbering.usedCodes.count, of: count) {
            $0
        }
        renumbering.removeAll()
        writeColumns(from: first, &writer)
        return writer.bytes()
    }

    private mutating func writeColumns(from first: Int, _ writer: inout BatchWriter) {
        var earlier = GrowingBuffer<LaneCounts>(capacity: inUse.count)
        var columnsWritten = 0
        for index in 0..<inUse.count {
            let column = columns + Int(inUse[index])
            if column.pointee.keepTextsIfFew() { codeGeneration += 1 }
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
    private var used = GrowingBuffer<UInt32>(capacity: 64)
    private var codes = GrowingBuffer<UInt32>(capacity: 64)

    private static var placesKept: Int { 1 << 16 }

    /// The codes that were met, in the order of their new ones.
    var usedCodes: UnsafeBufferPointer<UInt32> { used.elements(from: 0) }
    /// The new one of each code that was added.
    var newCodes: UnsafeBufferPointer<UInt32> { codes.elements(from: 0) }

    /// Adds the codes that are the lower halves of `values`, or all of them; none is above `highest`.
    mutating func add<Value: FixedWidthInteger>(
        _ values: UnsafeBufferPointer<Value>, highest: Int
    ) {
        if highest >= places.count { grow(toHold: highest) }
        let places = places.base
        let target = codes.extend(by: values.count)
        for index in 0..<values.count {
            let old = UInt32(truncatingIfNeeded: values[index])
            var new = places[Int(old)]
            if new == 0 {
                used.append(old)
                new = UInt32(truncatingIfNeeded: used.count)
                places[Int(old)] = new
            }
            target[index] = new
        }
    }

    private mutating func grow(toHold code: Int) {
        let added = max(places.count, code + 1 - places.count)
        places.extend(by: added).update(repeating: 0, count: added)
    }

    /// Keeps the memory, unless it is much.
    mutating func removeAll() {
        for index in 0..<used.count { places[Int(used[index])] = 0 }
        if places.count > CodeRenumbering.placesKept { places.removeAll() }
        used.removeAll()
        codes.removeAll()
    }
}

extension ColumnBuilder {
    /// Writes the values that come after `earlier`, of the `rows` rows from `firstRow` on.
    ///
    /// `mutating` for the reason that `counts(below:)` has.
    fileprivate mutating func write(
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
            renumbering.add(values, highest: dictionary.count)
            let used = renumbering.usedCodes
            writer.write(used, of: dictionary)
            writer.writeCodes(renumbering.newCodes, entries: used.count, of: rows) {
                Int(values[$0] >> 32) &- firstRow
            }
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
    @inline(__always)
    fileprivate mutating func write(
        _ used: UnsafeBufferPointer<UInt32>, of dictionary: borrowing DictionaryTable
    ) {
        let string = ValueDictionary.Kind.string.rawValue
        writeVarint(used.count)
        if used.isEmpty { return }
        let first = dictionary.kind(ofCode: used[0])
        var isUniform = true
        for code in used { isUniform = isUniform && dictionary.kind(ofCode: code) == first }
        if isUniform {
            write(first)
        } else {
            write(0)
            for code in used { write(dictionary.kind(ofCode: code)) }
        }
        if isUniform && first == string {
            writeLengths(used.count) { dictionary.string(ofCode: used[$0]).count }
            dictionary.copyStrings(ofCodes: used, to: &self)
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
        _ codes: UnsafeBufferPointer<UInt32>, entries: Int, of rows: Int, _ row: (Int) -> Int
    ) {
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
