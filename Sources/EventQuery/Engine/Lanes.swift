/// The scans of all threads, one each.
struct Lanes<Scan>: @unchecked Sendable {
    // SENDABLE: `parallelFor` gives each index to one thread, and the caller reads them afterwards.
    private let scans: [Scan]

    init(_ scans: [Scan]) { self.scans = scans }
    var count: Int { scans.count }
    subscript(index: Int) -> Scan { scans[index] }
}
