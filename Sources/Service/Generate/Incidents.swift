/// The three things that go wrong in the shop, for those who look for them.
///
/// 1. Since `pricingFlagStart`, half of all users have `app.flag.new_pricing`; with it, pricing a
///    cart of more than 40 items takes about 30 seconds.
/// 2. For half an hour a payment deployment runs whose charges fail more often than not.
/// 3. The cache never hits for one user, whose pages are slow for it.
struct Incidents {
    /// Nanoseconds since 1970 of the end of all events; the incidents are told from there.
    let end: Int64
    /// The user of the third incident; a busy one.
    static let uncachedUser = User(rank: 3)

    private static let minute: Int64 = 60_000_000_000

    var pricingFlagStart: Int64 { end - 100 * Incidents.minute }

    /// When the faulty payment deployment ran.
    var faultyPayments: Range<Int64> {
        end - 85 * Incidents.minute..<end - 55 * Incidents.minute
    }

    static let bigCart = 40

    func hasNewPricing(_ user: User, at time: Int64) -> Bool {
        time >= pricingFlagStart && user.number & 1 == 0
    }

    func isSlowToPrice(_ user: User, items: Int, at time: Int64) -> Bool {
        items > Incidents.bigCart && hasNewPricing(user, at: time)
    }
}

/// Someone who shops.
struct User: Equatable {
    /// 1 is the busiest.
    let rank: Int

    /// The rank, spread so that neighbours have nothing in common; the same for every seed.
    var number: UInt64 { ShopRandom.mix(UInt64(rank)) }

    /// `user_id`; distinct for every rank, as the multiplier is odd.
    var id: String {
        let scattered = UInt64(rank) &* 0x9E37_79B1 & 0xFFFF_FFFF
        return "u" + hexadecimal(scattered, digits: 8)
    }
}
