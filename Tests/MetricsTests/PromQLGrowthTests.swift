import Testing

@testable import Metrics

/// Which conditions late events can only meet the more.
@Suite struct PromQLGrowthTests {
    @Test(arguments: [
        "rate(x_total[5m]) > 5", "increase(x_total{a=\"b\"}[1h] offset 5m) >= 0",
        "5 < sum by (a) (rate(x_total[5m]))", "sum(increase(x_count[5m])) * 60 > 1",
        "max(rate(x_total[5m])) / 2 > 1", "(x_total > 5) and (y_total > 5)",
        "x_total > 5 or sum(x_bucket) > 7", "rate(x_total[5m]) + rate(y_total[5m]) > 1",
        "count(rate(x_total[5m]) > 3) > 5", "1 + x_total > 5",
    ])
    func `counts above a number`(text: String) throws {
        #expect(try PromQLQuery(text).canOnlyBeMetMore)
    }

    @Test(arguments: [
        "rate(x_total[5m]) < 5", "x_total", "rate(x_total[5m]) == 0", "5 > x_total",
        "rate(x_total[5m]) / rate(y_total[5m]) > 0.1", "rate(x_total[5m]) > bool 5",
        "histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m]))) > 1",
        "avg(rate(x_total[5m])) > 1", "min(rate(x_total[5m])) > 1", "gauge > 1",
        "rate(x_total[5m]) > rate(y_total[5m])", "rate(x_total[5m]) * -1 > 1",
        "irate(x_total[5m]) > 1", "x_total > 5 unless y_total > 5", "rate(x_total[5m]) - 1 > 1",
        "rate(x_total[5m] @ 100) > 1", "absent(x_total)", "x_total > -5",
        "topk(3, rate(x_total[5m])) > 1", "max_over_time(x_total[5m]) > 1", "up == 0",
    ])
    func `all else waits`(text: String) throws {
        #expect(try !PromQLQuery(text).canOnlyBeMetMore)
    }
}
