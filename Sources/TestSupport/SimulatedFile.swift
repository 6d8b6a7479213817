import Host
import Synchronization

/// An open file of a simulated disk.
final class SimulatedFile: File {
    let path: String
    private let disk: SimulatedDisk
    private let inode: Int
    private let life: Int

    init(disk: SimulatedDisk, path: String, inode: Int, life: Int) {
        self.disk = disk
        self.path = path
        self.inode = inode
        self.life = life
    }

    func size() throws(HostError) -> UInt64 {
        try disk.perform(.status, path, life: life) { state throws(HostError) in
            UInt64(state.inodes[inode].cached.count)
        }
    }

    func readSome(
        into target: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(HostError) -> Int {
        try disk.perform(.read, path, at: offset, life: life) { state throws(HostError) in
            let available = max(0, state.inodes[inode].cached.count - Int(offset))
            let count = state.shortened(min(target.count, available))
            if count == 0 { return 0 }
            state.inodes[inode].cached.withUnsafeBytes { bytes in
                target.copyMemory(
                    from: UnsafeRawBufferPointer(
                        rebasing: bytes[Int(offset)..<Int(offset) + count]))
            }
            return count
        }
    }

    func writeSome(_ source: UnsafeRawBufferPointer, at offset: UInt64) throws(HostError) -> Int {
        try disk.perform(.write, path, at: offset, life: life) { state throws(HostError) in
            let start = Int(offset)
            let growth = max(0, start + source.count - state.inodes[inode].cached.count)
            let room = growth == 0 ? Int.max : max(0, state.capacity - state.usedBytes)
            let fitting = min(source.count, source.count - growth + min(growth, room))
            if fitting <= 0 {
                throw HostError(.write, path, at: offset, code: HostError.outOfSpaceCode)
            }
            let count = state.shortened(fitting)
            let bytes = [UInt8](source[..<count])
            state.inodes[inode].cached.overwrite(at: start, with: bytes)
            state.inodes[inode].pending.append(.write(offset: start, bytes: bytes))
            return count
        }
    }

    func allocate(_ size: UInt64) throws(HostError) {
        try disk.perform(.allocate, path, at: size, life: life) { state throws(HostError) in
            let growth = Int(size) - state.inodes[inode].cached.count
            if growth <= 0 { return }
            if growth > state.capacity - state.usedBytes {
                throw HostError(.allocate, path, at: size, code: HostError.outOfSpaceCode)
            }
            state.resize(inode, to: Int(size))
        }
    }

    func synchronize() throws(HostError) {
        disk.passGate()
        try disk.perform(.synchronize, path, life: life) { state throws(HostError) in
            try state.synchronize(inode, path)
        }
    }

    func truncate(_ size: UInt64) throws(HostError) {
        try disk.perform(.truncate, path, at: size, life: life) { state throws(HostError) in
            state.resize(inode, to: Int(size))
        }
    }

    func close() {}
}

/// A lock of a simulated disk.
final class SimulatedLock: FileLock {
    private let disk: SimulatedDisk
    private let path: String
    private let life: Int

    init(disk: SimulatedDisk, path: String, life: Int) {
        self.disk = disk
        self.path = path
        self.life = life
    }

    deinit { release() }

    func release() {
        disk.state.withLock { state in
            if state.life == life { state.locks.remove(path) }
        }
    }
}

extension SimulatedDisk.State {
    fileprivate mutating func shortened(_ count: Int) -> Int {
        guard shortensCalls, count > 1, random.chance(1, in: 8) else { return count }
        return Int.random(in: 1..<count, using: &random)
    }

    fileprivate mutating func resize(_ inode: Int, to size: Int) {
        let count = inodes[inode].cached.count
        if size < count {
            inodes[inode].cached.removeLast(count - size)
        } else {
            inodes[inode].cached.append(contentsOf: repeatElement(0, count: size - count))
        }
        inodes[inode].pending.append(.resize(size))
    }
}

extension [UInt8] {
    fileprivate mutating func overwrite(at offset: Int, with bytes: [UInt8]) {
        if offset > count { append(contentsOf: repeatElement(0, count: offset - count)) }
        let end = Swift.min(count, offset + bytes.count)
        replaceSubrange(offset..<end, with: bytes)
    }
}
