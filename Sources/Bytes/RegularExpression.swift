internal import CRE2

/// A regular expression in RE2 syntax, found anywhere in a string, in time linear in its length.
///
/// Immutable after compiling and safe from any thread.
public final class RegularExpression: @unchecked Sendable {
    // SENDABLE: RE2 objects may be matched from many threads at once, and this one never changes.
    private let handle: OpaquePointer

    /// Compiles `pattern`.
    ///
    /// - Throws: `InvalidPattern` with RE2's reason.
    public init(_ pattern: String) throws(InvalidPattern) {
        var reason = [CChar](repeating: 0, count: 256)
        var pattern = pattern
        let compiled = pattern.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { text in
                wf_regex_compile(text.baseAddress, text.count, &reason, reason.count)
            }
        }
        guard let compiled else {
            let text = reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            throw InvalidPattern(reason: String(decoding: text, as: UTF8.self))
        }
        handle = compiled
    }

    deinit { wf_regex_free(handle) }

    public func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        text.withMemoryRebound(to: CChar.self) {
            wf_regex_matches(handle, $0.baseAddress, $0.count)
        }
    }

    public func matches(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { matches($0) }
    }

    /// The text of the first group, or of the whole expression where it has no groups, in the first
    /// match; nil without a match, or when the group has no part in it.
    public func firstMatch(in text: String) -> String? {
        var text = text
        return text.withUTF8 { bytes in
            var (begin, end) = (0, 0)
            let isFound = bytes.withMemoryRebound(to: CChar.self) {
                wf_regex_extract(handle, $0.baseAddress, $0.count, &begin, &end)
            }
            return isFound ? String(decoding: bytes[begin..<end], as: UTF8.self) : nil
        }
    }

    /// What the first match and each of its groups are, a group without a part in it empty; nil
    /// without a match.
    public func groups(in text: String) -> [String]? {
        let count = wf_regex_groups(handle)
        var begins = [Int](repeating: -1, count: count + 1)
        var ends = begins
        var text = text
        return text.withUTF8 { bytes in
            let isFound = bytes.withMemoryRebound(to: CChar.self) {
                wf_regex_match_groups(
                    handle, $0.baseAddress, $0.count, 0, count, &begins, &ends)
            }
            guard isFound else { return nil }
            return zip(begins, ends).map { begin, end in
                begin < 0 ? "" : String(decoding: bytes[begin..<end], as: UTF8.self)
            }
        }
    }

    /// The number of the group of a name, from 1; nil when there is none.
    public func groupIndex(named name: String) -> Int? {
        var name = name
        let index = name.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                wf_regex_group_named(handle, $0.baseAddress, $0.count)
            }
        }
        return index > 0 ? index : nil
    }

    /// The text with each match replaced by what `replacement` makes of it and its groups, a group
    /// without a part in it empty; an empty match right behind another one does not count.
    public func replacingMatches(
        in text: String, _ replacement: ([String]) -> String
    ) -> String {
        let count = wf_regex_groups(handle)
        var begins = [Int](repeating: -1, count: count + 1)
        var ends = begins
        var text = text
        return text.withUTF8 { bytes in
            var result: [UInt8] = []
            var (copied, from) = (0, 0)
            while from <= bytes.count {
                let isFound = bytes.withMemoryRebound(to: CChar.self) {
                    wf_regex_match_groups(
                        handle, $0.baseAddress, $0.count, from, count, &begins, &ends)
                }
                guard isFound else { break }
                if ends[0] > begins[0] || begins[0] > copied || copied == 0 {
                    let parts = zip(begins, ends).map { begin, end in
                        begin < 0 ? "" : String(decoding: bytes[begin..<end], as: UTF8.self)
                    }
                    result += bytes[copied..<begins[0]]
                    result += replacement(parts).utf8
                    copied = ends[0]
                }
                // Behind an empty match the next character is passed over as a whole.
                from = ends[0] > begins[0] ? ends[0] : ends[0] + 1
                while from < bytes.count, bytes[from] & 0xC0 == 0x80 { from += 1 }
            }
            return String(decoding: result + bytes[copied...], as: UTF8.self)
        }
    }

    /// How often the expression is found, each match beginning where the one before ends or later; an
    /// empty match right behind another one does not count.
    public func matchCount(in text: String) -> Int {
        var text = text
        return text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                wf_regex_count(handle, $0.baseAddress, $0.count)
            }
        }
    }

    public struct InvalidPattern: Error, Hashable, Sendable {
        public let reason: String
    }
}
