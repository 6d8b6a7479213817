import SeriesStore
import Testing

@Suite struct LabelsTests {
    @Test func `labels are ordered by name whatever order they came in`() {
        let labels: Labels = ["job": "api", "__name__": "up", "instance": "a:80"]
        #expect(labels.map(\.name) == ["__name__", "instance", "job"])
        #expect(labels["job"] == "api")
        #expect(labels["nothing"] == "")
        #expect(labels.metricName == "up")
        #expect(labels.count == 3)
        #expect(
            labels
                == Labels([Label("job", "api"), Label("instance", "a:80"), Label("__name__", "up")])
        )
    }

    @Test func `a label without a value is no label and the last value of a name counts`() {
        #expect(Labels([Label("a", "")]) == .empty)
        #expect(
            Labels([Label("a", "1"), Label("b", "x"), Label("a", "2")]) == ["a": "2", "b": "x"])
        #expect(Labels([Label("a", "1"), Label("a", "")]).isEmpty)
    }

    @Test func `texts that only look alike are different labels`() {
        let composed: Labels = ["name": "caf\u{E9}"]
        let decomposed: Labels = ["name": "cafe\u{301}"]
        #expect(composed != decomposed)
        #expect(Labels([Label("caf\u{E9}", "1"), Label("cafe\u{301}", "2")]).count == 2)
    }

    @Test func `labels are set, taken away and kept by name`() {
        let labels: Labels = ["a": "1", "b": "2", "c": "3"]
        #expect(labels.setting("b", to: "5") == ["a": "1", "b": "5", "c": "3"])
        #expect(labels.setting("b", to: "") == ["a": "1", "c": "3"])
        #expect(labels.setting("bb", to: "9").map(\.name) == ["a", "b", "bb", "c"])
        #expect(labels.removing(["a", "z"]) == ["b": "2", "c": "3"])
        #expect(labels.keeping(["a", "z"]) == ["a": "1"])
    }

    @Test func `order goes label by label, a name before its value`() {
        let ascending: [Labels] = [
            .empty, ["a": "1"], ["a": "1", "b": "1"], ["a": "1", "c": "0"], ["a": "10"],
            ["a": "2"], ["b": "0"],
        ]
        for (left, low) in ascending.enumerated() {
            for (right, high) in ascending.enumerated() {
                #expect((low < high) == (left < right), "\(low) \(high)")
            }
        }
    }

    @Test(arguments: [0, 1, 15, 16, 127, 128, 129, 16_384])
    func `a text of any length is kept`(length: Int) {
        let text = String(repeating: "x", count: length)
        let labels: Labels = ["a": "first", "b": text, "c": "last"]
        #expect(labels["b"] == text)
        #expect(labels["c"] == "last")
        #expect(Set([labels]).contains(["c": "last", "b": text, "a": "first"]))
    }

    @Test func `a series is written as Prometheus writes it`() {
        let labels: Labels = ["__name__": "up", "path": "a\"b\\c\nd"]
        #expect(labels.description == #"up{path="a\"b\\c\nd"}"#)
        #expect(Labels.empty.description == "{}")
        #expect(Labels([Label("__name__", "up")]).description == "up")
    }
}
