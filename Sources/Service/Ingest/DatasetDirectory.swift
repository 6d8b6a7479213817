internal import Bytes
internal import EventQuery
internal import EventStore
internal import Events
internal import Synchronization

/// The datasets of all environments by name: the first event fixes how a name is written.
///
/// Two names are one dataset when their slugs are equal (`DatasetName.key`).
final class DatasetDirectory: Sendable {
    private let names = Mutex<[String: [String: String]]>([:])

    /// Learns the datasets a store holds already, and those that were made without events.
    init(_ store: EventStore, _ definitions: DefinitionStore) {
        for environment in store.environments {
            for name in store.snapshot(environment: environment).datasets.sorted() {
                _ = settle(name, in: environment)
            }
        }
        for environment in definitions.environments {
            for dataset in definitions.definitions(of: environment).all(.datasets) {
                if let name = dataset.body["name"]?.string { _ = settle(name, in: environment) }
            }
        }
    }

    /// The dataset's name as it was first written, else as it is written here.
    func name(for name: String, in environment: String) -> String {
        names.withLock { $0[environment]?[DatasetName.key(name)] ?? name }
    }

    /// Fixes a dataset's name unless another way to write it was first, which is then given back.
    ///
    /// Only for events that are kept: what is refused makes no dataset. Returns nil when the
    /// environment has too many.
    func settle(_ name: String, in environment: String) -> String? {
        let slug = DatasetName.key(name)
        return names.withLock { names in
            if let known = names[environment]?[slug] { return known }
            guard (names[environment]?.count ?? 0) < ServiceLimits.datasetsMax else { return nil }
            names[environment, default: [:]][slug] = name
            return name
        }
    }

    /// Forgets a dataset that was made without events.
    func forget(_ name: String, in environment: String) {
        names.withLock { _ = $0[environment]?.removeValue(forKey: DatasetName.key(name)) }
    }

    /// Whether a dataset of this name or slug has events or was made without them.
    func knows(_ name: String, in environment: String) -> Bool {
        names.withLock { $0[environment]?[DatasetName.key(name)] != nil }
    }

    /// The names of an environment's datasets, ascending.
    func names(in environment: String) -> [String] {
        names.withLock { $0[environment, default: [:]].values.sorted() }
    }

    /// The key of the dataset in a call's path, which must be there, or `__all__`.
    func scope(of call: RouteCall) throws(HTTPRefusal) -> String {
        let name = call.parameters[0]
        if name == Query.allDatasets { return name }
        guard knows(name, in: call.principal.environment) else {
            throw HTTPRefusal(.problem(.notFound, "dataset not found"))
        }
        return DatasetName.key(name)
    }

    /// Why a text cannot be a dataset's name; nil when it can.
    static func fault(in name: String) -> String? {
        if name.isEmpty { return "the name of the dataset is empty" }
        if name.utf8.count > EventLimits.datasetNameBytes {
            return "the name of the dataset is longer than \(EventLimits.datasetNameBytes) bytes"
        }
        if name == "__all__" { return "'__all__' stands for all datasets; events need one" }
        let hasControls = name.unicodeScalars.contains {
            $0.value < 0x20 || (0x7F..<0xA0).contains($0.value)
        }
        return hasControls ? "the name of the dataset holds control characters" : nil
    }
}
