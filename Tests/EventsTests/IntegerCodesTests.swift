import Testing

@testable import Events

@Suite struct IntegerCodesTests {
    @Test func `an integer keeps the code it was given first`() throws {
        var table = try #require(IntegerCodes((-2, 3)))
        var met: [Int64] = []
        for value: Int64 in [3, -2, 0, 3, -2, 1, 0, 3] {
            let code = table.code(of: value) { value in
                met.append(value)
                return UInt16(met.count)
            }
            #expect(met[Int(code) - 1] == value)
        }
        #expect(met == [3, -2, 0, 1])
        #expect(table.code(of: 2) { _ in 0 } == 0)
    }

    @Test func `a large range has no table, wherever it lies`() {
        for least in [Int64.min, -40_000, 0, Int64.max - 65_536] {
            #expect(IntegerCodes((least, least + 65_535)) != nil)
            #expect(IntegerCodes((least, least + 65_536)) == nil)
        }
        #expect(IntegerCodes((.min, .max)) == nil)
    }
}
