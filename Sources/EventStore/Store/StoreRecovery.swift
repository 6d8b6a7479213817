internal import Bytes
internal import Events
internal import Host

/// Reads everything a store's directory holds, and changes nothing.
struct StoreRecovery {
    /// One environment as it was found.
    struct Found {
        var reading = Manifest.Reading()
        /// Batches of the log that are in no segment.
        var head = HeadList()
        /// Files that no edit names: left by a crash.
        var strays: [String] = []
        /// The highest number of a segment's file, named by an edit or not.
        var highestFile: UInt64 = 0
    }

    private(set) var environments: [String: Found] = [:]
    /// Idempotency keys of manifests and log, ascending by sequence.
    private(set) var keys: [(name: IdempotencyTable.Name, saved: SavedKey)] = []
    private(set) var log: LogRecovery
    private(set) var findings: [Finding] = []

    private let context: StoreContext

    init(_ context: StoreContext) throws(EventStoreError) {
        self.context = context
        log = LogRecovery(context.machine.files, directory: context.logDirectory)
        try readEnvironments()
        keys.sort { $0.saved.sequence < $1.saved.sequence }
        try readLog()
        dropForgottenKeys()
    }

    /// The log may still have keys that an erasure forgot.
    private mutating func dropForgottenKeys() {
        keys.removeAll { name, saved in
            environments[name.environment]?.reading.state.forgottenKeys.contains(saved.sequence)
                ?? false
        }
    }

    /// The log goes on no earlier than here, for replay leaves out what is sealed.
    var minimumSequence: UInt64 {
        environments.values.map(\.reading.state.sealedBelow).max() ?? 1
    }

    private var files: any FileSystem { context.machine.files }

    // MARK: - Environments

    private mutating func readEnvironments() throws(EventStoreError) {
        let names = try list(context.environmentsDirectory)
        for directoryName in names {
            guard let name = Filenames.environment(ofDirectory: directoryName) else {
                report("not the directory of an environment", directoryName)
                continue
            }
            environments[name] = try readEnvironment(name, directoryName)
        }
    }

    private mutating func readEnvironment(
        _ name: String, _ directoryName: String
    ) throws(EventStoreError) -> Found {
        let shown = Filenames.environments + "/" + directoryName
        let directory = context.directory(ofEnvironment: name)
        var found = Found()
        found.reading = try Manifest.read(files, directory: directory, shownAs: shown)
        findings += found.reading.damage
        let state = found.reading.state
        var missing = Set(state.segments.keys)
        for file in try list(directory) where file != Filenames.manifest {
            if let number = Filenames.segmentNumber(file) {
                found.highestFile = max(found.highestFile, number)
            }
            if missing.remove(file) == nil { found.strays.append(file) }
        }
        for file in missing.sorted() { report("segment is missing", directoryName + "/" + file) }
        let hasSegments = found.strays.contains { Filenames.segmentNumber($0) != nil }
        if !found.reading.exists && hasSegments {
            report("segments without a manifest", directoryName)
        }
        for key in state.keys.values {
            let keyName = IdempotencyTable.Name(environment: name, key: key.idempotency.key)
            keys.append((keyName, key))
        }
        return found
    }

    // MARK: - Log

    private mutating func readLog() throws(EventStoreError) {
        let now = context.machine.clock
        let (wall, monotonic) = (now.wallNanoseconds(), now.monotonicNanoseconds())
        var replayed = Replay(environments: environments, wall: wall, monotonic: monotonic)
        try log.read { record throws(EventStoreError) in replayed.take(record) }
        environments = replayed.environments
        keys += replayed.keys
        findings += log.damage + replayed.findings
        let next = log.nextSequence
        if !log.live.isEmpty && next < minimumSequence {
            report("the log ends at record \(next), segments reach \(minimumSequence)", "")
        }
    }

    private func list(_ directory: String) throws(EventStoreError) -> [String] {
        try callMachine { () throws(HostError) in
            if try files.status(directory) == nil { return [] }
            return try files.list(directory)
        }
    }

    private mutating func report(_ message: String, _ path: String) {
        let shown = path.isEmpty ? Filenames.log : Filenames.environments + "/" + path
        findings.append(Finding(message, at: FileLocation(path: shown, offset: 0)))
    }
}

/// Takes the log's records back into heads and keys.
private struct Replay {
    var environments: [String: StoreRecovery.Found]
    var keys: [(name: IdempotencyTable.Name, saved: SavedKey)] = []
    var findings: [Finding] = []
    private let wall: Int64
    private let monotonic: Int64
    private var bytesBefore: UInt64 = 0

    init(environments: [String: StoreRecovery.Found], wall: Int64, monotonic: Int64) {
        self.environments = environments
        self.wall = wall
        self.monotonic = monotonic
    }

    mutating func take(_ record: LogRecovery.Record) {
        defer { bytesBefore += UInt64(record.payload.count) }
        let place = record.location
        do throws(DecodeError) {
            switch try LogRecord.decode(record.payload) {
            case .lost: break
            case .request(let request): try take(request, sequence: record.sequence)
            }
        } catch {
            findings.append(Finding("record \(record.sequence): \(error)", at: place))
        }
    }

    private mutating func take(
        _ request: LogRecord, sequence: UInt64
    ) throws(DecodeError) {
        var found = environments[request.environment] ?? StoreRecovery.Found()
        if sequence >= found.reading.state.sealedBelow {
            // Decoded before any is taken, so that a record counts whole or not at all.
            var batches: [EventBatch] = []
            for encoded in request.batches {
                batches.append(try EventBatch(decoding: encoded.bytes[...]))
            }
            let age = max(0, wall - request.acceptedAt)
            for batch in batches where batch.rows > 0 {
                found.head.append(
                    HeadList.Part(
                        batch: batch, sequences: sequence...sequence, arrivedAt: monotonic - age,
                        logBytesBefore: bytesBefore))
            }
            if found.head.parts.count % 256 == 255 { found.head.mergeAll() }
        }
        environments[request.environment] = found
        if let idempotency = request.idempotency {
            let name = IdempotencyTable.Name(
                environment: request.environment, key: idempotency.key)
            let saved = SavedKey(
                sequence: sequence, acceptedAt: request.acceptedAt, idempotency: idempotency)
            keys.append((name, saved))
        }
    }
}

extension HeadList {
    /// Merges until there is no run left that is worth it.
    mutating func mergeAll() {
        while let run = mergeableRun(.thrifty) {
            let merging = Array(parts[run])
            replace(run, merged: EventBatch(merging: merging.map(\.batch)), of: merging)
        }
    }
}
