public import Host

/// What a backup is made of.
public struct BackupSummary: Hashable, Sendable {
    /// Files that are linked, and their bytes: they take no room of their own.
    public internal(set) var linkedFiles = 0
    public internal(set) var linkedBytes: UInt64 = 0
    public internal(set) var environments = 0
}

extension EventStore {
    /// Makes a directory that `open` opens, of all that was acknowledged before, while the store runs.
    ///
    /// Segments and finished log files never change, so they are linked and cost no room; manifests are
    /// copied. Maintenance waits meanwhile, appends do not. Until all is durable the directory says that
    /// it is not finished, and `open` refuses it.
    ///
    /// - Parameters:
    ///   - directory: on the device of the store's; it must not exist, its parent must.
    ///   - others: adds files of others to the directory, given its path and a way to link.
    /// - Throws: `inputOutput` when it exists or is on another device; what `others` throws.
    @discardableResult
    public func backUp(
        to directory: String,
        with others: @escaping @Sendable (BackupFolder) throws(HostError) -> Void = { _ in }
    ) throws(EventStoreError) -> BackupSummary {
        try maintaining { maintenance throws(EventStoreError) in
            try maintenance.backUp(to: directory, with: others)
        }
    }
}

/// A directory in which a backup is made.
public struct BackupFolder: Sendable {
    /// The directory that is backed up, and the one it is backed up to.
    public let source: String
    public let target: String
    public let files: any FileSystem

    /// Adds every file that is not the event store's own: those of some folders as links, for they never
    /// change, all others as copies.
    ///
    /// Files that are not finished are passed over, and those that go meanwhile.
    public func addOthers(linking linked: Set<String>) throws(HostError) {
        let own: Set = [Filenames.lock, Filenames.log, Filenames.environments]
        for name in try files.list(source) where !own.contains(name) {
            try add(name, copying: !linked.contains(name))
        }
    }

    private func add(_ path: String, copying: Bool) throws(HostError) {
        let unfinished = [Filenames.temporarySuffix, ".new"]
        guard let status = try files.status(source + "/" + path),
            !unfinished.contains(where: { path.hasSuffix($0) })
        else { return }
        guard status.isDirectory else { return try add(file: path, copying: copying) }
        try files.createDirectory(target + "/" + path)
        for name in try files.list(source + "/" + path) {
            try add(path + "/" + name, copying: copying)
        }
        try files.synchronizeDirectory(target + "/" + path)
    }

    /// Links or copies one file; its name needs a sync of its directory.
    fileprivate func add(file path: String, copying: Bool) throws(HostError) {
        do throws(HostError) {
            if copying {
                try copy(path)
            } else {
                try files.link(source + "/" + path, to: target + "/" + path)
            }
        } catch {
            if !error.isNotFound { throw error }
        }
    }

    private func copy(_ path: String) throws(HostError) {
        let old = try files.open(source + "/" + path, .read)
        defer { old.close() }
        let new = try files.open(target + "/" + path, .create)
        defer { new.close() }
        let size = try old.size()
        var offset: UInt64 = 0
        while offset < size {
            let bytes = try old.read(min(1 << 20, Int(size - offset)), at: offset)
            if bytes.isEmpty { break }
            try new.write(bytes, at: offset)
            offset += UInt64(bytes.count)
        }
        try new.synchronize()
    }
}

extension Maintenance {
    fileprivate func backUp(
        to directory: String, with others: (BackupFolder) throws(HostError) -> Void
    ) throws(EventStoreError) -> BackupSummary {
        guard let committer else {
            throw context.refusal ?? EventStoreError(.readOnly, "the store is open to read")
        }
        let folder = BackupFolder(
            source: context.root, target: directory, files: context.machine.files)
        try callMachine { () throws(HostError) in try folder.begin() }
        // What is acknowledged is synced when the writer is between two groups; nothing removes a
        // finished file while this thread is busy.
        let logs = try committer.perform { log in
            Result { () throws(EventStoreError) in
                _ = try log.rotate()
                return log.finishedFiles
            }
        }.get()
        var summary = BackupSummary()
        do throws(HostError) {
            for path in logs {
                let name = String(path.dropFirst(context.logDirectory.utf8.count + 1))
                try folder.link(Filenames.log + "/" + name, &summary)
            }
            try folder.files.synchronizeDirectory(directory + "/" + Filenames.log)
            for environment in context.allEnvironments where environment.hasManifest {
                try folder.add(environment, &summary)
                summary.environments += 1
            }
            try folder.files.synchronizeDirectory(directory + "/" + Filenames.environments)
            try others(folder)
            try folder.finish()
        } catch {
            throw EventStoreError(error)
        }
        return summary
    }
}

extension BackupFolder {
    /// Makes the directory and what says that it is not finished.
    fileprivate func begin() throws(HostError) {
        if try files.status(target) != nil {
            throw HostError(.createDirectory, target, code: HostError.existsCode)
        }
        try files.createDirectory(target)
        try files.writeNewFile(target + "/" + Filenames.unfinishedBackup, [])
        for name in [Filenames.log, Filenames.environments] {
            try files.createDirectory(target + "/" + name)
        }
        try files.synchronizeDirectory(target)
    }

    fileprivate func finish() throws(HostError) {
        // In this order: the mark may go only when all names are durable.
        try files.synchronizeDirectory(target)
        try files.remove(target + "/" + Filenames.unfinishedBackup)
        try files.synchronizeDirectory(target)
        let parent = target.lastIndex(of: "/").map { String(target[..<$0]) } ?? "."
        try files.synchronizeDirectory(parent.isEmpty ? "/" : parent)
    }

    fileprivate func link(_ path: String, _ summary: inout BackupSummary) throws(HostError) {
        try add(file: path, copying: false)
        summary.linkedFiles += 1
        summary.linkedBytes += try files.status(source + "/" + path)?.size ?? 0
    }

    fileprivate func add(
        _ environment: Environment, _ summary: inout BackupSummary
    ) throws(HostError) {
        let own =
            Filenames.environments + "/" + Filenames.directory(ofEnvironment: environment.name)
        try files.createDirectory(target + "/" + own)
        for name in environment.state.segments.keys.sorted() {
            try link(own + "/" + name, &summary)
        }
        try add(file: own + "/" + Filenames.manifest, copying: true)
        try files.synchronizeDirectory(target + "/" + own)
    }
}
