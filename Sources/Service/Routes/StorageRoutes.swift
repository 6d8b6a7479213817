internal import Bytes
internal import EventStore
internal import Events

/// `/api/datasets/{dataset}/storage`: how the fields of a dataset are kept on disk.
///
/// Figures are of whole segments in which the dataset has events; what is still in memory has none.
struct StorageRoutes: Sendable {
    let store: EventStore
    let datasets: DatasetDirectory

    var routes: [Route] {
        [
            Route("GET", "/api/datasets/{dataset}/storage", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                let environment = call.principal.environment
                let dataset = call.parameters[0]
                guard datasets.knows(dataset, in: environment) else {
                    throw HTTPRefusal(.error(404, "dataset not found"))
                }
                do {
                    return .json(try storage(of: dataset, in: environment))
                } catch {
                    throw HTTPRefusal(.error(500, "a segment cannot be read: \(error)"))
                }
            }
        ]
    }

    private func storage(of dataset: String, in environment: String) throws -> JSONValue {
        let wanted = DatasetName.key(dataset)
        let stored = store.snapshot(environment: environment).segments.filter {
            $0.datasets.contains { DatasetName.key($0.name) == wanted }
        }
        var columns: [String: ColumnStorage] = [:]
        for segment in stored {
            for column in try segment.open().columnStorage() {
                columns[column.name, default: ColumnStorage(name: column.name)].formUnion(column)
            }
        }
        return [
            "segments": .int(Int64(stored.count)),
            "rows": .int(Int64(stored.reduce(0) { $0 + $1.rows })),
            "bytes": .int(Int64(stored.reduce(0) { $0 + $1.byteCount })),
            "fields": .array(
                columns.values.sorted { ($1.byteCount, $0.name) < ($0.byteCount, $1.name) }
                    .map(StorageRoutes.json)),
        ]
    }

    private static func json(_ column: ColumnStorage) -> JSONValue {
        [
            "field": .string(column.name), "rows": .int(Int64(column.rows)),
            "bytes": .int(Int64(column.byteCount)),
            "value_bytes": .int(Int64(column.valueBytes)),
            "presence_bytes": .int(Int64(column.presenceBytes)),
            "dictionary_bytes": .int(Int64(column.dictionaryBytes)),
            "dictionary_entries": .int(Int64(column.dictionaryEntries)),
            "encodings": .array(
                column.encodings.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
                    ["encoding": .string($0.key), "blocks": .int(Int64($0.value))]
                }),
        ]
    }
}
