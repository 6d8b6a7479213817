public import Host

extension EventStore {
    /// Opens a directory, making it if need be, and takes back what the log holds.
    ///
    /// Throws `inUse` when another process has it open, `inputOutput` when it cannot be read. Damage
    /// throws nothing: see `findings` and `Mode`.
    public static func open(
        _ directory: String, machine: Machine = .real, options: Options = Options()
    ) throws(EventStoreError) -> EventStore {
        let context = StoreContext(
            machine, root: directory, limits: options.limits, cacheBytes: options.cacheBytes,
            witness: options.witness, notice: options.notice)
        let isUnfinished = try callMachine { () throws(HostError) in
            try machine.files.status(directory + "/" + Filenames.unfinishedBackup) != nil
        }
        if isUnfinished {
            throw EventStoreError(.damaged, "the directory is a backup that was not finished")
        }
        if options.mode == .readOnly { return try openToRead(context) }
        try makeDirectories(context)
        let lock = try takeLock(context)
        let recovery = try StoreRecovery(context)
        restore(recovery, into: context)
        let committer = try startLog(recovery, context, options)
        if committer != nil {
            tidy(recovery, context)
            settle(context)
        }
        return try EventStore(
            context, mode: options.mode, committer: committer, findings: recovery.findings,
            lock: lock, hasThreads: options.hasThreads)
    }

    private static func openToRead(
        _ context: StoreContext
    ) throws(EventStoreError) -> EventStore {
        let path = context.root + "/" + Filenames.lock
        let exists = try callMachine { () throws(HostError) in
            try context.machine.files.status(path) != nil
        }
        let lock = exists ? try takeLock(context) : nil
        let recovery = try StoreRecovery(context)
        restore(recovery, into: context)
        return try EventStore(
            context, mode: .readOnly, committer: nil, findings: recovery.findings, lock: lock,
            hasThreads: false)
    }

    private static func makeDirectories(_ context: StoreContext) throws(EventStoreError) {
        let files = context.machine.files
        try callMachine { () throws(HostError) in
            let isNew = try files.status(context.root) == nil
            if isNew { try files.createDirectory(context.root) }
            do throws(HostError) {
                // Every time: whoever made the directory may have been killed before this.
                try files.synchronizeDirectory(parent(of: context.root))
            } catch {
                // The parent of a directory that was prepared for us need not be ours to open.
                if isNew || !error.isForbidden { throw error }
            }
            try files.createDirectory(context.logDirectory)
            try files.createDirectory(context.environmentsDirectory)
            try files.synchronizeDirectory(context.root)
        }
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func takeLock(
        _ context: StoreContext
    ) throws(EventStoreError) -> any FileLock {
        do throws(HostError) {
            return try context.machine.files.lock(context.root + "/" + Filenames.lock)
        } catch {
            guard error.isHeldByAnother else { throw EventStoreError(error) }
            throw EventStoreError(.inUse, "another process has the directory open", cause: error)
        }
    }

    /// Puts what was found into the environments and the table of keys.
    private static func restore(_ recovery: StoreRecovery, into context: StoreContext) {
        for (name, found) in recovery.environments {
            let environment = Environment(
                name, in: context, reading: found.reading, highestFile: found.highestFile)
            var head = found.head
            head.mergeAll()
            environment.append(head.parts)
            context.insert(environment)
        }
        let clock = context.machine.clock
        let (wall, monotonic) = (clock.wallNanoseconds(), clock.monotonicNanoseconds())
        for (name, saved) in recovery.keys {
            context.withKeys {
                $0.restore(name, saved, age: wall - saved.acceptedAt, now: monotonic)
            }
        }
        // Keys from before the log's first record can only have come from manifests.
        let first = recovery.log.live.first?.firstSequence ?? recovery.minimumSequence
        context.withKeys { $0.markSaved(below: first) }
    }

    /// The log's writer; nil when damage forbids writing.
    private static func startLog(
        _ recovery: StoreRecovery, _ context: StoreContext, _ options: Options
    ) throws(EventStoreError) -> Committer? {
        let log = WriteAheadLog(
            context.machine, directory: context.logDirectory, limits: context.limits,
            recovered: recovery.log, minimumSequence: recovery.minimumSequence)
        if recovery.findings.isEmpty {
            do throws(EventStoreError) {
                try log.copyTail()
            } catch {
                guard error.isTemporary else { throw error }
                context.notice("the log is not copied yet: \(error)")
            }
        } else if options.mode == .serveSkippingDamage {
            for finding in recovery.findings { context.notice("skipped: \(finding)") }
            try log.copyAll(recovery.log)
        } else {
            for finding in recovery.findings { context.notice("damaged: \(finding)") }
            context.refuse(
                EventStoreError(
                    .readOnly, "the store is damaged", at: recovery.findings.first?.location))
            return nil
        }
        return Committer(log, context, hasThread: options.hasThreads)
    }

    /// Lets a witness of retention finish what a crash left; only of manifests that are durable.
    private static func settle(_ context: StoreContext) {
        guard let witness = context.witness else { return }
        for environment in context.allEnvironments where environment.manifest != nil {
            environment.settle(witness)
        }
    }

    /// Writes the manifests anew and removes files that no edit names.
    ///
    /// In this order: what a process reads after a failed sync may not be on the disk, so nothing goes
    /// before the state that does not need it is durable.
    private static func tidy(_ recovery: StoreRecovery, _ context: StoreContext) {
        for (name, found) in recovery.environments where found.reading.exists {
            guard let environment = context.environment(name) else { continue }
            do throws(EventStoreError) {
                _ = try environment.openManifest()
            } catch {
                context.notice("environment \(name): \(error)")
                continue
            }
            for file in found.strays {
                try? context.machine.files.remove(environment.directory + "/" + file)
            }
        }
    }
}
