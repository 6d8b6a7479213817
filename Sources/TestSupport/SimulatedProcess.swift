public import Host
import Synchronization

/// The simulated disk as one process sees it: after a power cut or a kill its calls all fail.
///
/// Without it, what an ended process still holds could write into the life of the next one.
public struct SimulatedProcess: FileSystem {
    private let disk: SimulatedDisk
    private let life: Int

    public init(_ disk: SimulatedDisk) {
        self.disk = disk
        life = disk.state.withLock { $0.life }
    }

    private func alive(
        _ operation: HostError.Operation, _ path: String
    ) throws(HostError) -> SimulatedDisk {
        guard disk.state.withLock({ $0.life }) == life else {
            throw HostError(operation, path, code: HostError.deviceFailureCode)
        }
        return disk
    }

    public func open(_ path: String, _ mode: OpenMode) throws(HostError) -> any File {
        try alive(.open, path).open(path, mode)
    }

    public func rename(_ path: String, to newPath: String) throws(HostError) {
        try alive(.rename, path).rename(path, to: newPath)
    }

    public func link(_ path: String, to newPath: String) throws(HostError) {
        try alive(.link, path).link(path, to: newPath)
    }

    public func remove(_ path: String) throws(HostError) { try alive(.remove, path).remove(path) }

    public func createDirectory(_ path: String) throws(HostError) {
        try alive(.createDirectory, path).createDirectory(path)
    }

    public func list(_ directory: String) throws(HostError) -> [String] {
        try alive(.list, directory).list(directory)
    }

    public func synchronizeDirectory(_ path: String) throws(HostError) {
        try alive(.synchronize, path).synchronizeDirectory(path)
    }

    public func status(_ path: String) throws(HostError) -> FileStatus? {
        try alive(.status, path).status(path)
    }

    public func freeSpace(_ path: String) throws(HostError) -> FreeSpace {
        try alive(.freeSpace, path).freeSpace(path)
    }

    public func lock(_ path: String) throws(HostError) -> any FileLock {
        try alive(.lock, path).lock(path)
    }
}
