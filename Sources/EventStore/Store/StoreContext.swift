internal import Host
internal import Synchronization

/// What all parts of a store share: the machine, the environments, the keys, its condition.
final class StoreContext: Sendable {
    let machine: Machine
    let root: String
    let limits: StoreLimits
    let cache: DecodedColumnCache
    /// Nil when nobody wants to know what retention lets go of.
    let witness: (any RetentionWitness)?
    let unsealed = UnsealedCount()
    /// Told what an operator should know; called on the store's threads.
    let notice: @Sendable (String) -> Void
    private let environments = Mutex<[String: Environment]>([:])
    private let keys: Mutex<IdempotencyTable>
    private let condition = Mutex<EventStoreError?>(nil)

    init(
        _ machine: Machine, root: String, limits: StoreLimits, cacheBytes: Int,
        witness: (any RetentionWitness)? = nil,
        notice: @escaping @Sendable (String) -> Void
    ) {
        self.machine = machine
        self.root = root
        self.limits = limits
        self.witness = witness
        self.notice = notice
        cache = DecodedColumnCache(bytesMax: cacheBytes)
        keys = Mutex(IdempotencyTable(limits: limits))
    }

    var logDirectory: String { root + "/" + Filenames.log }
    var environmentsDirectory: String { root + "/" + Filenames.environments }

    func directory(ofEnvironment name: String) -> String {
        environmentsDirectory + "/" + Filenames.directory(ofEnvironment: name)
    }

    // MARK: - Environments

    var allEnvironments: [Environment] {
        environments.withLock { $0.values.sorted { $0.name < $1.name } }
    }

    func environment(_ name: String) -> Environment? { environments.withLock { $0[name] } }

    func insert(_ environment: Environment) {
        environments.withLock { $0[environment.name] = environment }
    }

    /// The environment of a name, made when it is new; nil when there are too many.
    func findOrMakeEnvironment(_ name: String) -> Environment? {
        environments.withLock { environments in
            if let known = environments[name] { return known }
            guard environments.count < limits.environments else { return nil }
            let new = Environment(name, in: self, reading: Manifest.Reading(), highestFile: 0)
            environments[name] = new
            return new
        }
    }

    // MARK: - Keys and condition

    func withKeys<Result: Sendable>(_ body: (inout sending IdempotencyTable) -> sending Result)
        -> Result
    {
        keys.withLock { body(&$0) }
    }

    /// Why nothing new is taken; nil while the store works.
    var refusal: EventStoreError? { condition.withLock { $0 } }

    /// Takes nothing new from now on; the first reason stays.
    func refuse(_ reason: EventStoreError) {
        let isFirst = condition.withLock { condition in
            defer { condition = condition ?? reason }
            return condition == nil
        }
        if isFirst && reason.code != .closed { notice("nothing new is taken: \(reason)") }
    }
}
