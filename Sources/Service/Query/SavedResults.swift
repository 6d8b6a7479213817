internal import Bytes
internal import Synchronization

/// Results of Honeycomb's query data API that are being made, or wait to be fetched.
///
/// Kept in memory; the oldest go first. One that is asked for afterwards is made anew from its id
/// (`ResultRequest`).
final class SavedResults: Sendable {
    /// A result under way, or its document.
    enum Result: Sendable {
        case running
        case done([UInt8])
    }

    /// A name of one environment; no other can guess its way to it.
    struct Name: Hashable, Sendable {
        let environment: String
        let id: String
    }

    private struct State {
        var results: [Name: Result] = [:]
        var order: [Name] = []
        var bytes = 0
    }

    private let state = Mutex(State())

    /// Keeps how far a result has come.
    func save(_ result: Result, as name: Name) {
        state.withLock { state in
            if let old = state.results.updateValue(result, forKey: name) {
                state.bytes -= SavedResults.bytes(old)
            } else {
                state.order.append(name)
            }
            state.bytes += SavedResults.bytes(result)
            while state.order.count > ServiceLimits.savedResultsMax
                || (state.bytes > ServiceLimits.savedResultsBytesMax && state.order.count > 1)
            {
                guard let gone = state.results.removeValue(forKey: state.order.removeFirst())
                else { continue }
                state.bytes -= SavedResults.bytes(gone)
            }
        }
    }

    /// Marks a result as running unless it is there; answers whether it was not.
    func begin(_ name: Name) -> Bool {
        state.withLock { state in
            guard state.results[name] == nil else { return false }
            state.results[name] = .running
            state.order.append(name)
            return true
        }
    }

    /// Lets a result be asked for as if for the first time.
    func forget(_ name: Name) {
        state.withLock { state in
            guard let gone = state.results.removeValue(forKey: name) else { return }
            state.order.removeAll { $0 == name }
            state.bytes -= SavedResults.bytes(gone)
        }
    }

    /// Lets every result of an environment be made anew.
    func forgetAll(of environment: String) {
        for name in state.withLock({ Array($0.results.keys) })
        where name.environment == environment {
            forget(name)
        }
    }

    func result(_ name: Name) -> Result? { state.withLock { $0.results[name] } }

    private static func bytes(_ result: Result) -> Int {
        if case .done(let document) = result { document.count } else { 0 }
    }
}

extension SavedResults: Erasable {
    /// Any result may have counted what is gone, whatever its text says.
    func erase(_ texts: [String], in environment: String) { forgetAll(of: environment) }
}
