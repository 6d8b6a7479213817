import Bytes
import Testing

@Suite struct RFC3339Tests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-03-10T14:00:00Z", 1_773_151_200_000_000_000),
        ("2026-03-10T14:00:00.25Z", 1_773_151_200_250_000_000),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("2024-02-29T00:00:00.000000001Z", 1_709_164_800_000_000_001),
    ])
    func `times are read and written`(text: String, nanoseconds: Int64) {
        #expect(RFC3339.nanoseconds(text) == nanoseconds)
        #expect(RFC3339.text(nanoseconds: nanoseconds) == text)
    }

    @Test func `offsets, dates and long fractions are understood`() {
        let noon: Int64 = 1_773_144_000_000_000_000
        #expect(RFC3339.nanoseconds("2026-03-10T14:00:00+02:00") == noon)
        #expect(RFC3339.nanoseconds("2026-03-10t05:30:00-06:30") == noon)
        #expect(RFC3339.nanoseconds("2026-03-10") == noon - 43_200_000_000_000)
        #expect(RFC3339.nanoseconds("2026-03-10T12:00:00.0000000019z") == noon + 1)
    }

    @Test(arguments: [
        "", "2026", "2026-3-10", "2026-13-01", "2026-02-29", "2026-04-31", "2026-00-10",
        "2026-03-10T14:00Z", "2026-03-10T24:00:00Z", "2026-03-10T14:60:00Z", "2026-03-10T14:00:00",
        "2026-03-10T14:00:00.Z", "2026-03-10T14:00:00Zx", "2026-03-10T14:00:00+0200",
        "0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "2026-03-10 14:00:00Z",
    ])
    func `what is no time that fits is refused`(text: String) {
        #expect(RFC3339.nanoseconds(text) == nil)
    }

    @Test func `any nanosecond survives the way there and back`() {
        var value = Int64.min
        for _ in 0..<2000 {
            #expect(RFC3339.nanoseconds(RFC3339.text(nanoseconds: value)) == value)
            value &+= 9_223_372_036_854_775 &* 2 &+ 12_345
        }
        #expect(RFC3339.nanoseconds(RFC3339.text(nanoseconds: .max)) == .max)
    }

    @Test func `milliseconds beyond what nanoseconds reach are the last that they do`() {
        #expect(RFC3339.text(milliseconds: 250) == "1970-01-01T00:00:00.25Z")
        #expect(RFC3339.text(milliseconds: -1) == "1969-12-31T23:59:59.999Z")
        let last = Int64.max / 1_000_000
        #expect(last.nanosecondsOfMilliseconds == last * 1_000_000)
        for time in [last + 1, .max] {
            #expect(RFC3339.text(milliseconds: time) == RFC3339.text(nanoseconds: .max))
        }
        for time in [-last - 1, .min] {
            #expect(RFC3339.text(milliseconds: time) == RFC3339.text(nanoseconds: .min))
        }
    }
}
