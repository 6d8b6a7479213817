internal import Host

/// The threads of an open store: writer, merger, maintenance.
final class StoreThreads: Sendable {
    private let committer: Committer?
    private let threads: [HostThread]
    private let orders = Monitor(Orders())

    private struct Orders {
        var tasks: [@Sendable (Maintenance) -> Void] = []
        var isEnding = false
    }

    /// Nanoseconds between two rounds of maintenance.
    private static let roundInterval: Int64 = 1_000_000_000
    /// Nanoseconds between two looks at the heads' small batches, and while questions are asked.
    private static let mergeInterval: Int64 = 100_000_000
    private static let eagerMergeInterval: Int64 = 10_000_000

    init(
        _ context: StoreContext, _ committer: Committer?, _ maintenance: Maintenance
    ) throws(EventStoreError) {
        self.committer = committer
        let orders = orders
        threads = try callMachine { () throws(HostError) in
            guard let committer else { return [] }
            return [
                try HostThread(name: "log-writer") { committer.run() },
                try HostThread(name: "head-merger") { StoreThreads.merge(context, orders) },
                try HostThread(name: "maintenance") {
                    StoreThreads.maintain(maintenance, orders)
                },
            ]
        }
    }

    private static func merge(_ context: StoreContext, _ orders: Monitor<Orders>) {
        var interval = mergeInterval
        while orders.wait(atMost: interval, until: { $0.isEnding ? true : nil }) == nil {
            interval = mergeInterval
            for environment in context.allEnvironments {
                if environment.mergePace == .eager { interval = eagerMergeInterval }
                while environment.mergeOnce() {}
            }
        }
    }

    private static func maintain(_ maintenance: Maintenance, _ orders: Monitor<Orders>) {
        maintenance.openSegments()
        while true {
            let order = orders.wait(atMost: roundInterval) { orders -> Orders? in
                guard orders.isEnding || !orders.tasks.isEmpty else { return nil }
                defer { orders.tasks = [] }
                return orders
            }
            for task in order?.tasks ?? [] { task(maintenance) }
            if order?.isEnding == true { return }
            if order == nil { maintenance.runRound() }
        }
    }

    /// Lets the maintaining thread do something, and waits for it.
    func maintain(_ body: @escaping @Sendable (Maintenance) -> Void) {
        let isDone = Monitor(false)
        let isTaken = orders.update { orders in
            if orders.isEnding || threads.isEmpty { return false }
            orders.tasks.append { maintenance in
                body(maintenance)
                isDone.update { $0 = true }
            }
            return true
        }
        if isTaken { isDone.wait { $0 ? () : nil } }
    }

    /// Ends all threads; the writer has been told to end before.
    func end() {
        orders.update { $0.isEnding = true }
        for thread in threads { thread.join() }
    }
}
