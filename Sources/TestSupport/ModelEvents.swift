public import Events

/// Rows as plain values: the model that batches are compared with.
public struct ModelEvent: Equatable, Sendable {
    /// Nanoseconds since 1970.
    public var timestamp: Int64
    /// When it was received; five nanoseconds after it happened where nothing is said.
    public var received: Int64?
    public var rate: UInt32 = 1
    public var dataset = "shop"
    public var fields: [String: FieldValue]

    public init(
        timestamp: Int64, received: Int64? = nil, rate: UInt32 = 1, dataset: String = "shop",
        fields: [String: FieldValue]
    ) {
        self.timestamp = timestamp
        self.received = received
        self.rate = rate
        self.dataset = dataset
        self.fields = fields
    }
}

/// A batch of the events.
public func makeBatch(
    _ events: [ModelEvent], _ builder: EventBatchBuilder = .init()
) -> EventBatch {
    add(events, to: builder)
    return builder.finish()
}

public func add(_ events: [ModelEvent], to builder: EventBatchBuilder) {
    for event in events {
        for (name, value) in event.fields { builder.append(value, named: name) }
        builder.finishEvent(
            timestamp: event.timestamp, received: event.received ?? event.timestamp + 5,
            sampleRate: event.rate,
            dataset: builder.datasetCode(event.dataset))
    }
}

/// The rows of a batch or a row group as plain values, spilled fields among the others.
public func model(of source: any EventSource) throws -> [ModelEvent] {
    let times = try source.loadTimestamps()
    let rates = try source.loadSampleRates()
    let datasets = try source.loadDatasets()
    let columns = try source.fieldNames.map { ($0, try source.loadColumn($0)) }
    return (0..<source.rows).map { row in
        var fields: [String: FieldValue] = [:]
        for (name, column) in columns {
            guard let value = column?.value(at: row), !value.isMissing else { continue }
            if name == EventBatch.spillName, case .string(let text) = value {
                for field in Spill.fields(text) { fields[field.name] = field.value }
            } else {
                fields[name] = value
            }
        }
        var dataset = ""
        if case .string(let name) = datasets.dictionary.value(ofCode: datasets.codes[row]) {
            dataset = name
        }
        return ModelEvent(
            timestamp: times[row], rate: rates?[row] ?? 1, dataset: dataset, fields: fields)
    }
}

/// Events of mixed types: fields of even number hold strings only, the others anything.
public func randomEvents(
    _ count: Int, _ random: inout some RandomNumberGenerator, fields: Int = 12
) -> [ModelEvent] {
    (0..<count).map { index in
        var values: [String: FieldValue] = [:]
        for field in 0..<fields where Int.random(in: 0..<3, using: &random) > 0 {
            values["f\(field)"] =
                switch Int.random(in: 0..<(field % 2 == 0 ? 2 : 6), using: &random) {
                case 0: .string("v\(Int.random(in: 0..<40, using: &random))")
                case 1: .string("")
                case 2: .int(Int64.random(in: -3...3, using: &random))
                case 3: .int(.max)
                case 4: .float(Double.random(in: -1...1, using: &random))
                default: .bool(Bool.random(using: &random))
                }
        }
        return ModelEvent(
            timestamp: Int64(index) * 1000, rate: UInt32.random(in: 1...3, using: &random),
            dataset: Bool.random(using: &random) ? "shop" : "pay", fields: values)
    }
}
