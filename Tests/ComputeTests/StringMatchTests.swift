@testable import Compute
import TestSupport
import Testing

@Suite struct StringMatchTests {
    private func contains(_ text: [UInt8], _ part: [UInt8]) -> Bool {
        text.withUnsafeBufferPointer { text in
            part.withUnsafeBufferPointer { ExpressionEvaluator.holds(.contains, text, $0) }
        }
    }

    @Test(arguments: [1, 2, 5, 63, 64, 65, 66, 130])
    func `a part is found where it is and nowhere else`(length: Int) {
        var random = SeededRandom(seed: UInt64(length))
        for _ in 0..<200 {
            let part = (0..<length).map { _ in UInt8.random(in: 0...1, using: &random) }
            var text = (0..<200).map { _ in UInt8.random(in: 0...1, using: &random) }
            if Bool.random(using: &random) {
                let start = Int.random(in: 0...200 - length, using: &random)
                text.replaceSubrange(start..<start + length, with: part)
            }
            let expected = (0...200 - length).contains {
                text[$0..<$0 + length].elementsEqual(part)
            }
            #expect(contains(text, part) == expected)
            #expect(!contains(Array(part.dropLast()), part))
        }
    }

    @Test func `a part that nearly is everywhere is looked for in linear time`() {
        let text = [UInt8](repeating: 1, count: 4 << 20)
        let part = [UInt8](repeating: 1, count: 2 << 20) + [2]
        let took = ContinuousClock().measure {
            #expect(!contains(text, part))
            #expect(contains(text + [2], part))
        }
        // Comparing anew at every place takes minutes.
        #expect(took < .seconds(20))
    }
}
