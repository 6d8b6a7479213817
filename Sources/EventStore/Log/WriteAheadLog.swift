internal import Bytes
internal import Host

/// The log's files from the writer's side: what is written here and synced is never lost.
///
/// For one thread at a time. A failed write is cut off again and the log goes on in a new file as
/// soon as there is room; a failed sync ends all writing until the next start, for a repeated sync
/// can claim what is not so.
final class WriteAheadLog {
    private let machine: Machine
    private let directory: String
    private let limits: StoreLimits
    private var current: LogFile?
    /// Files that are no longer written, ascending.
    private var finished: [LogRecovery.LiveFile]
    private var nextNumber: UInt64
    /// The recovered file whose records are to be copied before anything is written.
    private var tail: LogRecovery.LiveFile?
    private var obsolete: [String]
    private var mayRemove = true

    /// The sequence of the next record.
    private(set) var nextSequence: UInt64
    /// Every record of a lower sequence is durable.
    private(set) var syncedBelow: UInt64
    /// Why nothing more is written; nil while the log works.
    private(set) var failure: EventStoreError?
    /// Bytes of records since the log was opened.
    private(set) var writtenBytes: UInt64 = 0

    /// Goes on where a recovery without damage ended, no earlier than at `minimumSequence`.
    init(
        _ machine: Machine, directory: String, limits: StoreLimits, recovered: LogRecovery,
        minimumSequence: UInt64
    ) {
        self.machine = machine
        self.directory = directory
        self.limits = limits
        finished = recovered.live
        nextNumber = recovered.highestNumber + 1
        tail = finished.popLast()
        obsolete = recovered.obsolete
        nextSequence = max(recovered.nextSequence, minimumSequence)
        syncedBelow = tail?.firstSequence ?? nextSequence
    }

    /// Ends writing for a reason found elsewhere.
    func stop(_ reason: EventStoreError) { failure = failure ?? reason }

    // MARK: - Write

    /// Writes records without syncing them and answers the first one's sequence.
    ///
    /// Throws with nothing written: `outOfSpace` and `inputOutput` may pass, `readOnly` does not.
    func write(_ payloads: [LogPayload]) throws(EventStoreError) -> UInt64 {
        if let failure { throw failure }
        try copyTail()
        let size = payloads.reduce(0) { $0 + $1.recordBytes }
        if current?.fits(size) != true { try startFile(recordBytes: size) }
        guard var file = current else { preconditionFailure("BUG: a log without a file") }
        do throws(HostError) {
            try file.append(payloads, from: nextSequence, syncedBelow: syncedBelow)
        } catch {
            try cutBack(file, after: error)
        }
        current = file
        let first = nextSequence
        nextSequence += UInt64(payloads.count)
        writtenBytes += UInt64(size)
        return first
    }

    /// Makes everything written durable.
    ///
    /// Throws `readOnly`, and the log is read-only from then on.
    func synchronize() throws(EventStoreError) {
        if let failure { throw failure }
        do throws(HostError) {
            try current?.synchronize()
        } catch {
            throw fail("a sync of the log failed", error)
        }
        syncedBelow = nextSequence
    }

    /// Goes on in a new file, so that every earlier record is in one that is finished.
    ///
    /// Only between two groups. Answers the sequence at which the new file begins.
    func rotate() throws(EventStoreError) -> UInt64 {
        if let failure { throw failure }
        try copyTail()
        if current?.header.firstSequence != nextSequence { try startFile(recordBytes: 0) }
        return nextSequence
    }

    private func startFile(recordBytes: Int) throws(EventStoreError) {
        // The new header vouches for every record before it.
        precondition(
            syncedBelow == nextSequence, "BUG: a log file begun before the last one is safe")
        finishCurrent()
        let size = max(limits.logFileBytes, LogFormat.FileHeader.size + recordBytes)
        try checkReserve(size)
        let number = nextNumber
        let path = path(number)
        let header = LogFormat.FileHeader(
            identity: machine.random.nextUInt64(), firstSequence: nextSequence)
        let file: LogFile
        do throws(HostError) {
            nextNumber += 1
            file = try LogFile(
                machine.files, path: path, number: number, header: header, capacity: size)
        } catch {
            // A file without records counts for nothing; its name may stay if it must.
            try? machine.files.remove(path)
            throw EventStoreError(error)
        }
        do throws(HostError) {
            try file.file.synchronize()
            try machine.files.synchronizeDirectory(directory)
        } catch {
            throw fail("a sync of a new log file failed", error)
        }
        current = file
    }

    private func finishCurrent() {
        guard let file = current else { return }
        finished.append(
            LogRecovery.LiveFile(
                number: file.number, firstSequence: file.header.firstSequence,
                bytes: UInt64(file.end)))
        // Gives unused room back; nothing depends on it.
        try? file.file.truncate(UInt64(file.end))
        file.file.close()
        current = nil
    }

    /// Takes a failed write back, so that no later reader meets what was refused.
    private func cutBack(_ file: LogFile, after error: HostError) throws(EventStoreError) {
        do throws(HostError) {
            try file.file.truncate(UInt64(file.end))
            try file.file.synchronize()
        } catch {
            throw fail("a failed write could not be taken back", error)
        }
        finishCurrent()
        throw EventStoreError(error)
    }

    private func checkReserve(_ size: Int) throws(EventStoreError) {
        let space = try callMachine { () throws(HostError) in
            try machine.files.freeSpace(directory)
        }
        let reserve = min(limits.reserveBytes, space.total / 100 * limits.reservePercent)
        guard space.available >= UInt64(size) + reserve else {
            throw EventStoreError(
                .outOfSpace, "the disk is full but for its reserve: \(space.available) bytes free")
        }
    }

    private func fail(_ message: String, _ cause: HostError) -> EventStoreError {
        let error = EventStoreError(.readOnly, message, cause: cause)
        failure = error
        return error
    }

    private func path(_ number: UInt64) -> String {
        directory + "/" + Filenames.logFile(number)
    }
}

// MARK: - Copying

extension WriteAheadLog {
    /// Copies the records of the last file of the time before into a new one, if that is still to be
    /// done.
    ///
    /// Throws `outOfSpace` when there is no room yet; a later call tries again.
    func copyTail() throws(EventStoreError) {
        guard let old = tail else { return }
        var copy = LogCopy(
            machine, directory: directory, firstNumber: nextNumber,
            firstSequence: old.firstSequence, fileBytes: .max)
        var reader = LogRecovery(machine.files, directory: directory)
        _ = try reader.readFile(old, endsBefore: nil) { record throws(EventStoreError) in
            try copy.add(record)
        }
        try copy.fillGap(upTo: nextSequence)
        try adopt(&copy, insteadOf: [old])
        tail = nil
    }

    /// Copies every record that can be read into new files, with notes in the place of the others.
    func copyAll(_ recovered: LogRecovery) throws(EventStoreError) {
        let old = recovered.live
        let first = old.first?.firstSequence ?? nextSequence
        var copy = LogCopy(
            machine, directory: directory, firstNumber: nextNumber, firstSequence: first,
            fileBytes: limits.logFileBytes)
        var reader = recovered
        for index in old.indices {
            let end = recovered.firstSequence(after: index)
            _ = try reader.readFile(old[index], endsBefore: end) { record throws(EventStoreError) in
                try copy.add(record)
            }
        }
        try copy.fillGap(upTo: nextSequence)
        finished = []
        try adopt(&copy, insteadOf: old)
        tail = nil
    }

    private func adopt(
        _ copy: inout LogCopy, insteadOf old: [LogRecovery.LiveFile]
    ) throws(EventStoreError) {
        let made: [LogRecovery.LiveFile]
        do throws(EventStoreError) {
            made = try copy.finish()
        } catch {
            if error.cause?.operation == .synchronize, let cause = error.cause {
                throw fail("a sync of the log's copy failed", cause)
            }
            throw error
        }
        finished += made
        nextNumber = (made.last?.number ?? nextNumber) + 1
        obsolete += old.map { Filenames.logFile($0.number) }
        syncedBelow = nextSequence
        try? removeObsolete()
    }

    /// Removes what was replaced; what cannot be removed now is tried again before any file goes.
    private func removeObsolete() throws(HostError) {
        guard !obsolete.isEmpty else { return }
        for name in obsolete {
            do throws(HostError) {
                try machine.files.remove(directory + "/" + name)
            } catch {
                if !error.isNotFound { throw error }
            }
        }
        try machine.files.synchronizeDirectory(directory)
        obsolete = []
    }
}

// MARK: - Removing

extension WriteAheadLog {
    /// Bytes of all files that are there.
    var fileBytes: UInt64 {
        finished.reduce(UInt64(current?.capacity ?? 0)) { $0 + $1.bytes } + (tail?.bytes ?? 0)
    }

    /// Of the first record that is in a file.
    var firstSequence: UInt64 {
        finished.first?.firstSequence ?? current?.header.firstSequence ?? nextSequence
    }

    /// Files that are whole and will not be written again, by their paths.
    var finishedFiles: [String] { finished.map { path($0.number) } }

    /// The sequence below which `removeFiles(below: sequence)` would remove records; 0 for none.
    ///
    /// The last file always stays: it alone tells the next start which sequence comes next.
    func removableBelow(_ sequence: UInt64) -> UInt64 {
        guard mayRemove, failure == nil, let first = finished.first else { return 0 }
        let last = current?.header.firstSequence ?? tail?.firstSequence
        let ends = finished.dropFirst().map(\.firstSequence) + (last.map { [$0] } ?? [])
        let end = ends.last { $0 <= sequence } ?? 0
        return first.firstSequence < end ? end : 0
    }

    /// Removes the files all of whose records have a lower sequence, from the oldest on.
    func removeFiles(below sequence: UInt64) throws(EventStoreError) {
        let end = removableBelow(sequence)
        // A replaced file that outlives the one in its place would count again.
        try callMachine { () throws(HostError) in try removeObsolete() }
        while let file = finished.first, file.firstSequence < end {
            do throws(HostError) {
                try machine.files.remove(path(file.number))
                // One by one: after a crash what is left must be a run without a gap.
                try machine.files.synchronizeDirectory(directory)
            } catch {
                mayRemove = false
                throw EventStoreError(error)
            }
            finished.removeFirst()
        }
    }

    /// Leaves an empty log: one file without records that tells the next sequence.
    ///
    /// Only when every record is in a segment.
    func closeEmpty() throws(EventStoreError) {
        if let failure { throw failure }
        try copyTail()
        finishCurrent()
        var copy = LogCopy(
            machine, directory: directory, firstNumber: nextNumber, firstSequence: nextSequence,
            fileBytes: .max)
        let old = finished
        finished = []
        let made: [LogRecovery.LiveFile] = try copy.finish()
        finished = old + made
        try removeFiles(below: nextSequence)
    }
}
