internal import Bytes
internal import Host

/// An environment's list of segments, kept as a file of edits; a segment exists when it says so.
///
/// The file is framed as a log file is. Its first record is the whole state, each later one an edit,
/// synced before the next is written: so a bad record with a good one behind it is damage, a bad last
/// one was never promised. The first record was synced before the file got its name and is never torn.
/// For one thread at a time.
final class Manifest {
    private let machine: Machine
    private let directory: String
    private let limits: StoreLimits
    private var file: LogFile?
    private var nextEdit: UInt64
    /// Bytes of the file when it was written anew.
    private var snapshotBytes = 0

    private(set) var state: ManifestState
    /// Why nothing more is written; nil while the manifest works.
    private(set) var failure: EventStoreError?

    /// What a manifest's file holds.
    struct Reading {
        var state = ManifestState()
        var nextEdit: UInt64 = 1
        var damage: [Finding] = []
        var exists = false
    }

    /// Reads the manifest of an environment's directory without changing anything.
    static func read(
        _ files: any FileSystem, directory: String, shownAs shown: String
    ) throws(EventStoreError) -> Reading {
        let path = directory + "/" + Filenames.manifest
        let bytes = try callMachine { () throws(HostError) -> [UInt8]? in
            if try files.status(path) == nil { return nil }
            return try files.readFile(path, limit: FormatLimits.manifestBytes)
        }
        var reading = Reading()
        guard let bytes else { return reading }
        reading.exists = true
        func report(_ message: String, _ offset: Int) {
            let location = FileLocation(path: shown + "/" + Filenames.manifest, offset: offset)
            reading.damage.append(Finding(message, at: location))
        }
        let scan: LogScan
        do throws(DecodeError) {
            scan = try LogScan(bytes, holdsRequests: false)
        } catch {
            report(error.message, error.offset)
            return reading
        }
        if let fault = scan.headerFault { report(fault.message, fault.offset) }
        if scan.entries.isEmpty { report("the state is damaged", scan.end) }
        if scan.vouchedBelow > scan.nextSequence {
            report("edit \(scan.nextSequence) is damaged, later ones vouch for it", scan.end)
        }
        for entry in scan.entries {
            do throws(DecodeError) {
                let edit = try ManifestEdit(decoding: bytes[entry.payload])
                if let fault = reading.state.apply(edit) { report(fault, entry.offset) }
            } catch {
                report(error.message, entry.payload.lowerBound + error.offset)
            }
        }
        reading.nextEdit = scan.nextSequence
        return reading
    }

    /// Goes on from what was read, in a new file.
    init(
        _ machine: Machine, directory: String, limits: StoreLimits, from reading: Reading
    ) throws(EventStoreError) {
        self.machine = machine
        self.directory = directory
        self.limits = limits
        state = reading.state
        nextEdit = reading.nextEdit
        try rewrite()
    }

    /// Ends writing for a reason found elsewhere.
    func stop(_ reason: EventStoreError) { failure = failure ?? reason }

    func close() {
        file?.file.close()
        file = nil
    }

    // MARK: - Write

    /// Makes one step durable, then takes it into `state`.
    ///
    /// Throws with nothing changed: `outOfSpace` and `inputOutput` may pass, `readOnly` does not.
    func append(_ edit: ManifestEdit) throws(EventStoreError) {
        if let failure { throw failure }
        var next = state
        if let fault = next.apply(edit) { preconditionFailure("BUG: \(fault)") }
        if file.map({ $0.end > limits.manifestBytes && $0.end > 2 * snapshotBytes }) ?? true {
            try rewrite()
        }
        guard var open = file else { preconditionFailure("BUG: a manifest without a file") }
        let end = open.end
        do throws(HostError) {
            try open.append([LogPayload(edit.encoded())], from: nextEdit, syncedBelow: nextEdit)
        } catch {
            try cutBack(open, to: end)
            throw EventStoreError(error)
        }
        do throws(HostError) {
            try open.file.synchronize()
        } catch {
            throw fail("a sync of the manifest failed", error)
        }
        file = open
        nextEdit += 1
        state = next
    }

    /// Forgets keys nobody remembers any more; the file follows when it is next written anew.
    func keepKeys(_ sequences: Set<UInt64>) { state.keepKeys(sequences) }

    /// Writes the file anew, so that it holds the state and none of the edits that led there.
    func forgetPast() throws(EventStoreError) {
        if let failure { throw failure }
        try rewrite()
    }

    private func cutBack(_ open: LogFile, to end: Int) throws(EventStoreError) {
        do throws(HostError) {
            try open.file.truncate(UInt64(end))
            try open.file.synchronize()
        } catch {
            throw fail("a failed write of the manifest could not be taken back", error)
        }
    }

    /// Puts a file with the whole state in the place of the old one.
    private func rewrite() throws(EventStoreError) {
        let path = directory + "/" + Filenames.manifest
        let temporary = path + Filenames.temporarySuffix
        let header = LogFormat.FileHeader(
            identity: machine.random.nextUInt64(), firstSequence: nextEdit)
        var new: LogFile
        do throws(HostError) {
            if try machine.files.status(temporary) != nil { try machine.files.remove(temporary) }
            new = try LogFile(
                machine.files, path: temporary, number: 0, header: header, capacity: nil)
            let payload = LogPayload(state.asEdit.encoded())
            try new.append([payload], from: nextEdit, syncedBelow: nextEdit)
            try new.file.synchronize()
        } catch {
            // The old file stays as it was.
            throw EventStoreError(error)
        }
        do throws(HostError) {
            try machine.files.rename(temporary, to: path)
            try machine.files.synchronizeDirectory(directory)
        } catch {
            throw fail("the manifest could not be put in place", error)
        }
        file?.file.close()
        file = new
        nextEdit += 1
        snapshotBytes = new.end
    }

    private func fail(_ message: String, _ cause: HostError) -> EventStoreError {
        let error = EventStoreError(.readOnly, message, cause: cause)
        failure = error
        return error
    }
}
