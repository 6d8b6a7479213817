public import Host

extension EventStore {
    /// Reads every byte of a stopped store, checks every checksum and what must be true, and says
    /// what is wrong.
    ///
    /// Nothing is written. Throws `inUse` when a process has the directory open, `inputOutput` when it
    /// cannot be read. `progress` is told each file before it is read.
    public static func verify(
        _ directory: String, machine: Machine = .real, progress: (String) -> Void = { _ in }
    ) throws(EventStoreError) -> [Finding] {
        var options = Options()
        options.mode = .readOnly
        options.cacheBytes = 0
        progress(Filenames.log)
        let store = try open(directory, machine: machine, options: options)
        var findings = store.findings
        for environment in store.context.allEnvironments {
            let shown =
                Filenames.environments + "/" + Filenames.directory(ofEnvironment: environment.name)
            let segments = environment.state.segments.values.sorted { $0.fileName < $1.fileName }
            for entry in segments {
                let path = shown + "/" + entry.fileName
                progress(path)
                findings += environment.verify(entry, shownAs: path)
            }
        }
        try store.close()
        return findings
    }
}

extension Environment {
    /// Checks one segment's file against itself and against what the manifest says of it.
    fileprivate func verify(_ entry: SegmentEntry, shownAs path: String) -> [Finding] {
        func finding(_ message: String, _ offset: Int = 0) -> [Finding] {
            [Finding(message, at: FileLocation(path: path, offset: offset))]
        }
        do {
            guard let segment = try openSegment(entry.fileName) else { return [] }
            try segment.verify()
            let runs = segment.runs.map { run in
                StoredDataset(
                    name: run.dataset, rows: run.rows, timeBounds: run.earliest...run.latest)
            }
            let known = entry.datasets.map { run in
                StoredDataset(name: run.name, rows: run.rows, timeBounds: run.timeBounds)
            }
            if runs != known { return finding("the manifest knows other runs") }
            return []
        } catch let error as SegmentError {
            return finding(error.message, error.offset)
        } catch {
            return finding("\(error)")
        }
    }
}
