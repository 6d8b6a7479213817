/// What visitors do, as traces: browse, search, fill a cart, check out.
struct Journeys {
    let shop: Shop
    let incidents: Incidents

    /// The next visit, by a user who is drawn, at this time.
    func visit(at start: Int64, _ random: inout ShopRandom) -> Trace {
        var trace = Trace(user: User(rank: random.rank(of: Shop.userCount)), start: start)
        switch random.below(100) {
        case 0..<34: product(&trace, &random)
        case 34..<52: home(&trace, &random)
        case 52..<70: search(&trace, &random)
        case 70..<84: addToCart(&trace, &random)
        default: checkout(&trace, &random)
        }
        return trace
    }

    // MARK: - Pages

    private func home(_ trace: inout Trace, _ random: inout ShopRandom) {
        page(&trace, "GET", "/", "/") { trace in
            trace.spend(random.time(around: 2))
            account(&trace, &random)
            recommendations(&trace, &random)
            trace.spend(random.time(around: 4))
        }
    }

    private func product(_ trace: inout Trace, _ random: inout ShopRandom) {
        let number = random.rank(of: 60_000)
        page(&trace, "GET", "/product/{id}", "/product/\(number)") { trace in
            trace.spend(random.time(around: 2))
            call(&trace, .catalog, "Catalog/GetProduct", &random) { trace, random in
                cached(&trace, .catalog, "product:\(number)", &random) { trace, random in
                    query(&trace, .catalog, "SELECT", "products", rows: 1, &random)
                }
            }
            call(&trace, .inventory, "Inventory/Available", &random) { trace, random in
                query(&trace, .inventory, "SELECT", "stock", rows: 1 + random.below(6), &random)
            }
            if random.chance(0.7) { recommendations(&trace, &random) }
            trace.spend(random.time(around: 3))
        }
    }

    private func search(_ trace: inout Trace, _ random: inout ShopRandom) {
        let term = Journeys.terms[random.rank(of: Journeys.terms.count) - 1]
        trace.searchTerm = term
        page(&trace, "GET", "/search", "/search") { trace in
            trace.spend(random.time(around: 2))
            call(&trace, .search, "Search/Find", &random) { trace, random in
                cached(&trace, .search, "search:\(term.utf8.count)", &random) { trace, random in
                    query(
                        &trace, .search, "SEARCH", "products_v7", rows: random.below(400), &random)
                }
                trace.spend(random.time(around: 12))
            }
            trace.spend(random.time(around: 5))
        }
    }

    private func addToCart(_ trace: inout Trace, _ random: inout ShopRandom) {
        trace.cart = cart(&random)
        page(&trace, "POST", "/cart", "/cart") { trace in
            account(&trace, &random)
            call(&trace, .cart, "Cart/Add", &random) { trace, random in
                query(&trace, .cart, "UPDATE", "carts", rows: 1, &random)
                query(&trace, .cart, "SELECT", "carts", rows: 1 + random.below(9), &random)
                if random.chance(0.004) { trace.fail(.invalidInput) }
            }
            trace.spend(random.time(around: 2))
        }
    }

    private func checkout(_ trace: inout Trace, _ random: inout ShopRandom) {
        let cart = cart(&random)
        trace.cart = cart
        page(&trace, "POST", "/checkout", "/checkout") { trace in
            trace.spend(random.time(around: 3))
            account(&trace, &random)
            call(&trace, .checkout, "Checkout/Place", &random) { trace, random in
                query(&trace, .cart, "SELECT", "carts", rows: cart.items, &random)
                price(&trace, cart, &random)
                charge(&trace, &random)
                call(&trace, .shipping, "Shipping/Quote", &random) { trace, random in
                    trace.spend(random.time(around: 9))
                    if random.chance(0.006) { trace.fail(.timeout) }
                }
                query(&trace, .checkout, "INSERT", "orders", rows: 1, &random)
                trace.span(.checkout, "orders publish", .publish(topic: "orders")) {
                    $0.spend(random.time(around: 1))
                }
            }
            trace.spend(random.time(around: 2))
        }
        guard let order = trace.spans.lastIndex(where: { $0.name == "orders publish" }) else {
            return
        }
        let lag = random.time(around: 40)
        trace.spend(lag)
        let work = Trace.Work.consume(topic: "orders", lag: Int(lag))
        trace.follow(order, .notifications, "orders process", work) { trace in
            trace.spend(random.time(around: 20))
        }
    }

    // MARK: - Parts of pages

    private func page(
        _ trace: inout Trace, _ method: String, _ route: String, _ path: String,
        _ body: (inout Trace) -> Void
    ) {
        trace.span(
            .frontend, "\(method) \(route)", .page(method: method, route: route, path: path), body)
    }

    private func call(
        _ trace: inout Trace, _ service: Shop.ServiceName, _ method: String,
        _ random: inout ShopRandom, _ body: (inout Trace, inout ShopRandom) -> Void
    ) {
        trace.span(service, method, .call(method: method)) { trace in
            trace.spend(random.time(around: 1))
            body(&trace, &random)
            trace.spend(random.time(around: 0.7))
        }
    }

    private func query(
        _ trace: inout Trace, _ service: Shop.ServiceName, _ operation: String, _ table: String,
        rows: Int, _ random: inout ShopRandom
    ) {
        trace.span(
            service, "\(operation) \(table)",
            .query(operation: operation, table: table, rows: rows)
        ) { trace in
            trace.spend(random.time(around: 1.5 + 0.02 * Double(rows)))
            if random.chance(0.0008) { trace.fail(.timeout) }
        }
    }

    /// Looks into the cache first; what is not there is fetched.
    ///
    /// Incident 3: for one user nothing ever is there.
    private func cached(
        _ trace: inout Trace, _ service: Shop.ServiceName, _ key: String,
        _ random: inout ShopRandom, _ fetch: (inout Trace, inout ShopRandom) -> Void
    ) {
        let isHit = random.chance(0.92) && trace.user != Incidents.uncachedUser
        let size = isHit ? 300 + random.below(4000) : 0
        trace.span(service, "cache get", .cache(key: key, isHit: isHit, size: size)) {
            $0.spend(random.time(around: 0.3))
        }
        guard !isHit else { return }
        fetch(&trace, &random)
        trace.spend(random.time(around: 18))
    }

    private func account(_ trace: inout Trace, _ random: inout ShopRandom) {
        let key = "session:\(trace.user.id)"
        call(&trace, .accounts, "Accounts/Session", &random) { trace, random in
            cached(&trace, .accounts, key, &random) { trace, random in
                query(&trace, .accounts, "SELECT", "users", rows: 1, &random)
            }
        }
    }

    private func recommendations(_ trace: inout Trace, _ random: inout ShopRandom) {
        call(&trace, .recommendations, "Recommendations/For", &random) { trace, random in
            trace.span(.recommendations, "rank candidates", .compute) {
                $0.spend(random.time(around: 14))
            }
        }
    }

    /// Incident 1: with the new pricing, big carts take half a minute.
    private func price(_ trace: inout Trace, _ cart: Trace.Cart, _ random: inout ShopRandom) {
        let isSlow = incidents.isSlowToPrice(trace.user, items: cart.items, at: trace.start)
        call(&trace, .pricing, "Pricing/PriceCart", &random) { trace, random in
            query(&trace, .pricing, "SELECT", "price_rules", rows: cart.items, &random)
            trace.spend(isSlow ? 28_000 + random.unit() * 4000 : random.time(around: 6))
        }
    }

    /// Incident 2: while the faulty deployment runs, most charges fail once and are tried again.
    private func charge(_ trace: inout Trace, _ random: inout ShopRandom) {
        let isFaulty = incidents.faultyPayments.contains(trace.start) && random.chance(0.7)
        let attempts = isFaulty ? 2 : 1
        for attempt in 0..<attempts {
            call(&trace, .payment, "Payment/Charge", &random) { trace, random in
                trace.spend(random.time(around: 60))
                if isFaulty { trace.fail(.poolExhausted) }
                if attempt > 0 { trace.retry() }
            }
        }
    }

    private func cart(_ random: inout ShopRandom) -> Trace.Cart {
        let items =
            random.chance(0.08)
            ? Incidents.bigCart + 1 + random.below(60) : 1 + random.below(6) + random.below(6)
        return Trace.Cart(items: items, total: items * (400 + random.below(4000)))
    }

    private static let terms: [String] = {
        let kinds = ["shoes", "lamp", "jacket", "mug", "tent", "chair", "headphones", "backpack"]
        let qualities = ["", "red ", "cheap ", "blue ", "large ", "kids ", "waterproof ", "used "]
        return qualities.flatMap { quality in kinds.map { quality + $0 } }
    }()
}
