import Bytes
import Compute
import EventQuery
import Events
import SeriesStore
import TestSupport
import Testing

@testable import Metrics

/// Requests of remote write, read back field by field, against what the specification says they must be.
@Suite struct RemoteWriteRequestTests {
    private static let labels = Labels([
        Label(Labels.metricName, "requests_total"), Label("service", "cart"),
    ])
    private static let native = NativeHistogram(
        schema: 2, zeroThreshold: 0.5, zeroCount: 1, count: 8, sum: 20,
        positiveSpans: [.init(offset: -1, length: 2), .init(offset: 3, length: 1)],
        positiveBuckets: [2, 4, 1])

    private static func counter() -> RemoteWriteSeries {
        RemoteWriteSeries(
            SeriesData(
                labels: labels, samples: Samples(timestamps: [1_000, 2_000], values: [0, 3])),
            starts: [1_000, 1_000],
            exemplars: [Exemplar(traceID: "t1", spanID: "s1", value: 1, timestamp: 1_500)],
            metadata: .init(type: "counter", help: "Requests.", unit: "requests"))
    }

    private static func histogram() -> RemoteWriteSeries {
        var samples = Samples()
        samples.append(1_000, .histogram(native))
        samples.append(2_000, StaleMarker.value)
        return RemoteWriteSeries(
            SeriesData(
                labels: Labels([Label(Labels.metricName, "spread_ms")]), samples: samples),
            starts: [500, 500])
    }

    // MARK: - Version 2.0

    @Test func `symbols begin with the empty text, and each is there once`() throws {
        let request = Message(RemoteWriteRequest.encode([Self.counter(), Self.histogram()], .two))
        #expect(Set(request.fields.map(\.number)) == [4, 5])
        let symbols = request.texts(4)
        #expect(symbols.first == "")
        #expect(Set(symbols).count == symbols.count)
        // Whoever decodes it reads symbols before it reads series.
        #expect(
            request.fields.lastIndex { $0.number == 4 } ?? 0
                < request.fields.firstIndex { $0.number == 5 } ?? 0)
    }

    @Test func `labels are pairs of references, sorted by name`() throws {
        let request = Message(RemoteWriteRequest.encode([Self.counter()], .two))
        let series = try #require(request.messages(5).first)
        let references = series.packed(1)
        let symbols = request.texts(4)
        #expect(
            references.map { symbols[Int($0)] }
                == ["__name__", "requests_total", "service", "cart"])
        #expect(series.messages(2).map { $0.double(1) } == [0, 3])
        #expect(series.messages(2).map { $0.number(2) } == [1_000, 2_000])
    }

    @Test func `samples say from when on they count`() throws {
        let request = Message(RemoteWriteRequest.encode([Self.counter()], .two))
        let series = try #require(request.messages(5).first)
        #expect(series.messages(2).map { $0.number(3) } == [1_000, 1_000])
        // The field in which drafts of the protocol had it is not used.
        #expect(series.fields.allSatisfy { $0.number <= 5 })
        let unknown = RemoteWriteSeries(Self.counter().data)
        let plain = Message(RemoteWriteRequest.encode([unknown], .two))
        #expect(
            plain.messages(5).flatMap { $0.messages(2) }.allSatisfy { $0.number(3) == nil })
    }

    @Test func `an exemplar has its trace, its value and its time`() throws {
        let request = Message(RemoteWriteRequest.encode([Self.counter()], .two))
        let symbols = request.texts(4)
        let exemplars = try #require(request.messages(5).first).messages(4)
        let exemplar = try #require(exemplars.first)
        #expect(
            exemplar.packed(1).map { symbols[Int($0)] } == ["span_id", "s1", "trace_id", "t1"])
        #expect(exemplar.double(2) == 1)
        #expect(exemplar.number(3) == 1_500)
    }

    @Test func `metadata tells type, help and unit`() throws {
        let request = Message(RemoteWriteRequest.encode([Self.counter()], .two))
        let symbols = request.texts(4)
        let metadata = try #require(request.messages(5).first?.messages(5).first)
        #expect(metadata.number(1) == 1)
        #expect(metadata.number(3).map { symbols[Int($0)] } == "Requests.")
        #expect(metadata.number(4).map { symbols[Int($0)] } == "requests")
    }

    @Test func `no series has samples and histograms at once`() throws {
        let request = Message(RemoteWriteRequest.encode([Self.histogram()], .two))
        let series = request.messages(5)
        #expect(series.map { $0.messages(2).count } == [0, 1])
        #expect(series.map { $0.messages(3).count } == [1, 0])
        #expect(series[0].packed(1) == series[1].packed(1))
        let marker = try #require(series[1].messages(2).first?.double(1))
        #expect(StaleMarker.isStale(marker))
    }

    @Test func `a native histogram has its counts as differences`() throws {
        let request = Message(RemoteWriteRequest.encode([Self.histogram()], .two))
        let found = try #require(request.messages(5).first?.messages(3).first)
        #expect(found.number(1) == 8)
        #expect(found.double(3) == 20)
        #expect(found.number(4) == 4, "zigzag of 2")
        #expect(found.double(5) == 0.5)
        #expect(found.number(6) == 1)
        #expect(found.messages(11).map { $0.number(1) } == [1, 6], "zigzag of -1 and 3")
        #expect(found.messages(11).map { $0.number(2) } == [2, 1])
        #expect(found.packed(12) == [4, 4, 5], "zigzag of 2, 2, -3")
        #expect(found.number(15) == 1_000)
        #expect(found.number(17) == 500)
    }

    // MARK: - Version 1.0

    @Test func `version 1 has labels and samples, and nothing that is not its own`() throws {
        let bytes = RemoteWriteRequest.encode([Self.counter(), Self.histogram()], .one)
        let request = Message(bytes)
        #expect(request.fields.allSatisfy { $0.number == 1 })
        let series = request.messages(1)
        #expect(
            series[0].messages(1).map { $0.texts(1) + $0.texts(2) }
                == [["__name__", "requests_total"], ["service", "cart"]])
        #expect(Set(series[0].fields.map(\.number)) == [1, 2])
        #expect(series[0].messages(2).map { $0.number(3) } == [nil, nil])
        #expect(series[1].messages(4).count == 1)
        #expect(series[1].messages(4).first?.number(17) == nil)
    }

    // MARK: - What goes with samples

    @Test func `a part of a series has the exemplars of its time`() {
        var series = Self.counter()
        series.exemplars = [500, 1_000, 1_001, 2_000, 2_500].map {
            Exemplar(traceID: "t", spanID: "", value: 1, timestamp: $0)
        }
        #expect(series[0..<1].exemplars.map(\.timestamp) == [500, 1_000])
        #expect(series[1..<2].exemplars.map(\.timestamp) == [1_001, 2_000, 2_500])
        #expect(series[1..<2].starts == [1_000])
    }

    @Test func `totals count from where they began, or began again`() {
        var starts = CounterStarts()
        func of(_ times: [Int64], _ values: [Double]) -> [Int64] {
            starts.starts(
                of: SeriesData(
                    labels: Self.labels, samples: Samples(timestamps: times, values: values)))
        }
        #expect(of([10, 20], [5, 6]) == [0, 0], "it began before, nobody knows when")
        #expect(of([30, 40], [1, 2]) == [30, 30])
        #expect(of([50, 60, 70], [3, StaleMarker.value, 3]) == [30, 30, 30])
        starts.keep([])
        #expect(of([80, 90], [0, 4]) == [80, 80])
        var told = CounterStarts([Self.labels: 7])
        let data = SeriesData(
            labels: Self.labels, samples: Samples(timestamps: [10], values: [5]))
        #expect(told.starts(of: data) == [7])
    }
}

/// Series of which events came late.
@Suite struct RevisionTests {
    private static let second: Int64 = 1_000_000_000
    private static let start: Int64 = 1_800_000_000 * second

    @Test func `late events change the samples of their series from their cell on`() throws {
        var events = (0..<100).map { place in
            ModelEvent(
                timestamp: Self.start + Int64(place) * Self.second,
                received: Self.start + Int64(place) * Self.second,
                fields: ["service": .string(place % 2 == 0 ? "a" : "b")])
        }
        let late = Self.start + 300 * Self.second
        events.append(
            ModelEvent(
                timestamp: Self.start + 42 * Self.second, received: late,
                fields: ["service": .string("b")]))
        events.append(
            ModelEvent(
                timestamp: Self.start + 65 * Self.second, received: late,
                fields: ["service": .string("c")]))
        let definition = MetricDefinition(
            name: "n_total", labels: [.init("service", .field(.named("service")))])
        let series = try derived([definition], events, now: late)
        let (from, to) = (Self.start / 1_000_000, Self.start / 1_000_000 + 90_000)
        let found = try series.revisions(since: late, from: from, to: to)
        #expect(found.map { $0.labels["service"] } == ["b", "c"])
        #expect(
            found[0].samples.timestamps.map { ($0 - from) / 1_000 } == [40, 50, 60, 70, 80, 90])
        #expect(found[0].samples.values == [20, 26, 31, 36, 41, 46])
        #expect(found[1].samples.timestamps.map { ($0 - from) / 1_000 } == [60, 70, 80, 90])
        #expect(found[1].samples.values == [0, 1, 1, 1])
        #expect(try series.revisions(since: late + 1, from: from, to: to).isEmpty)
    }

    @Test func `series count from the cell of their first event on`() throws {
        let events = [12, 40].map { place in
            ModelEvent(timestamp: Self.start + Int64(place) * Self.second, fields: [:])
        }
        let series = try derived(
            [MetricDefinition(name: "n_total")], events, now: Self.start + 600 * Self.second)
        let found = try series.beginnings(before: Self.start / 1_000_000 + 100_000)
        #expect(Array(found.values) == [Self.start / 1_000_000 + 10_000])
    }
}

/// The fields of a protobuf message.
private struct Message {
    enum Value {
        case number(UInt64)
        case bytes([UInt8])
    }

    private(set) var fields: [(number: Int, value: Value)] = []

    init(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let tag = Message.varint(&rest)
            switch tag & 7 {
            case 0: fields.append((Int(tag >> 3), .number(Message.varint(&rest))))
            case 1:
                let value = rest.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                rest = rest.dropFirst(8)
                fields.append((Int(tag >> 3), .number(value)))
            default:
                let count = Int(Message.varint(&rest))
                fields.append((Int(tag >> 3), .bytes(Array(rest.prefix(count)))))
                rest = rest.dropFirst(count)
            }
        }
    }

    private static func varint(_ rest: inout ArraySlice<UInt8>) -> UInt64 {
        var (value, shift) = (UInt64(0), UInt64(0))
        while let byte = rest.popFirst() {
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { break }
            shift += 7
        }
        return value
    }

    func number(_ field: Int) -> UInt64? {
        fields.compactMap { entry -> UInt64? in
            guard entry.number == field, case .number(let value) = entry.value else { return nil }
            return value
        }.first
    }

    func double(_ field: Int) -> Double? { number(field).map { Double(bitPattern: $0) } }

    private func blobs(_ field: Int) -> [[UInt8]] {
        fields.compactMap { entry in
            guard entry.number == field, case .bytes(let bytes) = entry.value else { return nil }
            return bytes
        }
    }

    func messages(_ field: Int) -> [Message] { blobs(field).map(Message.init) }

    func texts(_ field: Int) -> [String] {
        blobs(field).map { String(decoding: $0, as: UTF8.self) }
    }

    func packed(_ field: Int) -> [UInt64] {
        blobs(field).flatMap { bytes -> [UInt64] in
            var rest = bytes[...]
            var values: [UInt64] = []
            while !rest.isEmpty { values.append(Message.varint(&rest)) }
            return values
        }
    }
}
