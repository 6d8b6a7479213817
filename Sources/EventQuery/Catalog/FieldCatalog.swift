internal import Bytes
public import EventStore
public import Events
internal import Synchronization

/// The fields that events have, which kinds of values they hold, and when they came last.
public struct FieldCatalog: Sendable {
    /// By the field's name; a field of several kinds is all of them.
    public private(set) var kinds: [String: Set<ValueDictionary.Kind>] = [:]
    /// By the field's name when an event was received that may have had it, nanoseconds since 1970: the
    /// last of the dataset in the last segment, or batch of the head, where one has.
    public private(set) var lastReceived: [String: Int64] = [:]

    /// No fields.
    public init() {}

    mutating func add(_ name: String, _ kinds: Set<ValueDictionary.Kind>) {
        if !kinds.isEmpty { self.kinds[name, default: []].formUnion(kinds) }
    }

    /// Adds the fields of other events.
    public mutating func formUnion(_ other: FieldCatalog) {
        for (name, kinds) in other.kinds { add(name, kinds) }
        lastReceived.merge(other.lastReceived) { max($0, $1) }
    }

    /// Adds the fields of events of which the last was received at a time.
    mutating func formUnion(_ other: FieldCatalog, received: Int64) {
        for (name, kinds) in other.kinds {
            add(name, kinds)
            lastReceived[name] = max(lastReceived[name] ?? .min, received)
        }
    }

    /// Adds the fields of some rows of a source.
    mutating func add(_ source: any EventSource, rows: Bitmap) throws {
        for name in source.fieldNames { try add(name, of: source, rows: rows) }
    }

    mutating func add(_ name: String, of source: any EventSource, rows: Bitmap) throws {
        guard let column = try source.loadColumn(name) else { return }
        if name == EventBatch.spillName {
            addSpilled(column, rows)
        } else {
            add(name, column.kinds(in: rows))
        }
    }

    /// Adds fields that found no column of their own.
    private mutating func addSpilled(_ column: Column, _ rows: Bitmap) {
        rows.forEachRow { row in
            guard case .string(let text) = column.value(at: row) else { return }
            for field in Spill.fields(text) {
                switch field.value {
                case .missing: break
                case .bool: add(field.name, [.bool])
                case .int: add(field.name, [.int])
                case .float: add(field.name, [.float])
                case .string: add(field.name, [.string])
                }
            }
        }
    }
}

extension Column {
    /// The kinds of the values that some rows have.
    fileprivate func kinds(in rows: Bitmap) -> Set<ValueDictionary.Kind> {
        func isMet(_ presence: Bitmap?) -> Bool {
            guard var presence else { return false }
            presence.formIntersection(rows)
            return !presence.isEmpty
        }
        var kinds: Set<ValueDictionary.Kind> = []
        if isMet(ints?.presence()) { kinds.insert(.int) }
        if isMet(floats?.presence()) { kinds.insert(.float) }
        if isMet(texts?.presence()) { kinds.insert(.string) }
        guard let coded, isMet(coded.presence()) else { return kinds }
        if let only = coded.dictionary.onlyKind {
            kinds.insert(only)
        } else {
            rows.forEachRow { row in
                let code = coded.codes[row]
                if code != 0 { kinds.insert(coded.dictionary.kind(at: Int(code) - 1)) }
            }
        }
        return kinds
    }
}

/// Catalogs of snapshots; what was found in a segment is kept, since a segment never changes.
public final class FieldCatalogs: Sendable {
    private struct Key: Hashable {
        let environment: String
        let fileName: String
        let dataset: String
    }

    private let known = Mutex<[Key: FieldCatalog]>([:])

    /// Catalogs of segments kept at most; beyond them all are forgotten and found anew.
    private static let knownMax = 4096

    /// When events were received.
    public let receipts = ReceiptTimes()

    public init() {}

    /// The fields of one dataset, given by name or slug.
    ///
    /// - Parameter environment: whose snapshot it is.
    /// - Throws: what opening or reading a segment throws.
    public func catalog(
        of dataset: String, in snapshot: EventStoreSnapshot, environment: String
    ) throws -> FieldCatalog {
        let slug = DatasetName.key(dataset)
        var catalog = FieldCatalog()
        for batch in snapshot.head {
            guard let rows = try batch.rows(ofDataset: slug) else { continue }
            var found = FieldCatalog()
            try found.add(batch, rows: rows)
            var last = Int64.min
            rows.forEachRow { last = max(last, batch.received[$0]) }
            catalog.formUnion(found, received: last)
        }
        for stored in snapshot.segments {
            let names = stored.datasets.map(\.name).filter { DatasetName.key($0) == slug }
            if names.isEmpty { continue }
            let receipts = try receipts.bounds(of: stored, environment: environment)
            let last = names.compactMap { receipts[$0]?.upperBound }.max() ?? .min
            let key = Key(environment: environment, fileName: stored.fileName, dataset: slug)
            if let found = known.withLock({ $0[key] }) {
                catalog.formUnion(found, received: last)
                continue
            }
            let found = try FieldCatalogs.catalog(of: slug, in: try stored.open())
            known.withLock { known in
                if known.count >= FieldCatalogs.knownMax { known.removeAll() }
                known[key] = found
            }
            catalog.formUnion(found, received: last)
        }
        return catalog
    }

    private static func catalog(of slug: String, in segment: Segment) throws -> FieldCatalog {
        var catalog = FieldCatalog()
        for group in segment.rowGroups {
            guard let rows = try group.rows(ofDataset: slug) else { continue }
            let isWhole = rows == Bitmap(count: group.rows, repeating: true)
            for name in segment.fieldNames {
                // Fast path: the footer knows the whole group.
                if isWhole, name != EventBatch.spillName,
                    let kinds = try group.knownKinds(of: name)
                {
                    catalog.add(name, kinds)
                } else if try group.knownKinds(of: name) != [] {
                    try catalog.add(name, of: group, rows: rows)
                }
            }
        }
        return catalog
    }
}

extension EventSource {
    /// The rows of a dataset; nil when there are none.
    fileprivate func rows(ofDataset slug: String) throws -> Bitmap? {
        let lane = try loadDatasets()
        var isWanted = [false]
        for index in 0..<lane.dictionary.count {
            let name: String? =
                if case .string(let name) = lane.dictionary[index] { name } else { nil }
            isWanted.append(name.map { DatasetName.key($0) == slug } ?? false)
        }
        guard isWanted.contains(true) else { return nil }
        var found = Bitmap(count: rows)
        for row in 0..<rows where isWanted[Int(lane.codes[row])] { found[row] = true }
        return found.isEmpty ? nil : found
    }
}
