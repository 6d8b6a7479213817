/// The events of a shop, in the order its visits began: the same for the same seed and end.
///
/// About 60 fields an event, of about 100 there are; what goes wrong among them tells `Incidents`.
struct ShopEvents {
    private let count: Int
    private let start: Int64
    /// Nanoseconds from the first event to the last.
    private let span: Int64
    private let journeys: Journeys
    private var random: ShopRandom
    private var writer: SpanWriter
    private var line = JSONLine()
    private var written = 0

    /// Prepares `count` events that end at `end`, nanoseconds since 1970, and cover `span`
    /// nanoseconds before it.
    init(count: Int, seed: UInt64, end: Int64, span: Int64 = ShopEvents.defaultSpan) {
        self.count = count
        self.span = span
        start = end - span
        random = ShopRandom(seed: seed)
        let shop = Shop(seed: seed)
        let incidents = Incidents(end: end)
        journeys = Journeys(shop: shop, incidents: incidents)
        writer = SpanWriter(shop: shop, incidents: incidents)
    }

    /// Three hours, in nanoseconds.
    static let defaultSpan: Int64 = 3 * 3600 * 1_000_000_000

    /// The next lines of NDJSON, about `size` bytes of them; nil when all events are written.
    mutating func nextLines(size: Int = 1 << 20) -> [UInt8]? {
        guard written < count else { return nil }
        line.removeAll()
        while line.bytes.count < size && written < count {
            let share = (Double(written) + random.unit()) / Double(count)
            let time = start + Int64(share * Double(span) / 1000) * 1000
            let trace = journeys.visit(at: time, &random)
            written += writer.write(trace, limit: count - written, &random, into: &line)
        }
        return line.bytes
    }
}
