internal import Bytes
internal import Events

/// Some rows of a batch or a row group as a batch of their own.
extension EventBatch {
    /// The given rows, ascending, of any source.
    convenience init(selecting rows: [Int], of source: any EventSource) throws {
        let times = try source.loadTimestamps()
        let received = try source.loadReceived()
        let rates = try source.loadSampleRates()
        var columns: [(name: String, column: Column)] = []
        for name in source.fieldNames {
            guard let column = try source.loadColumn(name) else { continue }
            columns.append((name, column.selecting(rows)))
        }
        self.init(
            timestamps: rows.map { times[$0] }, received: rows.map { received[$0] },
            sampleRates: rates.map { rates in rows.map { rates[$0] } },
            datasets: try source.loadDatasets().selecting(rows), columns: columns)
    }
}

extension Column {
    func selecting(_ rows: [Int]) -> Column {
        Column(
            rows: rows.count, coded: coded?.selecting(rows), ints: ints?.selecting(rows),
            floats: floats?.selecting(rows), texts: texts?.selecting(rows))
    }
}

extension CodedLane {
    func selecting(_ rows: [Int]) -> CodedLane {
        let picked: CodeArray
        switch codes {
        case .bytes(let codes): picked = .bytes(rows.map { codes[$0] })
        case .words(let codes): picked = .words(rows.map { codes[$0] })
        case .longs(let codes): picked = .longs(rows.map { codes[$0] })
        }
        return CodedLane(dictionary: dictionary, codes: picked)
    }
}

extension NumberLane {
    fileprivate func selecting(_ rows: [Int]) -> NumberLane {
        let values = values
        return NumberLane(values: rows.map { values[$0] }, present: present?.selecting(rows))
    }
}

extension TextLane {
    fileprivate func selecting(_ rows: [Int]) -> TextLane {
        var picked: [UInt8] = []
        var ends: [UInt32] = [0]
        for row in rows {
            picked.append(contentsOf: text[Int(offsets[row])..<Int(offsets[row + 1])])
            ends.append(UInt32(picked.count))
        }
        return TextLane(offsets: ends, text: picked, present: present?.selecting(rows))
    }
}

extension Bitmap {
    fileprivate func selecting(_ rows: [Int]) -> Bitmap {
        var picked = Bitmap(count: rows.count)
        for (index, row) in rows.enumerated() where self[row] { picked[index] = true }
        return picked
    }
}
