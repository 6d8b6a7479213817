public import Host
import Synchronization

/// A disk in memory that forgets what was not synced, as real ones do.
///
/// What it does, and why a store can live with it:
/// - *Crash*: of each write since the file's last sync, each 512-byte sector arrives or does not, on
///   its own; of each name created, renamed or removed since the directory's last sync likewise.
///   Survivable: what was answered had been synced before.
/// - *Failed sync*: the unsynced sectors are marked clean and will never arrive, reads go on showing
///   them, and the next sync succeeds. Survivable: a failed sync is never retried.
/// - *Full disk*: a write or an allocation beyond `capacity` fails, a write perhaps after its first
///   bytes. Survivable: nothing half written is answered.
/// - *Failing calls*: the nth call fails with an error of choice. Survivable: it is reported.
/// - *Short reads and writes*: any call may move fewer bytes. Survivable: callers repeat.
/// - *Slowness*: a sync of a file returns only when it is allowed to. Survivable: what waits is bounded,
///   and what is not taken is told so.
/// - *Bit rot*: a bit changes on disk. Survivable: everything has a checksum.
public final class SimulatedDisk: FileSystem {
    let state: Mutex<State>
    private let gate = Monitor(SyncGate())

    /// An empty disk; `seed` decides what crashes and short calls do.
    public init(seed: UInt64, capacity: Int = .max) {
        state = Mutex(State(random: SeededRandom(seed: seed), capacity: capacity))
    }

    public func open(_ path: String, _ mode: OpenMode) throws(HostError) -> any File {
        try perform(.open, path) { state throws(HostError) in
            let found = state.names[path]
            switch (mode, found) {
            case (.create, nil):
                try state.requireParent(of: path, .open)
                let inode = state.addInode()
                state.setName(path, .file(inode))
                return SimulatedFile(disk: self, path: path, inode: inode, life: state.life)
            case (.create, _):
                throw HostError(.open, path, code: HostError.existsCode)
            case (_, .file(let inode)):
                return SimulatedFile(disk: self, path: path, inode: inode, life: state.life)
            default:
                throw HostError(.open, path, code: HostError.notFoundCode)
            }
        }
    }

    public func rename(_ path: String, to newPath: String) throws(HostError) {
        try perform(.rename, path) { state throws(HostError) in
            guard let entry = state.names[path] else {
                throw HostError(.rename, path, code: HostError.notFoundCode)
            }
            try state.requireParent(of: newPath, .rename)
            state.names[path] = nil
            state.names[newPath] = entry
            state.pendingNames.append(
                NameChange(directory: parent(of: newPath), sets: [(path, nil), (newPath, entry)]))
        }
    }

    public func link(_ path: String, to newPath: String) throws(HostError) {
        try perform(.link, path) { state throws(HostError) in
            guard let entry = state.names[path], entry != .directory else {
                throw HostError(.link, path, code: HostError.notFoundCode)
            }
            guard state.names[newPath] == nil else {
                throw HostError(.link, newPath, code: HostError.existsCode)
            }
            try state.requireParent(of: newPath, .link)
            state.setName(newPath, entry)
        }
    }

    public func remove(_ path: String) throws(HostError) {
        try perform(.remove, path) { state throws(HostError) in
            guard state.names[path] != nil else {
                throw HostError(.remove, path, code: HostError.notFoundCode)
            }
            state.setName(path, nil)
        }
    }

    public func createDirectory(_ path: String) throws(HostError) {
        try perform(.createDirectory, path) { state throws(HostError) in
            if case .directory = state.names[path] { return }
            try state.requireParent(of: path, .createDirectory)
            state.setName(path, .directory)
        }
    }

    public func list(_ directory: String) throws(HostError) -> [String] {
        try perform(.list, directory) { state throws(HostError) in
            guard directory == "" || state.names[directory] == .directory else {
                throw HostError(.list, directory, code: HostError.notFoundCode)
            }
            let names = state.names.keys.filter { parent(of: $0) == directory }
            let own = names.map {
                String($0.dropFirst(directory.isEmpty ? 0 : directory.count + 1))
            }
            return own.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
    }

    public func synchronizeDirectory(_ path: String) throws(HostError) {
        try perform(.synchronize, path) { state throws(HostError) in
            if state.ignoresSyncs { return }
            let directory = path == "." ? "" : path
            for change in state.pendingNames where change.directory == directory {
                state.makeDurable(change)
            }
            state.pendingNames.removeAll { $0.directory == directory }
        }
    }

    public func status(_ path: String) throws(HostError) -> FileStatus? {
        try perform(.status, path) { state throws(HostError) in
            switch state.names[path] {
            case .file(let inode):
                FileStatus(size: UInt64(state.inodes[inode].cached.count), isDirectory: false)
            case .directory: FileStatus(size: 0, isDirectory: true)
            case nil: nil
            }
        }
    }

    public func freeSpace(_ path: String) throws(HostError) -> FreeSpace {
        try perform(.freeSpace, path) { state throws(HostError) in
            FreeSpace(
                available: UInt64(max(0, state.capacity - state.usedBytes)),
                total: UInt64(state.capacity))
        }
    }

    public func lock(_ path: String) throws(HostError) -> any FileLock {
        try perform(.lock, path) { state throws(HostError) in
            guard state.locks.insert(path).inserted else {
                throw HostError(.lock, path, code: HostError.heldByAnotherCode)
            }
            if state.names[path] == nil { state.setName(path, .file(state.addInode())) }
            return SimulatedLock(disk: self, path: path, life: state.life)
        }
    }

    func perform<Result>(
        _ operation: HostError.Operation, _ path: String, at offset: UInt64? = nil,
        life: Int? = nil,
        _ body: (inout State) throws(HostError) -> Result
    ) throws(HostError) -> Result {
        let result = state.withLock { state -> Swift.Result<Result, HostError> in
            do throws(HostError) {
                try state.begin(operation, path, at: offset, life: life)
                return .success(try body(&state))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}

/// Whether syncs of files may go on, and how many wait.
private struct SyncGate: Sendable {
    var isClosed = false
    var waiting = 0
}

// MARK: - Faults

extension SimulatedDisk {
    /// Calls made since the disk was made; the next call has this number.
    public var callCount: Int { state.withLock { $0.calls } }

    /// Lets the call of this number fail with an error code; nothing is done by it.
    public func failCall(_ number: Int, code: Int32 = HostError.deviceFailureCode) {
        state.withLock { $0.failures[number] = code }
    }

    /// Lets the machine stop at the call of this number: it and all later calls fail until `restart`.
    public func crash(atCall number: Int?) { state.withLock { $0.crashCall = number } }

    /// Whether the machine has stopped.
    public var hasCrashed: Bool { state.withLock { $0.hasCrashed } }

    /// Lets the file sync of this number, counted from now, fail and lose its sectors.
    public func failSync(after count: Int) { state.withLock { $0.syncsUntilFailure = count } }

    /// Makes every sync succeed without doing anything: the bug a harness must be able to see.
    public func ignoreSyncs() { state.withLock { $0.ignoresSyncs = true } }

    /// Lets syncs of files wait from now on, until `releaseSyncs`.
    public func holdSyncs() { gate.update { $0.isClosed = true } }

    /// Lets all syncs that wait go on, and later ones not wait.
    public func releaseSyncs() { gate.update { $0.isClosed = false } }

    /// Returns once a sync waits.
    public func awaitHeldSync() { gate.wait { $0.waiting > 0 ? () : nil } }

    func passGate() {
        gate.update { $0.waiting += 1 }
        gate.wait { $0.isClosed ? nil : () }
        gate.update { $0.waiting -= 1 }
    }

    /// Bytes the disk holds at most, from now on.
    public func setCapacity(_ bytes: Int) { state.withLock { $0.capacity = bytes } }

    /// Lets reads and writes move fewer bytes than asked for, now and then.
    public func shortenCalls() { state.withLock { $0.shortensCalls = true } }

    /// Stops the machine and starts it again: the durable state and a part of the rest come back.
    ///
    /// Handles and locks from before are dead.
    public func powerCut() { state.withLock { $0.powerCut() } }

    /// Ends the process alone: everything written stays, handles and locks are dead.
    public func kill() { state.withLock { $0.endLife() } }

    /// Changes one bit of a file, on disk and in memory.
    public func flipBit(_ bit: Int, ofByte offset: Int, in path: String) {
        state.withLock { state in
            guard case .file(let inode) = state.names[path] else { return }
            state.inodes[inode].cached[offset] ^= 1 << UInt8(bit)
            if offset < state.inodes[inode].durable.count {
                state.inodes[inode].durable[offset] ^= 1 << UInt8(bit)
            }
        }
    }

    /// The bytes a reader sees; nil when there is no such file.
    public func contents(of path: String) -> [UInt8]? {
        state.withLock { state in
            guard case .file(let inode) = state.names[path] else { return nil }
            return state.inodes[inode].cached
        }
    }

    /// Puts a file in place, durable at once, with its directories.
    public func place(_ path: String, _ bytes: [UInt8]) {
        state.withLock { state in
            var directory = parent(of: path)
            while !directory.isEmpty {
                state.names[directory] = .directory
                state.durableNames[directory] = .directory
                directory = parent(of: directory)
            }
            let inode = state.addInode()
            state.inodes[inode].cached = bytes
            state.inodes[inode].durable = bytes
            state.names[path] = .file(inode)
            state.durableNames[path] = .file(inode)
        }
    }

    /// Paths of all files, ascending.
    public var filePaths: [String] {
        state.withLock { state in
            state.names.compactMap { path, entry in entry == .directory ? nil : path }.sorted()
        }
    }
}

/// The directory part of a path; empty when it has none.
func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "" }
    return String(path[..<slash])
}
