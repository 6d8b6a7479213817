import Bytes
import Foundation
import Testing

@testable import Ingest

@Suite struct EventTimeTests {
    func time(_ text: String) -> EventTime {
        var text = text
        return text.withUTF8 { EventTime($0) }
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-03-10T14:00:00Z", 1_773_151_200_000_000_000),
        ("2026-03-10t14:00:00.5z", 1_773_151_200_500_000_000),
        ("2026-03-10T14:00:00.123456789Z", 1_773_151_200_123_456_789),
        ("2026-03-10T14:00:00.1234567899999Z", 1_773_151_200_123_456_789),
        ("2026-03-10T16:30:00+02:30", 1_773_151_200_000_000_000),
        ("2026-03-10T09:00:00.25-0500", 1_773_151_200_250_000_000),
        ("2026-03-10 14:00:00", 1_773_151_200_000_000_000),
        ("2026-03-10", 1_773_100_800_000_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000_000),
        ("1969-12-31T23:59:59.75Z", -250_000_000),
        ("1677-09-21T00:12:43.145224192Z", Int64.min),
        ("2262-04-11T23:47:16.854775807Z", Int64.max),
        // Epochs: the first ten digits are seconds.
        ("0", 0), ("5", 5_000_000_000), ("1773151200", 1_773_151_200_000_000_000),
        ("1773151200123", 1_773_151_200_123_000_000),
        ("1773151200123456", 1_773_151_200_123_456_000),
        ("1773151200123456789", 1_773_151_200_123_456_789),
        ("1773151200.641", 1_773_151_200_641_000_000),
        ("1773151200.1234567899", 1_773_151_200_123_456_789),
        ("1773151200123.5", 1_773_151_200_123_500_000),
        ("-1.5", -1_500_000_000), ("1.7731512e9", 1_773_151_200_000_000_000),
    ])
    func `a time is read to the nanosecond`(text: String, expected: Int64) {
        #expect(time(text) == .nanoseconds(expected))
    }

    @Test(
        arguments: [
            "", "-", "x", "now", "2026", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-03-10T24:00:00Z",
            "2026-03-10T14:60:00Z", "2026-03-10T14:00:61Z", "2026-03-10T14:00:00.Z",
            "2026-03-10T14:00:00Zx", "2026-03-10T14:00:00+2", "2026-03-10T14:00:00+24:00",
            "2026-3-10",
            "2026-03-10T14:00Z", "1.", "1.x", ".5", "12 ", "0x10", "1e", "--1", "nan", "inf",
        ].filter { $0 != "2026" })
    func `what is no time is unreadable`(text: String) {
        #expect(time(text) == .unreadable)
    }

    @Test(arguments: [
        "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1677-09-21T00:12:43.145224191Z",
        "2262-04-11T23:47:16.854775808Z", "9999999999", "99999999999999999999", "1e300", "-1e10",
    ])
    func `a time beyond 64 bits of nanoseconds is named as such`(text: String) {
        #expect(time(text) == .outOfRange)
    }

    @Test func `times are read as the other reader reads them`() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            let instant = Int64.random(in: .min ... .max, using: &random)
            let text = RFC3339.text(nanoseconds: instant)
            #expect(time(text) == .nanoseconds(instant), "\(text)")
            #expect(RFC3339.nanoseconds(text) == instant)
        }
    }

    @Test func `a date and a time of day are read alike at once and digit by digit`() {
        let text = Array("2024-02-28T19:38:57.25Z".utf8)
        for index in text.indices where text[index] != UInt8(ascii: "T") {
            for byte in UInt8.min ... .max {
                var changed = text
                changed[index] = byte
                var slowly = changed
                // What begins with a date and a small t is read digit by digit.
                slowly[10] = UInt8(ascii: "t")
                let (time, expected) = (read(changed), read(slowly))
                #expect(time == expected, "byte \(byte) at \(index)")
            }
        }
    }

    private func read(_ text: [UInt8]) -> EventTime {
        text.withUnsafeBufferPointer { EventTime($0) }
    }
}
