internal import Synchronization

/// Decoders that remember the fields of earlier bodies, lent to one thread at a time.
final class DecoderPool<Decoder>: Sendable {
    // SENDABLE: a decoder is in the pool or with one borrower, never both.
    private struct Decoders: @unchecked Sendable {
        var idle: [Decoder] = []
    }

    private let decoders = Mutex(Decoders())
    private let idleMax: Int
    private let make: @Sendable () -> Decoder

    /// Keeps at most `idleMax` decoders that nobody uses; `make` makes one more.
    init(idleMax: Int, _ make: @escaping @Sendable () -> Decoder) {
        self.idleMax = idleMax
        self.make = make
    }

    /// Lends a decoder for the time of the call.
    func withDecoder<Result, Failure: Error>(
        _ body: (Decoder) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let decoder = take()
        defer { giveBack(decoder) }
        return try body(decoder)
    }

    private func take() -> Decoder {
        decoders.withLock { Decoders(idle: $0.idle.popLast().map { [$0] } ?? []) }.idle.first
            ?? make()
    }

    private func giveBack(_ decoder: Decoder) {
        let returned = Decoders(idle: [decoder])
        decoders.withLock { decoders in
            if decoders.idle.count < idleMax { decoders.idle += returned.idle }
        }
    }
}
