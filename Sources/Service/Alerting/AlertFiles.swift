internal import Alerting
internal import Host

/// What is kept of alerts over a restart: in `alerts/` of the data directory a file for each
/// environment, and `<environment>.<receiver>` for what each receiver was told.
///
/// A file is written whole beside the old one, synced, and put in its place in one step.
struct AlertFiles: Sendable {
    static let directoryName = "alerts"

    private let parent: String
    private let machine: Machine

    init(directory parent: String, on machine: Machine) {
        (self.parent, self.machine) = (parent, machine)
    }

    private var directory: String { parent + "/" + AlertFiles.directoryName }

    /// The environments that have a file.
    func environments() throws(HostError) -> [String] {
        guard try machine.files.status(directory) != nil else { return [] }
        return try machine.files.list(directory).filter { isEnvironmentName($0) }
    }

    /// What was kept in a file; nil when nothing was.
    func bytes(in name: String) throws(HostError) -> [UInt8]? {
        let path = directory + "/" + name
        guard try machine.files.status(path) != nil else { return nil }
        return try machine.files.readFile(path, limit: ServiceLimits.alertFileBytesMax)
    }

    /// Removes a file, if it is there.
    func remove(_ name: String) throws(HostError) {
        guard try machine.files.status(directory + "/" + name) != nil else { return }
        try machine.files.remove(directory + "/" + name)
        try machine.files.synchronizeDirectory(directory)
    }

    /// Keeps bytes in a file; they are on disk when this returns.
    func keep(_ bytes: [UInt8], in name: String) throws(HostError) {
        if try machine.files.status(directory) == nil {
            try machine.files.createDirectory(directory)
            try machine.files.synchronizeDirectory(parent)
        }
        try machine.files.replaceFile(name, in: directory, with: bytes)
    }
}
