import Bytes
import Foundation
import Metrics
import SeriesStore
import Testing

@testable import Alerting

/// The dashboards in the documents ask what can be answered.
@Suite struct DashboardTests {
    private static let folder = RuleCases.root.appending(path: "docs/dashboards")

    /// Series that a server with spans of two services, an SLO and alerts has.
    private static func series() throws -> any SeriesSource {
        let series = MemorySeries()
        let fixture = SLOFixture()
        for second in 1...60 { fixture.add(10, bad: 1, at: Int64(second) * 15_000) }
        let told = SLOSeries([fixture.objective], over: fixture.series, now: 900_000 + 60_000)
        for service in ["cart", "mail"] {
            var texts: [String] = []
            for status in ["UNSET", "ERROR"] {
                texts.append(
                    "traces_span_metrics_calls_total{service_name=\"\(service)\", "
                        + "status_code=\"STATUS_CODE_\(status)\"} 0+10x60")
            }
            for bound in ["10.0", "100.0", "+Inf"] {
                texts.append(
                    "traces_span_metrics_duration_milliseconds_bucket{"
                        + "service_name=\"\(service)\", le=\"\(bound)\"} 0+20x60")
            }
            texts.append(
                "traces_span_metrics_duration_milliseconds_sum{service_name=\"\(service)\"} 0+90x60"
            )
            texts.append(
                "ALERTS{alertname=\"ErrorBudgetBurn\", alertstate=\"firing\", slo=\"shop\", "
                    + "window=\"1h\", n=\"\(service)\"} 1x60")
            texts.append("ALERTS{alertname=\"A\", alertstate=\"firing\", n=\"\(service)\"} 1x60")
            for text in texts {
                let (labels, values) = try SeriesNotation.series(text)
                series.write(
                    values.enumerated().compactMap { step, value in
                        guard case .number(let number) = value else { return nil }
                        return LabeledSample(labels, Int64(step) * 15_000, .float(number))
                    })
            }
        }
        return JoinedSeries(told, series)
    }

    private static func queries(_ value: JSONValue) -> [String] {
        let own = value["expr"]?.string.map { [$0] } ?? []
        let inner = value.object?.members.map(\.value) ?? value.array ?? []
        return own + inner.flatMap(queries)
    }

    @Test func `each query of each dashboard has an answer without warnings`() throws {
        let engine = PromQLEngine(try DashboardTests.series())
        let names = try FileManager.default.contentsOfDirectory(
            atPath: DashboardTests.folder.path()
        ).filter { $0.hasSuffix(".json") }
        #expect(!names.isEmpty)
        for name in names {
            let bytes = Array(try Data(contentsOf: DashboardTests.folder.appending(path: name)))
            let queries = DashboardTests.queries(try JSONValue(parsing: bytes))
            #expect(!queries.isEmpty, "\(name)")
            for text in queries {
                let plain = text.replacing("$__rate_interval", with: "1m")
                    .replacing("$service", with: ".*").replacing("$slo", with: ".*")
                let query = try PromQLQuery(plain)
                #expect(query.advice.isEmpty, "\(name): \(text): \(query.advice)")
                let answer = try engine.answer(query, at: 900_000)
                guard case .vector(let found) = answer.value else {
                    Issue.record("\(name): \(text) is no vector")
                    continue
                }
                #expect(!found.isEmpty, "\(name): \(text)")
                #expect(answer.warnings.isEmpty, "\(name): \(text): \(answer.warnings)")
            }
        }
    }
}
