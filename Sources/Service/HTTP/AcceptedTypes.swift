/// The media types of an `Accept` header, the most wanted first (RFC 9110, 12.5.1).
struct AcceptedTypes {
    /// Lowercase, without parameters; of equal weights in the order of the header.
    let types: [String]

    init(_ header: String) {
        var weighted: [(type: String, weight: Double)] = []
        for part in header.lowercased().split(separator: ",").prefix(AcceptedTypes.most) {
            let pieces = part.utf8.split(separator: UInt8(ascii: ";"))
                .map { String(Substring($0.trimmingOptionalSpace)) }
            guard let type = pieces.first else { continue }
            let weight = pieces.dropFirst().first { $0.hasPrefix("q=") }
            weighted.append((type, weight.flatMap { Double($0.dropFirst(2)) } ?? 1))
        }
        types = weighted.filter { $0.weight > 0 }.enumerated()
            .sorted { ($1.element.weight, $0.offset) < ($0.element.weight, $1.offset) }
            .map(\.element.type)
    }

    /// Types that are looked at.
    private static let most = 32
}
