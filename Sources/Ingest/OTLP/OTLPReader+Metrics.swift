internal import Bytes
internal import Events

/// Metrics: the data points of one scope that have the same attributes and the same second are one
/// event, in which each metric is a field.
extension OTLPReader {
    /// Reads a `ScopeMetrics`.
    mutating func metrics(
        _ message: ProtobufReader, into collector: inout EventCollector
    ) throws(ProtobufFault) {
        var message = message
        var events: [[MetricPoint]] = []
        var places: [[UInt8]: Int] = [:]
        var pointCount = 0
        while case let tag = try message.nextTag(), tag != 0 {
            guard tag == 0x12 else {
                try message.skip(tag)
                continue
            }
            let metric = try message.message()
            let points = try OTLPReader.points(of: metric)
            pointCount += points.count
            guard pointCount <= IngestLimits.eventsPerBody else {
                throw ProtobufFault(OTLPReader.tooMuch, at: metric.place)
            }
            for point in points where !point.hasNoValue {
                let key = point.eventKey
                if let place = places[key] {
                    events[place].append(point)
                } else {
                    places[key] = events.count
                    events.append([point])
                }
            }
        }
        for points in events {
            guard let first = points.first else { continue }
            try beginEvent(takesRate: true, at: first.message.place, collector)
            var previous: Int32 = -1
            for attribute in first.attributes {
                previous = try attributes.put(attribute, after: previous, in: KeyTrie.dataRoot)
            }
            for point in points { try putValues(of: point) }
            give(.signal, bytes("metric"))
            let rate = attributes.takeRate() ?? 1
            if !endEvent(at: first.time, sampleRate: rate, into: &collector) {
                rejectedItems += points.count
            }
        }
    }

    private static func points(
        of metric: ProtobufReader
    ) throws(ProtobufFault) -> [MetricPoint] {
        var fields = metric
        var name = ""
        var sets: [(MetricPoint.Kind, ProtobufReader)] = []
        while case let tag = try fields.nextTag(), tag != 0 {
            if tag == 0x0A {
                name = String(decoding: try fields.bytes(), as: UTF8.self)
            } else if let kind = MetricPoint.Kind(tag: tag) {
                sets.append((kind, try fields.message()))
            } else {
                try fields.skip(tag)
            }
        }
        var points: [MetricPoint] = []
        for (kind, set) in sets {
            var set = set
            while case let tag = try set.nextTag(), tag != 0 {
                if tag == 0x0A {
                    points.append(try MetricPoint(try set.message(), of: name, kind))
                } else {
                    try set.skip(tag)
                }
            }
        }
        return points
    }

    private mutating func putValues(of point: MetricPoint) throws(ProtobufFault) {
        switch point.kind {
        case .number: try putNumber(of: point)
        case .histogram: try putHistogram(of: point)
        case .exponential: try putExponentialHistogram(of: point)
        case .summary: try putSummary(of: point)
        }
    }

    // MARK: - Kinds

    private mutating func putNumber(of point: MetricPoint) throws(ProtobufFault) {
        var message = point.message
        while case let tag = try message.nextTag(), tag != 0 {
            switch tag {
            case 0x21: put(point, "", FieldValue(number: try message.double()))
            case 0x31: put(point, "", .int(Int64(bitPattern: try message.fixed64())))
            default: try message.skip(tag)
            }
        }
    }

    private mutating func putHistogram(of point: MetricPoint) throws(ProtobufFault) {
        var message = point.message
        var summary = DistributionFields()
        var counts: [UInt64] = []
        var bounds: [Double] = []
        while case let tag = try message.nextTag(), tag != 0 {
            switch tag {
            case 0x21: summary.count = try message.fixed64()
            case 0x29: summary.sum = try message.double()
            case 0x59: summary.least = try message.double()
            case 0x61: summary.greatest = try message.double()
            case 0x31: counts.append(try message.fixed64())
            case 0x32:
                var packed = try message.message()
                while packed.count > 0 { counts.append(try packed.fixed64()) }
            case 0x39: bounds.append(try message.double())
            case 0x3A:
                var packed = try message.message()
                while packed.count > 0 { bounds.append(try packed.double()) }
            default: try message.skip(tag)
            }
        }
        put(point, summary)
        guard !counts.isEmpty else { return }
        put(
            point, ".bucket_counts",
            .string(OTLPReader.list(counts) { $0.int(Int64(clamping: $1)) }))
        put(point, ".explicit_bounds", .string(OTLPReader.list(bounds) { $0.double($1) }))
        let buckets = HistogramBuckets(
            counts: counts, bounds: bounds, least: summary.least, greatest: summary.greatest)
        for (name, share) in OTLPReader.quantiles {
            if let value = buckets.quantile(share) {
                put(point, name, FieldValue(number: value))
            }
        }
    }

    private static let quantiles = [
        (".p50", 0.5), (".p75", 0.75), (".p90", 0.9), (".p95", 0.95), (".p99", 0.99),
        (".p999", 0.999),
    ]

    private mutating func putExponentialHistogram(
        of point: MetricPoint
    ) throws(ProtobufFault) {
        var message = point.message
        var summary = DistributionFields()
        var scale: Int64 = 0
        var zeroCount: UInt64 = 0
        var zeroThreshold: Double?
        var sides: [(name: String, ProtobufReader)] = []
        while case let tag = try message.nextTag(), tag != 0 {
            switch tag {
            case 0x21: summary.count = try message.fixed64()
            case 0x29: summary.sum = try message.double()
            case 0x61: summary.least = try message.double()
            case 0x69: summary.greatest = try message.double()
            case 0x30: scale = try message.signedVarint()
            case 0x39: zeroCount = try message.fixed64()
            case 0x71: zeroThreshold = try message.double()
            case 0x42: sides.append((".positive", try message.message()))
            case 0x4A: sides.append((".negative", try message.message()))
            default: try message.skip(tag)
            }
        }
        put(point, summary)
        put(point, ".scale", .int(scale))
        put(point, ".zero_count", .int(Int64(clamping: zeroCount)))
        if let zeroThreshold { put(point, ".zero_threshold", FieldValue(number: zeroThreshold)) }
        for (name, side) in sides { try putBuckets(side, of: point, name) }
    }

    private mutating func putBuckets(
        _ message: ProtobufReader, of point: MetricPoint, _ name: String
    ) throws(ProtobufFault) {
        var message = message
        var offset: Int64 = 0
        var counts: [UInt64] = []
        while case let tag = try message.nextTag(), tag != 0 {
            switch tag {
            case 0x08: offset = try message.signedVarint()
            case 0x10: counts.append(try message.varint())
            case 0x12:
                var packed = try message.message()
                while packed.count > 0 { counts.append(try packed.varint()) }
            default: try message.skip(tag)
            }
        }
        guard !counts.isEmpty else { return }
        put(point, name + ".offset", .int(offset))
        put(
            point, name + ".bucket_counts",
            .string(OTLPReader.list(counts) { $0.int(Int64(clamping: $1)) }))
    }

    private mutating func putSummary(of point: MetricPoint) throws(ProtobufFault) {
        var message = point.message
        var summary = DistributionFields()
        while case let tag = try message.nextTag(), tag != 0 {
            switch tag {
            case 0x21: summary.count = try message.fixed64()
            case 0x29: summary.sum = try message.double()
            case 0x32:
                var quantile = try message.message()
                var share = 0.0
                var value = 0.0
                while case let tag = try quantile.nextTag(), tag != 0 {
                    switch tag {
                    case 0x09: share = try quantile.double()
                    case 0x11: value = try quantile.double()
                    default: try quantile.skip(tag)
                    }
                }
                // A summary of nothing has quantiles that are no numbers.
                guard !share.isNaN, !value.isNaN else { continue }
                put(point, OTLPReader.suffix(ofQuantile: share), FieldValue(number: value))
            default: try message.skip(tag)
            }
        }
        put(point, summary)
    }

    /// `.p99` for 0.99, `.p999` for 0.999, `.min` and `.max` at the ends.
    private static func suffix(ofQuantile share: Double) -> String {
        if share <= 0 { return ".min" }
        if share >= 1 { return ".max" }
        let digits = "\(share)".drop { $0 != "." }.dropFirst()
        return digits.count == 1 ? ".p\(digits)0" : ".p\(digits)"
    }

    // MARK: - Fields

    private mutating func put(_ point: MetricPoint, _ summary: DistributionFields) {
        put(point, ".count", .int(Int64(clamping: summary.count)))
        if let least = summary.least { put(point, ".min", FieldValue(number: least)) }
        if let greatest = summary.greatest { put(point, ".max", FieldValue(number: greatest)) }
        guard let sum = summary.sum else { return }
        put(point, ".sum", FieldValue(number: sum))
        if summary.count > 0 {
            put(point, ".avg", FieldValue(number: sum / Double(summary.count)))
        }
    }

    private mutating func put(_ point: MetricPoint, _ suffix: String, _ value: FieldValue) {
        var name = point.metric + suffix
        name.withUTF8 { bytes in
            if bytes.count > EventLimits.nameBytes {
                attributes.fields.reject(.nameTooLong(bytes))
            } else if bytes.first == 0 {
                attributes.fields.reject(.reservedName)
            }
        }
        attributes.put(value, named: name)
    }

    private static func list<Element>(
        _ elements: [Element], _ write: (inout JSONWriter, Element) -> Void
    ) -> String {
        var writer = JSONWriter()
        writer.beginArray()
        for element in elements { write(&writer, element) }
        writer.endArray()
        return String(decoding: writer.bytes.prefix(EventLimits.stringBytes), as: UTF8.self)
    }
}

/// What histograms and summaries say of all their values together.
private struct DistributionFields {
    var count: UInt64 = 0
    var sum: Double?
    var least: Double?
    var greatest: Double?
}

extension ProtobufReader {
    fileprivate mutating func double() throws(ProtobufFault) -> Double {
        Double(bitPattern: try fixed64())
    }

    /// Zigzag, as of `sint32`.
    fileprivate mutating func signedVarint() throws(ProtobufFault) -> Int64 {
        let bits = try varint()
        return Int64(bitPattern: bits >> 1) ^ -Int64(bitPattern: bits & 1)
    }
}
