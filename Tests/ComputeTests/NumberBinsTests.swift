import Events
import TestSupport
import Testing

@testable import Compute

@Suite struct NumberBinsTests {
    private func bin(_ value: FieldValue, _ bins: NumberBins) throws -> FieldValue {
        let expression = bins.bin(of: .field(.named("a")))
        return try ExpressionEvaluator(for: [expression]).value(of: expression) { _ in value }
    }

    @Test(arguments: 1...40)
    func `every number is in the bin whose edges are around it`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let isLogarithmic = seed % 2 == 0
        let scale = pow10(Int.random(in: -6...9, using: &random))
        let numbers = (0..<300).map { _ in
            isLogarithmic
                ? scale * Double.random(in: 1e-9...1, using: &random)
                : scale * Double.random(in: -1...1, using: &random)
        }
        let (low, high) = (numbers.min() ?? 0, numbers.max() ?? 0)
        let most = Int.random(in: 2...100, using: &random)
        let fitting = try #require(
            NumberBins(fitting: low, high, most: most, isLogarithmic: isLogarithmic))
        let fixed = try #require(
            NumberBins(
                from: numbers[0].magnitude / 2, to: numbers[0].magnitude * 3, count: most,
                isLogarithmic: isLogarithmic))
        for bins in [fitting, fixed] {
            for number in numbers {
                let place = try #require(ExpressionEvaluator.number(bin(.float(number), bins)))
                let (low, high) = bins.bounds(ofBin: Int(place))
                let slack = 1e-9 * max(number.magnitude, scale * 1e-9)
                #expect(low - slack <= number && number < high + slack, "\(number), \(bins)")
            }
        }
        // What fits leaves nothing out, and takes about as many bins as it may.
        for number in [low, high] {
            let place = try bin(.float(number), fitting)
            #expect(place >= .int(1) && place <= .int(Int64(fitting.count)))
        }
        #expect(fitting.count <= most + 1)
        #expect(isLogarithmic || fitting.count * 3 >= most - 3)
    }

    @Test func `edges are numbers that people count in, and belong to the bin above`() throws {
        let tenths = try #require(NumberBins(fitting: 0, 3.95, most: 40, isLogarithmic: false))
        #expect(tenths.count == 20)
        #expect(tenths.bounds(ofBin: 2) == (0.2, 0.4))
        for (number, place) in [
            (0.2, 2), (0.6, 4), (1.4, 8), (0, 1), (3.8, 20), (-0.1, 0), (4, 21),
        ] {
            #expect(try bin(.float(number), tenths) == .int(Int64(place)), "\(number)")
        }
        let status = try #require(NumberBins(fitting: 200, 503, most: 40, isLogarithmic: false))
        #expect(status.bounds(ofBin: 1) == (200, 210))
        #expect(try bin(.int(500), status) == .int(31))
        let decades = try #require(NumberBins(fitting: 1, 5_000, most: 20, isLogarithmic: true))
        #expect(decades.bounds(ofBin: 1).low == 1)
        #expect(try bin(.int(1_000), decades) == .int(Int64(3 * 4 + 4)))
        #expect(decades.bounds(ofBin: 16).low == 1_000)
    }

    @Test func `what is no number stays what it is, and zero lies below a logarithm`() throws {
        let bins = try #require(NumberBins(from: 1, to: 100, count: 10, isLogarithmic: true))
        #expect(try bin(.string("x"), bins) == .string("x"))
        #expect(try bin(.bool(true), bins) == .bool(true))
        #expect(try bin(.missing, bins) == .missing)
        for low in [FieldValue.int(0), .int(-5), .float(0.99)] {
            #expect(try bin(low, bins) == .int(0))
        }
        #expect(try bin(.int(100), bins) == .int(11))
        #expect(try bin(.int(.max), bins) == .int(11))
        #expect(bins.bounds(ofBin: 0).low == -.infinity)
        #expect(bins.bounds(ofBin: 11).high == .infinity)
    }

    @Test func `bins need numbers in order, and above zero for a logarithm`() {
        #expect(NumberBins(from: 1, to: 1, count: 3, isLogarithmic: false) == nil)
        #expect(NumberBins(from: 0, to: 1, count: 3, isLogarithmic: true) == nil)
        #expect(NumberBins(from: .nan, to: 1, count: 3, isLogarithmic: false) == nil)
        #expect(NumberBins(fitting: 3, 2, most: 3, isLogarithmic: false) == nil)
        #expect(NumberBins(fitting: -1, 2, most: 3, isLogarithmic: true) == nil)
        #expect(NumberBins(fitting: 7, 7, most: 3, isLogarithmic: false)?.count == 1)
    }

    private func pow10(_ exponent: Int) -> Double {
        (0..<exponent.magnitude).reduce(1.0) { value, _ in exponent < 0 ? value / 10 : value * 10 }
    }
}
