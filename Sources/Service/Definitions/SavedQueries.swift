internal import Bytes

/// Queries that clients made to run them later, as Honeycomb's query data API has them.
///
/// Equal ones share an id. Durable; in an environment with very many of them the oldest go first.
extension Definitions {
    /// A query as it was made.
    struct SavedQuery {
        /// As it stood in the path, for `__all__` and names that differ in case only.
        let dataset: String
        let specification: JSONValue

        var id: String {
            let text = "\(dataset)\n\(specification.text)"
            return String(hexadecimal(sha256(Array(text.utf8))).prefix(16))
        }
    }

    /// Keeps a query of a dataset given by its key.
    mutating func save(_ query: SavedQuery, of dataset: String) {
        guard document(.queries, query.id, of: dataset) == nil else { return }
        var body = JSONObject()
        body["dataset"] = .string(query.dataset)
        body["specification"] = query.specification
        put(Document(id: query.id, dataset: dataset, body: body), .queries)
        var (count, bytes) = (0, 0)
        // From the newest on: what does not fit any more goes.
        for old in all(.queries).reversed() {
            count += 1
            bytes += old.body["specification"]?.text.utf8.count ?? 0
            if count > ServiceLimits.savedQueriesMax || bytes > ServiceLimits.savedQueriesBytesMax {
                _ = remove(.queries, old.id, of: old.dataset)
            }
        }
    }

    func savedQuery(_ id: String, of dataset: String) -> SavedQuery? {
        guard let body = document(.queries, id, of: dataset)?.body,
            let name = body["dataset"]?.string, let specification = body["specification"]
        else { return nil }
        return SavedQuery(dataset: name, specification: specification)
    }
}
