internal import Bytes

/// Writes the spans of a trace as lines of JSON.
struct SpanWriter {
    let shop: Shop
    let incidents: Incidents
    private var visitor = JSONLine()

    init(shop: Shop, incidents: Incidents) {
        self.shop = shop
        self.incidents = incidents
    }

    /// Appends at most `limit` lines, one a span; returns how many.
    mutating func write(
        _ trace: Trace, limit: Int, _ random: inout ShopRandom, into line: inout JSONLine
    ) -> Int {
        writeVisitor(of: trace, &random)
        let identifier = (random.next(), random.next())
        let spans = trace.spans.prefix(limit)
        let identifiers = spans.map { _ in random.next() }
        for (index, span) in spans.enumerated() {
            line.begin()
            let nanoseconds = trace.start + Int64(span.start) * 1000
            line.member("time", RFC3339.text(nanoseconds: nanoseconds))
            line.member("trace.trace_id", identifier: identifier.0, identifier.1)
            line.member("trace.span_id", identifier: identifiers[index])
            if let parent = span.parent {
                line.member("trace.parent_id", identifier: identifiers[parent])
            }
            line.member("name", span.name)
            line.member("duration_ms", thousandths: span.duration)
            line.members(pod(of: span, at: trace.start, &random).members)
            line.members(visitor.bytes)
            writeProcess(span, &random, into: &line)
            writeWork(span, of: trace, &random, into: &line)
            writeOutcome(span, into: &line)
            line.end()
        }
        return spans.count
    }

    /// Most of what fails in the faulty half hour runs on the faulty deployment, and nothing else.
    private func pod(
        of span: Trace.Span, at start: Int64, _ random: inout ShopRandom
    ) -> Shop.Pod {
        if case .poolExhausted = span.failure { return random.pick(shop.faultyPayment) }
        if span.service == .payment, incidents.faultyPayments.contains(start), random.chance(0.2) {
            return random.pick(shop.faultyPayment)
        }
        return random.pick(shop.stable[span.service.rawValue])
    }

    /// What every span of a visit says of the visitor.
    private mutating func writeVisitor(of trace: Trace, _ random: inout ShopRandom) {
        let traits = trace.user.number
        visitor.removeAll()
        visitor.member("user_id", trace.user.id)
        visitor.member("user.tier", ["free", "free", "free", "plus", "gold"][Int(traits % 5)])
        let place = SpanWriter.places[Int(traits >> 8 & 7)]
        visitor.member("user.country", place.country)
        visitor.member("app.locale", place.locale)
        visitor.member("app.currency", place.currency)
        visitor.member("user.age_days", Int(traits >> 16 % 3000))
        visitor.member("session_id", identifier: traits ^ UInt64(trace.start / 1_800_000_000_000))
        visitor.member("request_id", identifier: random.next())
        let platform = SpanWriter.platforms[Int(traits >> 32 & 3)]
        visitor.member("app.platform", platform)
        visitor.member("app.version", "8.\(traits >> 40 & 7).\(traits >> 44 & 3)")
        let hasNewPricing = incidents.hasNewPricing(trace.user, at: trace.start)
        visitor.member("app.flag.new_pricing", hasNewPricing)
        visitor.member("app.flag.fast_search", traits >> 50 & 3 == 0)
        visitor.member("app.flag.recs_v2", traits >> 52 & 1 == 0)
        visitor.member("app.flag.one_click", traits >> 53 & 7 == 0)
        visitor.member("app.flag.dark_mode", traits >> 56 & 1 == 0)
        visitor.member("app.flag.geo_tax", true)
    }

    private func writeProcess(
        _ span: Trace.Span, _ random: inout ShopRandom, into line: inout JSONLine
    ) {
        let draw = random.next()
        line.member("cpu_ms", thousandths: span.duration / 3 % 40_000 + Int(draw & 1023))
        line.member("alloc_kb", 16 + Int(draw >> 10 & 2047))
        line.member("heap_mb", 180 + Int(draw >> 21 & 255))
        line.member("threads", 12 + Int(draw >> 29 & 15))
        line.member("queue_ms", thousandths: Int(draw >> 33 & 511))
        if draw >> 42 & 15 == 0 { line.member("gc_pause_ms", thousandths: Int(draw >> 46 & 8191)) }
    }

    private func writeOutcome(_ span: Trace.Span, into line: inout JSONLine) {
        line.member("error", span.failure != nil)
        line.member("status_code", span.failure == nil ? 0 : 2)
        if span.retries > 0 { line.member("retry_count", span.retries) }
        guard let failure = span.failure else { return }
        line.member("exception.type", failure.type)
        line.member("exception.message", failure.message)
        let service = span.service.text
        line.member(
            "exception.stacktrace",
            "\(failure.type) at \(service).handle(\(service):118) at server.dispatch(server:64)")
    }

    private static let platforms = ["web", "ios", "android", "web"]

    private static let places: [(country: String, locale: String, currency: String)] = [
        ("DE", "de-DE", "EUR"), ("DE", "en-DE", "EUR"), ("FR", "fr-FR", "EUR"),
        ("GB", "en-GB", "GBP"), ("US", "en-US", "USD"), ("PL", "pl-PL", "PLN"),
        ("NL", "nl-NL", "EUR"), ("SE", "sv-SE", "SEK"),
    ]
}

// MARK: - What only some kinds of span have

extension SpanWriter {
    private func writeWork(
        _ span: Trace.Span, of trace: Trace, _ random: inout ShopRandom, into line: inout JSONLine
    ) {
        switch span.work {
        case .page(let method, let route, let path):
            line.member("span.kind", "server")
            writePage(method, route, path, of: trace, &random, into: &line)
        case .call(let method):
            line.member("span.kind", "server")
            let parts = method.split(separator: "/")
            line.member("rpc.system", "grpc")
            line.member("rpc.service", "shop.\(parts[0])")
            line.member("rpc.method", String(parts[1]))
            line.member("rpc.grpc.status_code", span.failure == nil ? 0 : 14)
            line.member("net.peer.port", 30_000 + random.below(20_000))
            writeBusiness(span, of: trace, &random, into: &line)
        case .query(let operation, let table, let rows):
            line.member("span.kind", "client")
            line.member("db.system", span.service == .search ? "opensearch" : "postgresql")
            line.member("db.name", "\(span.service.text)db")
            line.member("db.operation", operation)
            line.member("db.statement", SpanWriter.statement(operation, table))
            line.member("db.rows", rows)
            line.member("db.pool.active", 1 + random.below(20))
            line.member("db.pool.idle", random.below(12))
            line.member("db.pool.wait_ms", thousandths: random.below(900))
            line.member("net.peer.name", "\(span.service.text)-db.shop.svc")
        case .cache(let key, let isHit, let size):
            line.member("span.kind", "client")
            line.member("db.system", "redis")
            line.member("cache.key", key)
            line.member("cache.hit", isHit)
            line.member("cache.bytes", size)
        case .publish(let topic):
            line.member("span.kind", "producer")
            writeMessage(topic, trace, &random, into: &line)
        case .consume(let topic, let lag):
            line.member("span.kind", "consumer")
            line.member("messaging.lag_ms", lag)
            writeMessage(topic, trace, &random, into: &line)
        case .compute:
            line.member("span.kind", "internal")
            line.member("recommendations.candidates", 50 + random.below(950))
            line.member("recommendations.model", random.favouring(["als-7", "als-8", "gnn-2"]))
        }
    }

    private func writePage(
        _ method: String, _ route: String, _ path: String, of trace: Trace,
        _ random: inout ShopRandom, into line: inout JSONLine
    ) {
        let traits = trace.user.number
        line.member("http.method", method)
        line.member("http.route", route)
        line.member("url.path", path)
        line.member("http.scheme", "https")
        line.member("http.flavor", "2.0")
        line.member("http.status_code", random.chance(0.003) ? 404 : 200)
        line.member("http.request_bytes", 300 + random.below(900))
        line.member("http.response_bytes", 2000 + random.below(60_000))
        line.member(
            "client.ip",
            "\(11 + traits % 180).\(traits >> 9 & 255).\(traits >> 17 & 255).\(traits >> 25 & 255)")
        line.member("user_agent", SpanWriter.agents[Int(traits >> 32 & 3)])
        line.member("geo.city", SpanWriter.cities[Int(traits >> 5 & 7)])
        if let term = trace.searchTerm {
            line.member("search.query", term)
            line.member("search.page", 1 + random.below(3))
        }
        writeCart(of: trace, into: &line)
    }

    private func writeBusiness(
        _ span: Trace.Span, of trace: Trace, _ random: inout ShopRandom, into line: inout JSONLine
    ) {
        switch span.service {
        case .search: line.member("search.results", random.below(400))
        case .cart, .pricing: writeCart(of: trace, into: &line)
        case .checkout:
            writeCart(of: trace, into: &line)
            line.member("order_id", Int(trace.start / 1_000_000 % 10_000_000_000))
            if random.chance(0.2) {
                line.member("coupon_code", random.favouring(["WELCOME10", "AUTUMN", "VIP25"]))
            }
        case .payment:
            line.member("payment.method", random.favouring(["card", "paypal", "invoice"]))
            line.member("payment.provider", random.favouring(["card-gateway", "wallet"]))
            line.member("payment.amount_cents", trace.cart?.total ?? 0)
        case .shipping:
            line.member("shipping.method", random.favouring(["parcel", "express", "pickup"]))
            line.member("warehouse", random.favouring(["LEJ1", "RTM2", "WAW1"]))
        default: break
        }
    }

    private func writeCart(of trace: Trace, into line: inout JSONLine) {
        guard let cart = trace.cart else { return }
        line.member("cart_items", cart.items)
        line.member("cart_total", thousandths: cart.total * 10)
    }

    private func writeMessage(
        _ topic: String, _ trace: Trace, _ random: inout ShopRandom, into line: inout JSONLine
    ) {
        line.member("messaging.system", "kafka")
        line.member("messaging.destination", topic)
        line.member("messaging.partition", random.below(12))
        line.member("messaging.offset", Int(trace.start / 1_000_000_000 % 100_000_000))
    }

    private static func statement(_ operation: String, _ table: String) -> String {
        switch operation {
        case "INSERT": "INSERT INTO \(table) VALUES ($1, $2, $3)"
        case "UPDATE": "UPDATE \(table) SET items = $2 WHERE id = $1"
        case "SEARCH": "POST /\(table)/_search"
        default: "SELECT * FROM \(table) WHERE id = $1"
        }
    }

    private static let agents = [
        "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Firefox/141.0",
        "Shop/8.2 (iPhone; iOS 19.1)", "Shop/8.4 (Android 16; Pixel 10)",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_6) Safari/605.1.15",
    ]

    private static let cities = [
        "Berlin", "Paris", "London", "Chicago", "Gdansk", "Utrecht", "Malmo", "Leipzig",
    ]
}
