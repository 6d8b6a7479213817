internal import Glibc
internal import Host

/// A file or standard input, read from its start to its end.
struct InputFile {
    /// Bytes in all; nil when that is not known beforehand.
    let size: Int?
    private let file: (any File)?
    private var offset: UInt64 = 0

    /// Opens a file; `-` is standard input.
    init(_ path: String) throws(CommandFailure) {
        guard path != "-" else {
            file = nil
            size = nil
            return
        }
        do throws(HostError) {
            let file = try Machine.real.files.open(path, .read)
            size = Int(clamping: try file.size())
            self.file = file
        } catch {
            throw CommandFailure(.failed, "\(error)")
        }
    }

    /// Appends what comes next, at most `count` bytes; false at the end.
    mutating func read(_ count: Int, into bytes: inout [UInt8]) throws(CommandFailure) -> Bool {
        var more = [UInt8](repeating: 0, count: count)
        let got: Int
        if let file {
            do throws(HostError) {
                more = try file.read(count, at: offset)
                got = more.count
            } catch {
                throw CommandFailure(.failed, "\(error)")
            }
        } else {
            var result = Glibc.read(0, &more, count)
            while result < 0 && errno == EINTR { result = Glibc.read(0, &more, count) }
            guard result >= 0 else {
                throw CommandFailure(.failed, "standard input: \(String(cString: strerror(errno)))")
            }
            got = result
        }
        offset += UInt64(got)
        bytes += more[..<got]
        return got > 0
    }
}
