import Events
import Testing

@Suite struct FieldValueTests {
    @Test func `numbers compare by exact value across their types`() {
        #expect(FieldValue.int(1) == .float(1))
        #expect(FieldValue.int(9_007_199_254_740_993) != .float(9_007_199_254_740_992))
        #expect(FieldValue.float(9_007_199_254_740_992) < .int(9_007_199_254_740_993))
        #expect(FieldValue.int(.max) < .float(0x1p63))
        #expect(FieldValue.int(.min) == .float(-0x1p63))
        #expect(FieldValue.int(-1) < .float(-0.5))
    }

    @Test func `equal values hash alike`() {
        #expect(Set([FieldValue.int(3), .float(3), .string("3")]).count == 2)
        #expect(Set([FieldValue.string("é"), .string("e\u{301}")]).count == 2)
    }

    @Test func `the order is missing, false, true, numbers, strings`() {
        let sorted: [FieldValue] = [
            .missing, .bool(false), .bool(true), .float(-1.5), .int(0), .string(""), .string("a"),
        ]
        #expect(sorted.shuffled().sorted() == sorted)
    }

    @Test func `what is not a finite number is kept by its name`() {
        #expect(FieldValue(number: .nan) == .string("NaN"))
        #expect(FieldValue(number: -.infinity) == .string("-Inf"))
        #expect(FieldValue(number: -0.0) == .int(0))
    }
}
