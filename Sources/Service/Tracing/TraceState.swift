/// What the tracing systems on a request's way pass on beside its trace: W3C `tracestate`.
///
/// At most 32 members of a key and a value, the latest first.
struct TraceState: Sendable, Equatable {
    struct Member: Sendable, Equatable {
        /// 1 to 256 of `a-z 0-9 _ - * / @`, a letter or digit first.
        let key: String
        /// 1 to 256 printable bytes without `,` and `=`, no space at the end.
        let value: String

        /// Bytes of `key=value`.
        var byteCount: Int { key.utf8.count + 1 + value.utf8.count }
    }

    private(set) var members: [Member] = []

    /// Members a list may have.
    static let membersMax = 32
    /// Bytes of what is kept and sent on: what everyone must pass on at least.
    static let textBytesMax = 512
    /// Bytes of a member above which it is left out before others.
    static let largeMemberBytes = 128

    /// No members.
    init() {}

    /// Reads the headers in their order as one list; nil when any part of it is malformed.
    ///
    /// Of members with the same key the first, and so the latest, stays.
    init?(headers: [String]) {
        var count = 0
        for header in headers {
            for part in header.utf8.split(separator: UInt8(ascii: ",")) {
                let text = part.trimmingOptionalSpace
                if text.isEmpty { continue }
                count += 1
                guard count <= TraceState.membersMax, let member = TraceState.member(text) else {
                    return nil
                }
                if !members.contains(where: { $0.key == member.key }) { members.append(member) }
            }
        }
    }

    var isEmpty: Bool { members.isEmpty }

    /// The list as it is sent on, at most `textBytesMax` bytes: whole members, large ones left out
    /// first, then the oldest.
    var text: String {
        var kept = members
        while kept.reduce(-1, { $0 + 1 + $1.byteCount }) > TraceState.textBytesMax {
            let large = kept.lastIndex { $0.byteCount > TraceState.largeMemberBytes }
            kept.remove(at: large ?? kept.count - 1)
        }
        return kept.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
    }

    private static func member(_ text: Substring.UTF8View) -> Member? {
        guard let equals = text.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let key = text[..<equals]
        let value = text[equals...].dropFirst()
        guard (1...256).contains(key.count), (1...256).contains(value.count),
            let first = key.first, isLetterOrDigit(first), key.allSatisfy(isKeyByte),
            value.allSatisfy({ (0x20...0x7E).contains($0) && $0 != 0x2C && $0 != 0x3D })
        else { return nil }
        return Member(key: String(Substring(key)), value: String(Substring(value)))
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || "_-*/@".utf8.contains(byte)
    }
}

extension BidirectionalCollection<UInt8> {
    /// Without the spaces and tabs at both ends: HTTP's optional white space.
    var trimmingOptionalSpace: SubSequence {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        guard let first = firstIndex(where: { !isSpace($0) }),
            let last = lastIndex(where: { !isSpace($0) })
        else { return self[endIndex...] }
        return self[first...last]
    }
}
