internal import Bytes
internal import CKernels
public import Events

/// Compares one field between the selected rows and all rows: fed twice, source by source.
///
/// The first time with the selected rows: which values they have, and how often. The second time with
/// all rows: how often the same values are met there. Only when the selection has fewer values than
/// are asked for are the others kept too, so what is held is about the selection's size. Codes are
/// counted first, by dictionary, and values looked at once for each code that was met.
public struct FieldTally: ~Copyable {
    private var tally: ValueTally
    private let counts: CodeCounts
    private let valuesMax: Int
    private let part: ValuePart
    private var mode = ValueTally.Mode.selected
    /// The dictionary whose codes `counts` holds.
    private var dictionary: ValueDictionary?
    private var sizesPresent = (selected: UInt64(0), all: UInt64(0))
    private var spread = NumberSpread()
    private var hasOthersThanNumbers = false
    private var hasArrays = false
    /// Distinct numbers, until there are enough to make the field a measure.
    private let numbers = DictionaryBuilder()
    private var hasManyNumbers = false

    /// Distinct numbers above which a field that has only numbers is a measure.
    public static let dimensionNumbersMax = 40
    /// Bins of a measure, at most.
    private static let binsMax = 40

    /// - Parameters:
    ///   - valuesMax: how many values are asked for.
    ///   - counts: scratch of the thread.
    public init(valuesMax: Int, counts: CodeCounts, part: ValuePart = .whole) {
        self.valuesMax = valuesMax
        self.counts = counts
        self.part = part
        tally = ValueTally(part: part)
    }

    /// Leaves the scratch empty, also when the field was given up half way.
    deinit {
        if let dictionary { counts.drain(codes: dictionary.count) { _, _ in } }
    }

    /// Bytes held, about.
    public var byteCount: Int { tally.byteCount }

    // MARK: - Feeding

    /// Counts some rows of a source; `weights` has one for each row of the source.
    public mutating func add(_ column: Column, _ rows: ComparedRows, weights: [UInt32]?) {
        if let lane = column.coded {
            if lane.dictionary !== dictionary {
                flush()
                dictionary = lane.dictionary
                counts.begin(codes: lane.dictionary.count)
            }
            counts.add(
                lane.codes, rows, weights: weights, dictionaryCount: lane.dictionary.count)
        }
        if let lane = column.ints {
            add(lane, rows, weights, { Double($0) }, { $0.code(of: $1) }) {
                tally, value, weight, mode in
                tally.add(value, weight, mode)
            }
        }
        if let lane = column.floats {
            add(lane, rows, weights, { $0 }, { $0.code(of: $1) }) { tally, value, weight, mode in
                tally.add(value, weight, mode)
            }
        }
        if let lane = column.texts { add(lane, rows, weights) }
    }

    /// Counts a value that was found outside a column.
    public mutating func add(_ value: FieldValue, _ weight: UInt64) {
        let single = DictionaryBuilder()
        if single.code(of: value) == 0 { return }
        EntryReader.reading(single.dictionary()) { add($0[0], weight) }
    }

    /// All selected rows were fed; now all rows follow, the selected ones among them.
    public mutating func beginAllRows() {
        flush()
        mode = tally.count >= valuesMax ? .allOfKnown : .all
        if mode == .allOfKnown { tally.beginKnown() }
    }

    private mutating func flush() {
        guard let dictionary else { return }
        EntryReader.reading(dictionary) { entries in
            counts.drain(
                codes: dictionary.count, far: { if $0 > 0 { entries.fetchPlace(of: $0 - 1) } },
                near: { if $0 > 0 { entries.fetchText(of: $0 - 1) } }
            ) { code, weight in
                add(entries[code - 1], weight)
            }
        }
        self.dictionary = nil
    }

    @inline(__always)
    private mutating func add(_ entry: EntryReader.Entry, _ weight: UInt64) {
        if case .string(let text) = entry {
            count(text, weight)
        } else {
            tally.add(entry, weight, mode)
        }
        guard part.isFirst else { return }
        note(weight)
        switch entry {
        case .bool, .string: hasOthersThanNumbers = true
        case .int(let number):
            note(Double(number), weight)
            noteDistinct { $0.code(of: number) }
        case .float(let number):
            note(number, weight)
            noteDistinct { $0.code(of: number) }
        }
    }

    /// Counts a string, or each element of an array.
    @inline(__always)
    private mutating func count(_ text: UnsafeBufferPointer<UInt8>, _ weight: UInt64) {
        if text.first == UInt8(ascii: "["), let elements = ArrayElements.elements(of: text) {
            hasArrays = true
            for element in elements { tally.add(element, weight, mode) }
        } else {
            tally.add(text, weight, mode)
        }
    }

    // MARK: - Lanes

    @inline(__always)
    private mutating func add<Number: Numeric & Sendable>(
        _ lane: NumberLane<Number>, _ rows: ComparedRows, _ weights: [UInt32]?,
        _ double: (Number) -> Double, _ code: (DictionaryBuilder, Number) -> UInt32,
        _ count: (inout ValueTally, Number, UInt64, ValueTally.Mode) -> Void
    ) {
        let (mode, isFirst, present) = (mode, part.isFirst, lane.present?.words)
        var sum: UInt64 = 0
        func visit(_ row: Int, _ number: Number) {
            let weight = UInt64(weights?[row] ?? 1)
            count(&tally, number, weight, mode)
            if isFirst {
                sum &+= weight
                note(double(number), weight)
                noteDistinct { code($0, number) }
            }
        }
        if lane.isSparse {
            rows.forEach(in: lane, visit)
        } else {
            lane.values.withUnsafeBufferPointer { values in
                rows.forEach(fetching: values) { row, value in
                    if let present, present[row >> 6] >> UInt64(row & 63) & 1 == 0 { return }
                    visit(row, value)
                }
            }
        }
        if isFirst { note(sum) }
    }

    private mutating func add(_ lane: TextLane, _ rows: ComparedRows, _ weights: [UInt32]?) {
        let present = lane.present?.words
        var sum: UInt64 = 0
        lane.text.withUnsafeBufferPointer { text in
            lane.offsets.withUnsafeBufferPointer { offsets in
                let near = { (start: UInt32) in
                    if let text = text.baseAddress { wf_prefetch_read(text + Int(start)) }
                }
                rows.forEach(fetching: offsets, near: near) { row, start in
                    if let present, present[row >> 6] >> UInt64(row & 63) & 1 == 0 { return }
                    let weight = UInt64(weights?[row] ?? 1)
                    let range = Int(start)..<Int(offsets[row + 1])
                    count(UnsafeBufferPointer(rebasing: text[range]), weight)
                    sum &+= weight
                }
            }
        }
        if sum > 0 { hasOthersThanNumbers = true }
        if part.isFirst { note(sum) }
    }

    @inline(__always)
    private mutating func note(_ weight: UInt64) {
        if mode == .selected {
            sizesPresent.selected &+= weight
        } else {
            sizesPresent.all &+= weight
        }
    }

    @inline(__always)
    private mutating func note(_ number: Double, _ weight: UInt64) {
        if mode == .selected {
            spread.addSelected(number, weight)
        } else {
            spread.addToAll(number, weight)
        }
    }

    @inline(__always)
    private mutating func noteDistinct(_ code: (DictionaryBuilder) -> UInt32) {
        if hasManyNumbers { return }
        _ = code(numbers)
        hasManyNumbers = numbers.count > FieldTally.dimensionNumbersMax
    }

    // MARK: - Result

    /// The field's comparison, without its score; nil when no row has a value of it.
    ///
    /// - Parameter sizes: of the two sets, weighted.
    public mutating func comparison(_ sizes: ComparedCount) -> FieldComparison? {
        flush()
        if part.isFirst && sizesPresent.all == 0 { return nil }
        let missing = ComparedCount(
            selection: sizes.selection - min(sizes.selection, sizesPresent.selected),
            baseline: sizes.baseline
                - min(sizes.baseline, sizesPresent.all - sizesPresent.selected))
        let isMeasure = !hasOthersThanNumbers && hasManyNumbers
        let (distance, cut) = spread.distance(missing, of: sizes)
        return FieldComparison(
            values: topValues(), isSet: hasArrays, missing: missing, distinct: tally.count,
            distance: isMeasure ? distance : nil, cut: isMeasure ? cut : nil,
            bins: isMeasure ? spread.bins(most: FieldTally.binsMax) : [])
    }

    /// The values of highest selection count, then baseline count; equal ones by value, ascending.
    private borrowing func topValues() -> [ComparedValue] {
        let dictionary = tally.dictionary()
        var best = BoundedHeap<(count: ComparedCount, index: Int)>(capacity: valuesMax) { a, b in
            a.count == b.count
                ? dictionary.precedes(a.index, b.index) : a.count.precedes(b.count)
        }
        for index in 0..<tally.count {
            let (selected, all) = tally.counts(ofCode: index + 1)
            best.insert((ComparedCount(selection: selected, baseline: all - selected), index))
        }
        return best.sorted().map { ComparedValue(value: dictionary[$0.index], count: $0.count) }
    }
}

extension ValueDictionary {
    /// The order of two entries, as `FieldValue` has it; strings by their bytes in place.
    fileprivate func precedes(_ a: Int, _ b: Int) -> Bool {
        let isLess = withString(at: a) { x in
            withString(at: b) { y in x.lexicographicallyPrecedes(y) }
        }
        if case .some(.some(let isLess)) = isLess { return isLess }
        return self[a] < self[b]
    }
}
