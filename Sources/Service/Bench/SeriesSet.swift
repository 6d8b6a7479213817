internal import SeriesStore

/// Series as a service's events give them, from a seed: cells of ten seconds over two hours.
///
/// Of ten series three count requests (an increment a cell, from few to hundreds by the series), two count
/// errors, mostly none, one is such a counter's running total, one a gauge of few changes, one sums
/// durations in hundredths of milliseconds, one is the concurrency, one never changes. One cell in
/// fifty has no sample, as nothing happened in it.
struct SeriesSet {
    static let cells = 720
    static let stepMilliseconds: Int64 = 10_000
    /// The start of a two-hour block.
    static let start: Int64 = 1_773_187_200_000

    private var random: ShopRandom

    init(seed: UInt64) { random = ShopRandom(seed: seed) }

    /// What series `index` is called.
    static func labels(_ index: Int) -> Labels {
        [
            Labels.metricName: ["calls_total", "errors_total", "duration_ms_sum"][index % 3],
            "service_name": "service-\(index / 50 % 40)",
            "span_name": "GET /api/v1/resource/\(index / 10 % 500)",
            "span_kind": index % 2 == 0 ? "SPAN_KIND_SERVER" : "SPAN_KIND_CLIENT",
            "status_code": index % 10 == 1 ? "STATUS_CODE_ERROR" : "STATUS_CODE_UNSET",
            "instance": "10.0.\(index / 250 % 256).\(index % 250):8080",
            "pod": "pod-\(index)",
        ]
    }

    /// The samples of the next series, of kind `index` modulo ten.
    mutating func samples(_ index: Int) -> Samples {
        var samples = Samples()
        let rate = Double(1 << random.below(8))
        var level = Double(random.below(100))
        for cell in 0..<SeriesSet.cells {
            let count = Double(random.below(Int(rate) + 1) + random.below(Int(rate) + 1))
            level = next(level, index % 10, count)
            if random.below(50) == 0 { continue }
            let time = SeriesSet.start + Int64(cell) * SeriesSet.stepMilliseconds
            samples.append(time, level)
        }
        return samples
    }

    private mutating func next(_ level: Double, _ kind: Int, _ count: Double) -> Double {
        switch kind {
        case 0, 1, 2: count
        case 3, 4: random.below(20) == 0 ? 1 : 0
        case 5: level + count
        case 6: random.below(30) == 0 ? level + 1 : level
        case 7: Double(random.below(4_000)) * (count + 1) / 100
        case 8: Double(random.below(8))
        default: 1
        }
    }
}
