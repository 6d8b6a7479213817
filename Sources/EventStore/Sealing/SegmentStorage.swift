internal import Events
internal import Host

/// Writes segment files of one environment: whole and synced before they have a name.
struct SegmentStorage {
    let machine: Machine
    let directory: String

    /// Writes one file and answers its entry; its name is durable after `synchronizeDirectory`.
    ///
    /// After an error nothing is left that counts: a file without an edit goes at the next start.
    func write(
        _ part: SegmentPlan.Part, number: UInt64
    ) throws(EventStoreError) -> SegmentEntry {
        let name = Filenames.segmentFile(number)
        let path = directory + "/" + name
        let temporary = path + Filenames.temporarySuffix
        do {
            if try machine.files.status(temporary) != nil { try machine.files.remove(temporary) }
            let file = try machine.files.open(temporary, .create)
            defer { file.close() }
            let position = Position()
            let summary = try SegmentWriter.write(part.sources) { bytes in
                try file.write(bytes, at: position.offset)
                position.offset += UInt64(bytes.count)
            }
            try file.synchronize()
            try machine.files.rename(temporary, to: path)
            let youngest = try SegmentPlan.youngest(part.sources)
            return SegmentEntry(
                fileName: name, rows: summary.rows, bytes: UInt64(summary.byteCount), day: part.day,
                datasets: summary.runs.map { run in
                    DatasetEntry(
                        name: run.dataset, rows: run.rows, timeBounds: run.earliest...run.latest,
                        youngest: youngest[run.dataset] ?? run.latest)
                })
        } catch {
            try? machine.files.remove(temporary)
            throw EventStoreError(wrapping: error)
        }
    }

    func synchronizeDirectory() throws(EventStoreError) {
        try callMachine { () throws(HostError) in
            try machine.files.synchronizeDirectory(directory)
        }
    }

    /// Where the next chunk goes.
    private final class Position {
        var offset: UInt64 = 0
    }
}

extension EventStoreError {
    /// Takes whatever reading or writing a segment threw.
    init(wrapping error: any Error) {
        switch error {
        case let error as EventStoreError: self = error
        case let error as HostError: self.init(error)
        default: self.init(.damaged, "\(error)")
        }
    }
}
