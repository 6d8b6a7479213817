internal import Bytes
internal import Host

/// Reads the log of a store that was closed, killed or cut off.
///
/// A bad record that a later record or file vouches for is damage. Any other bad record is the torn
/// tail: what was being written when the machine stopped, which nobody had an answer for.
struct LogRecovery {
    /// What is done about damage.
    enum Policy: Sendable {
        /// Give what can be read, report the rest, take nothing new.
        case report
        /// Put a note in the place of what cannot be read and go on; only by explicit command.
        case skip
    }

    private let files: any FileSystem
    private let directory: String

    /// Log files that count, ascending; records begin in the first.
    private(set) var live: [LiveFile] = []
    /// Files that count no more: replaced by a later one, or never finished.
    private(set) var obsolete: [String] = []
    private(set) var damage: [Finding] = []
    /// The number of the highest file, whether it counts or not.
    private(set) var highestNumber: UInt64 = 0
    /// The sequence of the next record.
    private(set) var nextSequence: UInt64 = 1

    struct LiveFile: Hashable, Sendable {
        let number: UInt64
        let firstSequence: UInt64
        let bytes: UInt64
    }

    /// A record that was read, and where it lies.
    struct Record {
        let sequence: UInt64
        let payload: ArraySlice<UInt8>
        let location: FileLocation
    }

    init(_ files: any FileSystem, directory: String) {
        self.files = files
        self.directory = directory
    }

    /// Reads all records in their order, one file in memory at a time.
    ///
    /// `body` sees each record once; what it throws ends the reading.
    mutating func read(
        _ body: (Record) throws(EventStoreError) -> Void
    ) throws(EventStoreError) {
        live = try findFiles()
        for index in live.indices {
            nextSequence = try readFile(live[index], endsBefore: firstSequence(after: index), body)
        }
    }

    /// Where the records of the file at `index` must end, as the file after it says.
    func firstSequence(after index: Int) -> UInt64? {
        index + 1 < live.count ? live[index + 1].firstSequence : nil
    }

    func path(_ number: UInt64) -> String { directory + "/" + Filenames.logFile(number) }

    // MARK: - Which files count

    /// The files that count, ascending; a file that starts no later than an earlier one replaces it.
    private mutating func findFiles() throws(EventStoreError) -> [LiveFile] {
        var found: [LiveFile] = []
        for name in try callMachine({ () throws(HostError) in try files.list(directory) }) {
            if name.hasSuffix(Filenames.temporarySuffix) {
                obsolete.append(name)
                continue
            }
            guard let number = Filenames.logNumber(name) else { continue }
            highestNumber = max(highestNumber, number)
            if let file = try examine(number) { found.append(file) }
        }
        found.sort { $0.number < $1.number }
        var counting: [LiveFile] = []
        for file in found.reversed() {
            if let next = counting.last, next.firstSequence <= file.firstSequence {
                obsolete.append(Filenames.logFile(file.number))
            } else {
                counting.append(file)
            }
        }
        return counting.reversed()
    }

    /// Finds where a file's records begin; nil when the file never came to hold one.
    private mutating func examine(_ number: UInt64) throws(EventStoreError) -> LiveFile? {
        let path = path(number)
        let (head, size) = try callMachine { () throws(HostError) in
            let file = try files.open(path, .read)
            defer { file.close() }
            return (try file.read(LogFormat.FileHeader.size, at: 0), try file.size())
        }
        if let header = try? LogFormat.FileHeader(decoding: head[...]) {
            return LiveFile(number: number, firstSequence: header.firstSequence, bytes: size)
        }
        let bytes = try load(number)
        do throws(DecodeError) {
            let scan = try LogScan(bytes)
            let first = scan.header.firstSequence
            return LiveFile(number: number, firstSequence: first, bytes: size)
        } catch {
            if LogScan.holdsRecords(bytes) {
                report("the file's records are out of reach: \(error)", number, error.offset)
            } else {
                obsolete.append(Filenames.logFile(number))
            }
            return nil
        }
    }

    // MARK: - Records of one file

    /// Reads one file and answers the sequence after its last record.
    mutating func readFile(
        _ file: LiveFile, endsBefore limit: UInt64?,
        _ body: (Record) throws(EventStoreError) -> Void
    ) throws(EventStoreError) -> UInt64 {
        let bytes = try load(file.number)
        let scan: LogScan
        do throws(DecodeError) {
            scan = try LogScan(bytes)
        } catch {
            report(error.message, file.number, error.offset)
            return limit ?? file.firstSequence
        }
        if let fault = scan.headerFault { report(fault.message, file.number, fault.offset) }
        var entries = scan.entries
        var next = scan.nextSequence
        if let limit, next > limit {
            // Cut back after a failed write: what the next file starts with was refused here.
            entries.removeAll { $0.sequence >= limit }
            next = limit
        }
        if scan.vouchedBelow > next || next < limit ?? 0 {
            report("record \(next) is damaged, later ones vouch for it", file.number, scan.end)
            entries += scan.strays.filter { $0.sequence < limit ?? .max }
            next = limit ?? entries.last.map { max(next, $0.sequence + 1) } ?? next
        }
        for entry in entries {
            try body(
                Record(
                    sequence: entry.sequence, payload: bytes[entry.payload],
                    location: location(file.number, entry.offset)))
        }
        return next
    }

    private func load(_ number: UInt64) throws(EventStoreError) -> [UInt8] {
        let path = path(number)
        return try callMachine { () throws(HostError) in
            try files.readFile(path, limit: FormatLimits.logFileBytes)
        }
    }

    private func location(_ number: UInt64, _ offset: Int) -> FileLocation {
        FileLocation(path: Filenames.log + "/" + Filenames.logFile(number), offset: offset)
    }

    private mutating func report(_ message: String, _ number: UInt64, _ offset: Int) {
        damage.append(Finding(message, at: location(number, offset)))
    }
}

/// Calls the machine and takes its failure as the store's.
func callMachine<Result>(
    _ body: () throws(HostError) -> Result
) throws(EventStoreError) -> Result {
    do throws(HostError) {
        return try body()
    } catch {
        throw EventStoreError(error)
    }
}
