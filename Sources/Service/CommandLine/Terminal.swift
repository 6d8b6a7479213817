internal import Glibc

/// Standard output and error as a command sees them.
struct Terminal: Sendable {
    /// Standard output is a terminal, so colour is welcome.
    let isOutputTerminal: Bool
    /// Standard error is a terminal, so a progress bar is welcome.
    let isErrorTerminal: Bool
    /// Columns of the terminal, 80 when there is none.
    let columns: Int

    init() {
        isOutputTerminal = isatty(1) == 1
        isErrorTerminal = isatty(2) == 1
        var size = winsize()
        columns =
            ioctl(1, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    /// Whether colours may be written to standard output.
    var usesColor: Bool { isOutputTerminal && getenv("NO_COLOR") == nil }

    /// Writes to standard output; false when nobody reads it any more.
    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool { Terminal.writeAll(bytes, to: 1) }

    @discardableResult
    func write(_ text: String) -> Bool { write(Array(text.utf8)) }

    /// Writes to standard error.
    func tell(_ text: String) { _ = Terminal.writeAll(Array(text.utf8), to: 2) }

    /// Shows how much is done, on a terminal only; the line is written over itself.
    func progress(_ done: Double, _ text: String) {
        guard isErrorTerminal else { return }
        let width = 30
        let filled = Int((min(max(done, 0), 1) * Double(width)).rounded())
        let bar =
            String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        tell("\r\u{1B}[K\(bar) \(text)")
    }

    /// Leaves the line of the progress bar.
    func endProgress() {
        if isErrorTerminal { tell("\r\u{1B}[K") }
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            written += count
        }
        return true
    }
}
