internal import Bytes
internal import Host

/// Copies what recovery could read into new log files.
///
/// Recovery never appends to an old file: after a failed sync its pages may show what the medium does
/// not hold, and behind its torn end may lie records that look whole. The copies become visible from
/// the last to the first, each in one step, so that a crash between leaves either road whole.
struct LogCopy {
    private let machine: Machine
    private let directory: String
    private let fileBytes: Int
    private var nextNumber: UInt64
    private var expected: UInt64
    private var pending: [LogPayload] = []
    private var pendingFirst: UInt64
    private var pendingBytes = 0
    private var made: [LogRecovery.LiveFile] = []

    /// Begins a copy whose first record has the sequence `first`.
    init(
        _ machine: Machine, directory: String, firstNumber: UInt64, firstSequence first: UInt64,
        fileBytes: Int
    ) {
        self.machine = machine
        self.directory = directory
        self.fileBytes = fileBytes
        nextNumber = firstNumber
        expected = first
        pendingFirst = first
    }

    /// Adds a record; sequences missing before it are noted as lost.
    mutating func add(_ record: LogRecovery.Record) throws(EventStoreError) {
        try fillGap(upTo: record.sequence)
        try add(LogPayload(Array(record.payload)), standsFor: 1 + furtherLosses(record.payload))
    }

    /// Notes what is missing before `sequence`.
    mutating func fillGap(upTo sequence: UInt64) throws(EventStoreError) {
        guard sequence > expected else { return }
        let count = sequence - expected
        try add(LogPayload(LogRecord.encodedLoss(further: count - 1)), standsFor: count)
    }

    /// Makes the copies durable and visible and answers them, ascending.
    mutating func finish() throws(EventStoreError) -> [LogRecovery.LiveFile] {
        try writePending()
        for file in made.reversed() {
            let path = directory + "/" + Filenames.logFile(file.number)
            try callMachine { () throws(HostError) in
                try machine.files.rename(path + Filenames.temporarySuffix, to: path)
                try machine.files.synchronizeDirectory(directory)
            }
        }
        return made
    }

    private mutating func add(
        _ payload: LogPayload, standsFor count: UInt64
    ) throws(EventStoreError) {
        if pendingBytes > 0 && pendingBytes + payload.recordBytes > fileBytes {
            try writePending()
        }
        pending.append(payload)
        pendingBytes += payload.recordBytes
        expected += count
        // A record after a note of several lost ones would break the run of numbers in a buffer.
        if count > 1 { try writePending() }
    }

    private mutating func writePending() throws(EventStoreError) {
        if pending.isEmpty && !made.isEmpty { return }
        let header = LogFormat.FileHeader(
            identity: machine.random.nextUInt64(), firstSequence: pendingFirst)
        let path = directory + "/" + Filenames.logFile(nextNumber) + Filenames.temporarySuffix
        let size = LogFormat.FileHeader.size + pendingBytes
        try callMachine { () throws(HostError) in
            if try machine.files.status(path) != nil { try machine.files.remove(path) }
            var file = try LogFile(
                machine.files, path: path, number: nextNumber, header: header, capacity: size)
            defer { file.file.close() }
            try file.append(pending, from: pendingFirst, syncedBelow: pendingFirst)
            try file.file.synchronize()
        }
        made.append(
            LogRecovery.LiveFile(
                number: nextNumber, firstSequence: pendingFirst, bytes: UInt64(size)))
        nextNumber += 1
        pending = []
        pendingBytes = 0
        pendingFirst = expected
    }

    private func furtherLosses(_ payload: ArraySlice<UInt8>) -> UInt64 {
        guard case .lost(let further)? = try? LogRecord.decode(payload) else { return 0 }
        return further
    }
}
