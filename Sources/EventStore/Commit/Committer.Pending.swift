internal import Bytes
internal import Events
internal import Host

extension Committer {
    /// A request on its way into the log.
    struct Pending: Sendable {
        let environment: Environment
        let batches: [EventBatch]
        let payload: LogPayload
        let idempotency: Idempotency?
        /// Nanoseconds since 1970.
        let acceptedAt: Int64
        let durability: Durability
        let completion: Completion
        /// Whose record it is, and how many events it has; nil for a record of batches.
        let grown: (batch: any GrowingBatch, rows: Int)?

        /// Bytes of memory it holds while it waits.
        var heldBytes: Int { payload.bytes.count + batches.reduce(0) { $0 + $1.byteCount } }

        var name: IdempotencyTable.Name? {
            idempotency.map { IdempotencyTable.Name(environment: environment.name, key: $0.key) }
        }

        /// Encodes a request; throws `tooLarge`.
        init(
            _ record: IngestRecord, in environment: Environment, _ context: StoreContext,
            durability: Durability, completion: @escaping Completion
        ) throws(EventStoreError) {
            acceptedAt = context.machine.clock.wallNanoseconds()
            payload = try Pending.payload(
                LogRecord(
                    environment: record.environment, acceptedAt: acceptedAt,
                    idempotency: record.idempotency,
                    batches: record.batches.map { .init(rows: $0.rows, bytes: $0.encoded()) }),
                context)
            self.environment = environment
            batches = record.batches
            idempotency = record.idempotency
            self.durability = durability
            self.completion = completion
            grown = nil
        }

        /// A record of a growing batch; throws `tooLarge`.
        init(
            _ record: ClosedRecord, of batch: any GrowingBatch, in environment: Environment,
            _ context: StoreContext
        ) throws(EventStoreError) {
            acceptedAt = context.machine.clock.wallNanoseconds()
            payload = try Pending.payload(
                LogRecord(
                    environment: environment.name, acceptedAt: acceptedAt,
                    batches: [.init(rows: record.rows, bytes: record.encoded)]), context)
            self.environment = environment
            batches = []
            idempotency = nil
            durability = .synced
            completion = record.completion
            grown = (batch, record.rows)
        }

        private static func payload(
            _ record: LogRecord, _ context: StoreContext
        ) throws(EventStoreError) -> LogPayload {
            let encoded = record.encoded()
            guard encoded.count <= context.limits.recordBytes else {
                throw EventStoreError(.tooLarge, "a request is too large: \(encoded.count) bytes")
            }
            return LogPayload(encoded)
        }
    }

    /// A growing batch whose record is ended when the writer gets to it.
    struct Open: Sendable {
        let environment: Environment
        let batch: any GrowingBatch
    }
}
