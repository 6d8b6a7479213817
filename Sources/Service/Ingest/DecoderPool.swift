internal import Ingest
internal import Synchronization

/// Decoders that remember the fields of earlier bodies, lent to one thread at a time.
final class DecoderPool: Sendable {
    // SENDABLE: a decoder is in the pool or with one borrower, never both.
    private struct Decoders: @unchecked Sendable {
        var idle: [JSONEventDecoder] = []
    }

    private let decoders = Mutex(Decoders())
    private let idleMax: Int

    /// Keeps at most so many decoders that nobody uses.
    init(idleMax: Int) { self.idleMax = idleMax }

    /// Lends a decoder for the time of the call.
    func withDecoder<Result, Failure: Error>(
        _ body: (JSONEventDecoder) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let decoder = take()
        defer { giveBack(decoder) }
        return try body(decoder)
    }

    private func take() -> JSONEventDecoder {
        decoders.withLock { Decoders(idle: $0.idle.popLast().map { [$0] } ?? []) }.idle.first
            ?? JSONEventDecoder()
    }

    private func giveBack(_ decoder: JSONEventDecoder) {
        let returned = Decoders(idle: [decoder])
        decoders.withLock { decoders in
            if decoders.idle.count < idleMax { decoders.idle += returned.idle }
        }
    }
}
