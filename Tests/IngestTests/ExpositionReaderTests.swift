import Ingest
import TestSupport
import Testing

/// Prometheus's text format, as jobs push it.
@Suite struct ExpositionReaderTests {
    @Test func `a sample has the type of its metric`() throws {
        let read = try ExpositionReader(
            "# TYPE a counter\n# TYPE h histogram\n#  TYPE s summary\n# TYPE x untyped\n# TYPE g gauge\na 1"
        )
        let types = ["a", "h_bucket", "h_sum", "h", "s_count", "s_bucket", "x", "g", "other"].map {
            read.type(ofSample: $0)
        }
        #expect(
            types == [
                "counter", "histogram", "histogram", "histogram", "summary", nil, nil, "gauge", nil,
            ])
    }

    @Test func `samples are read with labels, escapes and all numbers that there are`() throws {
        let read = try ExpositionReader(
            #"""
            # HELP a_b What it is.
            # TYPE a_b gauge

              a_b{x="1",y="q\"b\\n\n"} 1e3
            a:b +Inf
            c { z = "ü" , } -0.5
            d NaN
            # EOF
            """#)
        #expect(read.help == ["a_b": "What it is."])
        #expect(read.samples.map(\.name) == ["a_b", "a:b", "c", "d"])
        #expect(read.samples[0].labels.map(\.value) == ["1", "q\"b\\n\n"])
        #expect(read.samples.map(\.value)[..<3] == [1000, .infinity, -0.5])
        #expect(read.samples[2].labels.map(\.name) == ["z"])
        #expect(read.samples[3].value.isNaN)
    }

    @Test(arguments: [
        "a", "a b", "1a 1", "a{b} 1", "a{b=c} 1", "a{b=\"c\",b=\"d\"} 1", "a{b=\"c\" 1",
        "a{b=\"\\x\"} 1", "a 1 2", "a{ 1", "{} 1", "a 0x10",
    ])
    func `what is no sample is refused with its line`(text: String) {
        let fault = #expect(throws: ExpositionReader.Fault.self) {
            try ExpositionReader("ok 1\n" + text)
        }
        #expect(fault?.line == 2)
    }

    @Test func `any bytes are read or refused`() {
        var random = SeededRandom(seed: 1)
        let alphabet = Array("ab{}=\",\\ \n1.e+#_:é".unicodeScalars)
        for _ in 0..<2000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0..<30, using: &random) {
                text.append(alphabet[Int.random(in: 0..<alphabet.count, using: &random)])
            }
            let read = try? ExpositionReader(String(text))
            #expect((read?.samples.count ?? 0) <= 30)
        }
    }
}
