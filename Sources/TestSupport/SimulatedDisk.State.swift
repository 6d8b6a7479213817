import Host

extension SimulatedDisk {
    /// Everything the disk and the machine around it know.
    struct State: Sendable {
        var random: SeededRandom
        var capacity: Int
        /// Names as a running process sees them, and as they are on the medium.
        var names: [String: Entry] = [:]
        var durableNames: [String: Entry] = [:]
        var pendingNames: [NameChange] = []
        var inodes: [Inode] = []
        var locks: Set<String> = []
        /// Counts restarts; handles of an earlier life are dead.
        var life = 0
        var calls = 0
        var failures: [Int: Int32] = [:]
        var crashCall: Int?
        var hasCrashed = false
        var syncsUntilFailure: Int?
        var ignoresSyncs = false
        var shortensCalls = false

        init(random: SeededRandom, capacity: Int) {
            self.random = random
            self.capacity = capacity
        }
    }

    enum Entry: Hashable, Sendable {
        case file(Int)
        case directory
    }

    /// A change of names that arrives whole or not at all.
    struct NameChange: Sendable {
        let directory: String
        let sets: [(path: String, entry: Entry?)]
    }

    /// A file's bytes, as read and as they are on the medium, and what lies between.
    struct Inode: Sendable {
        var cached: [UInt8] = []
        var durable: [UInt8] = []
        var pending: [Change] = []
    }

    enum Change: Sendable {
        case write(offset: Int, bytes: [UInt8])
        case resize(Int)
    }

    static let sectorBytes = 512
}

extension SimulatedDisk.State {
    var usedBytes: Int {
        var live = Set<Int>()
        for case .file(let inode) in names.values { live.insert(inode) }
        return live.reduce(0) { $0 + inodes[$1].cached.count }
    }

    mutating func begin(
        _ operation: HostError.Operation, _ path: String, at offset: UInt64?, life: Int?
    ) throws(HostError) {
        let number = calls
        calls += 1
        if let crashCall, number >= crashCall { hasCrashed = true }
        if hasCrashed || (life ?? self.life) != self.life {
            throw HostError(operation, path, at: offset, code: HostError.deviceFailureCode)
        }
        if let code = failures[number] { throw HostError(operation, path, at: offset, code: code) }
    }

    mutating func addInode() -> Int {
        inodes.append(SimulatedDisk.Inode())
        return inodes.count - 1
    }

    mutating func setName(_ path: String, _ entry: SimulatedDisk.Entry?) {
        names[path] = entry
        let change = SimulatedDisk.NameChange(directory: parent(of: path), sets: [(path, entry)])
        pendingNames.append(change)
    }

    func requireParent(
        of path: String, _ operation: HostError.Operation
    ) throws(HostError) {
        let directory = parent(of: path)
        if directory.isEmpty || names[directory] == .directory { return }
        throw HostError(operation, path, code: HostError.notFoundCode)
    }

    mutating func makeDurable(_ change: SimulatedDisk.NameChange) {
        for (path, entry) in change.sets { durableNames[path] = entry }
    }

    mutating func synchronize(_ inode: Int, _ path: String) throws(HostError) {
        if ignoresSyncs { return }
        if let count = syncsUntilFailure {
            syncsUntilFailure = count > 0 ? count - 1 : nil
            if count == 0 {
                // The kernel's way: the pages are clean now, and will never be written.
                inodes[inode].pending = []
                throw HostError(.synchronize, path, code: HostError.deviceFailureCode)
            }
        }
        if inodes[inode].pending.isEmpty { return }
        for change in inodes[inode].pending {
            inodes[inode].durable.apply(change) { _ in true }
        }
        inodes[inode].pending = []
    }

    mutating func endLife() {
        life += 1
        locks = []
        hasCrashed = false
        crashCall = nil
        failures = [:]
        syncsUntilFailure = nil
    }

    mutating func powerCut() {
        // Everything or nothing are the likely ends; in between lies what is hard.
        let style = Int.random(in: 0..<4, using: &random)
        var random = random
        func arrives() -> Bool {
            switch style {
            case 0: false
            case 1: true
            default: random.chance(style == 2 ? 1 : 9, in: style == 2 ? 2 : 10)
            }
        }
        for change in pendingNames where arrives() { makeDurable(change) }
        pendingNames = []
        for index in inodes.indices {
            for change in inodes[index].pending {
                inodes[index].durable.apply(change) { _ in arrives() }
            }
            inodes[index].pending = []
            inodes[index].cached = inodes[index].durable
        }
        self.random = random
        names = durableNames.filter { path, _ in hasDurableParents(path) }
        durableNames = names
        endLife()
    }

    private func hasDurableParents(_ path: String) -> Bool {
        let directory = parent(of: path)
        if directory.isEmpty { return true }
        return durableNames[directory] == .directory && hasDurableParents(directory)
    }
}

extension [UInt8] {
    /// Applies those sectors of a change that arrive; what lies between them stays or is zero.
    fileprivate mutating func apply(
        _ change: SimulatedDisk.Change, arrives: (Int) -> Bool
    ) {
        switch change {
        case .resize(let size):
            guard arrives(0) else { return }
            if size < count { removeLast(count - size) } else { grow(to: size) }
        case .write(let offset, let bytes):
            var start = 0
            while start < bytes.count {
                let sector = (offset + start) / SimulatedDisk.sectorBytes
                let next = (sector + 1) * SimulatedDisk.sectorBytes - offset
                let end = Swift.min(bytes.count, next)
                if arrives(sector) {
                    grow(to: Swift.max(count, offset + end))
                    replaceSubrange(offset + start..<offset + end, with: bytes[start..<end])
                }
                start = end
            }
        }
    }

    private mutating func grow(to size: Int) {
        append(contentsOf: repeatElement(0, count: Swift.max(0, size - count)))
    }
}
