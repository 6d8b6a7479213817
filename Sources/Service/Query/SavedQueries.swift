internal import Bytes
internal import Synchronization

/// Queries that clients named, and results that wait to be fetched, as Honeycomb's API has them.
///
/// Kept in memory: a client that finds neither after a restart makes them anew. The oldest go
/// first.
final class SavedQueries: Sendable {
    struct SavedQuery: Sendable {
        let dataset: String
        let specification: JSONValue
    }

    private struct KeptQuery: Sendable {
        let query: SavedQuery
        let byteCount: Int
    }

    /// A result under way, or its document.
    enum SavedResult: Sendable {
        case running(query: JSONValue)
        case done([UInt8])
    }

    /// A name of one environment; no other can guess its way to it.
    struct Name: Hashable, Sendable {
        let environment: String
        let id: String
    }

    private struct State {
        var queries: [Name: KeptQuery] = [:]
        var queryOrder: [Name] = []
        var queryBytes = 0
        var results: [Name: SavedResult] = [:]
        var resultOrder: [Name] = []
        var resultBytes = 0
    }

    private let state = Mutex(State())

    /// Keeps a query; equal ones share an id.
    func save(_ query: SavedQuery, environment: String) -> String {
        let text = "\(environment)\n\(query.dataset)\n\(query.specification.text)"
        let id = String(hexadecimal(sha256(Array(text.utf8))).prefix(16))
        let name = Name(environment: environment, id: id)
        state.withLock { state in
            let kept = KeptQuery(query: query, byteCount: text.utf8.count)
            if state.queries.updateValue(kept, forKey: name) == nil {
                state.queryOrder.append(name)
                state.queryBytes += kept.byteCount
            }
            while state.queryOrder.count > ServiceLimits.savedQueriesMax
                || state.queryBytes > ServiceLimits.savedQueriesBytesMax
            {
                let gone = state.queries.removeValue(forKey: state.queryOrder.removeFirst())
                state.queryBytes -= gone?.byteCount ?? 0
            }
        }
        return id
    }

    func query(_ id: String, environment: String) -> SavedQuery? {
        state.withLock { $0.queries[Name(environment: environment, id: id)]?.query }
    }

    /// Keeps how far a result has come.
    func save(_ result: SavedResult, as name: Name) {
        state.withLock { state in
            if let old = state.results.updateValue(result, forKey: name) {
                state.resultBytes -= SavedQueries.bytes(old)
            } else {
                state.resultOrder.append(name)
            }
            state.resultBytes += SavedQueries.bytes(result)
            while state.resultOrder.count > ServiceLimits.savedResultsMax
                || (state.resultBytes > ServiceLimits.savedResultsBytesMax
                    && state.resultOrder.count > 1)
            {
                guard let gone = state.results.removeValue(forKey: state.resultOrder.removeFirst())
                else { continue }
                state.resultBytes -= SavedQueries.bytes(gone)
            }
        }
    }

    func result(_ name: Name) -> SavedResult? { state.withLock { $0.results[name] } }

    private static func bytes(_ result: SavedResult) -> Int {
        if case .done(let document) = result { document.count } else { 0 }
    }
}
