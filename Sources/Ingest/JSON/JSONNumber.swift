internal import CKernels

/// A number as JSON writes it: exact when it is an integer of 64 bits, else the nearest double.
struct ScannedNumber {
    let end: Cursor
    let isInteger: Bool
    /// 0 unless `isInteger`.
    let integer: Int64
    /// 0 if `isInteger`; infinite when the number is beyond ±1.8e308.
    let float: Double
}

extension JSONScanner {
    /// Reads a number that begins with a digit or a minus.
    @inline(__always)
    mutating func number(_ start: Cursor) throws(JSONFault) -> ScannedNumber {
        let isNegative = start[0] == JSONByte.minus
        let whole = isNegative ? start + 1 : start
        var place = whole
        var digits: UInt64 = 0
        while place[0] &- 0x30 < 10 {
            digits = digits &* 10 &+ UInt64(place[0] &- 0x30)
            place += 1
        }
        let count = place - whole
        if count == 0 { throw JSONFault("expected a digit", at: place) }
        if whole[0] == 0x30 && count > 1 {
            throw JSONFault("a number with a leading zero", at: whole)
        }
        let next = place[0]
        if next != JSONByte.point && next | 0x20 != UInt8(ascii: "e") {
            // Fast path: an integer that cannot overflow.
            if count <= 18 {
                let value = Int64(bitPattern: digits)
                return integer(isNegative ? 0 &- value : value, end: place)
            }
            return longInteger(start, count: count, isNegative: isNegative, digits, end: place)
        }
        return try float(start, place, isNegative: isNegative, digits, count: count)
    }

    @inline(__always)
    private mutating func integer(_ value: Int64, end: Cursor) -> ScannedNumber {
        ScannedNumber(end: end, isInteger: true, integer: value, float: 0)
    }

    private mutating func longInteger(
        _ start: Cursor, count: Int, isNegative: Bool, _ digits: UInt64, end: Cursor
    ) -> ScannedNumber {
        // Nineteen digits fit 64 bits without a sign, so `digits` is exact.
        if count == 19 {
            if digits <= UInt64(Int64.max) {
                let value = Int64(digits)
                return integer(isNegative ? -value : value, end: end)
            }
            if isNegative && digits == UInt64(Int64.max) + 1 { return integer(.min, end: end) }
        }
        return ScannedNumber(
            end: end, isInteger: false, integer: 0, float: wf_parse_double(start))
    }

    /// A number with a fraction or an exponent, from the place after its whole digits.
    private mutating func float(
        _ start: Cursor, _ afterWhole: Cursor, isNegative: Bool, _ whole: UInt64, count: Int
    ) throws(JSONFault) -> ScannedNumber {
        var place = afterWhole
        var digits = whole
        var significant = count
        var exponent = 0
        if place[0] == JSONByte.point {
            place += 1
            let fraction = place
            while place[0] &- 0x30 < 10 {
                digits = digits &* 10 &+ UInt64(place[0] &- 0x30)
                place += 1
            }
            if place == fraction { throw JSONFault("expected a digit", at: place) }
            exponent = fraction - place
            significant += place - fraction
        }
        if place[0] | 0x20 == UInt8(ascii: "e") {
            place += 1
            let isBelowOne = place[0] == JSONByte.minus
            if isBelowOne || place[0] == UInt8(ascii: "+") { place += 1 }
            let first = place
            var scale = 0
            while place[0] &- 0x30 < 10 {
                scale = min(scale * 10 + Int(place[0] &- 0x30), 100_000)
                place += 1
            }
            if place == first { throw JSONFault("expected a digit", at: place) }
            exponent += isBelowOne ? -scale : scale
        }
        // Fast path (Clinger, PLDI 1990): both factors are exact doubles, so one rounding is right.
        if significant <= 19, digits < 1 << 53, exponent >= -22, exponent <= 22 {
            let power = JSONScanner.powers[abs(exponent)]
            let magnitude = exponent < 0 ? Double(digits) / power : Double(digits) * power
            return ScannedNumber(
                end: place, isInteger: false, integer: 0,
                float: isNegative ? -magnitude : magnitude)
        }
        return ScannedNumber(
            end: place, isInteger: false, integer: 0, float: wf_parse_double(start))
    }

    /// 10⁰ … 10²², all exact.
    private static let powers: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ]
}
