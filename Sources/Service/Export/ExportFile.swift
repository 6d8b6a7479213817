internal import Host

/// What a command writes: standard output, or a file that stands under its name only when it is whole.
struct ExportFile {
    private let path: String?
    private let file: (any File)?
    private let terminal: Terminal
    private(set) var size: UInt64 = 0

    /// - Parameter path: nil for standard output.
    init(_ path: String?, _ terminal: Terminal) throws(CommandFailure) {
        self.path = path
        self.terminal = terminal
        do throws(HostError) {
            if let path {
                let part = ExportFile.part(of: path)
                if try Machine.real.files.status(part) != nil {
                    try Machine.real.files.remove(part)
                }
                file = try Machine.real.files.open(part, .create)
            } else {
                file = nil
            }
        } catch {
            throw CommandFailure(.failed, "\(error)")
        }
    }

    private static func part(of path: String) -> String { path + ".part" }

    mutating func write(_ bytes: [UInt8]) throws(CommandFailure) {
        defer { size += UInt64(bytes.count) }
        guard let file else {
            if terminal.write(bytes) { return }
            throw CommandFailure(.failed, "nobody reads the output any more")
        }
        do throws(HostError) {
            try file.write(bytes, at: size)
        } catch {
            throw CommandFailure(.failed, "\(error)")
        }
    }

    /// Gives the whole file its name.
    func finish() throws(CommandFailure) {
        guard let path else { return }
        do throws(HostError) {
            try file?.synchronize()
            try Machine.real.files.rename(ExportFile.part(of: path), to: path)
        } catch {
            throw CommandFailure(.failed, "\(error)")
        }
    }
}
