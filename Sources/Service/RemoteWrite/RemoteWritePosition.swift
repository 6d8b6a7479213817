internal import Bytes
internal import Host

/// How far series were sent to a receiver: a small file for each, `docs/formats/remote-write.md`.
struct RemoteWritePosition: Equatable {
    /// Milliseconds since 1970 up to which series were sent.
    var sent: Int64
    /// Nanoseconds since 1970: of what was received before, late events were looked for.
    var looked: Int64

    private static let title = "widefield-remote-write 1 "

    /// A line of version and checksum, and two of a number and what it is.
    var text: String {
        let body = "sent \(sent)\nlooked \(looked)\n"
        return RemoteWritePosition.title + RemoteWritePosition.checksum(body) + "\n" + body
    }

    private static func checksum(_ body: String) -> String {
        hexadecimal(UInt64(Checksum.crc32c(Array(body.utf8))), digits: 8)
    }

    init(sent: Int64, looked: Int64) { (self.sent, self.looked) = (sent, looked) }

    /// Throws `DecodeError` for any other text.
    init(parsing text: String) throws(DecodeError) {
        let parts = text.split(separator: "\n", maxSplits: 1)
        guard parts.count == 2, parts[0].hasPrefix(RemoteWritePosition.title),
            parts[0].dropFirst(RemoteWritePosition.title.count)
                == RemoteWritePosition.checksum(String(parts[1]))
        else { throw DecodeError("no position of remote write, or damaged", at: 0) }
        let lines = parts[1].split(separator: "\n").map { $0.split(separator: " ") }
        guard lines.count == 2, lines.allSatisfy({ $0.count == 2 }), lines[0][0] == "sent",
            lines[1][0] == "looked", let sent = Int64(lines[0][1]),
            let looked = Int64(lines[1][1])
        else { throw DecodeError("no position of remote write", at: 0) }
        self.init(sent: sent, looked: looked)
    }
}

/// Where the position of one receiver is kept.
struct RemoteWritePositionFile {
    private let parent: String
    private let directory: String
    private let name: String
    private let environment: String
    private let machine: Machine
    private static let bytesMax = 128

    init(_ url: ServerURL, environment: String, in parent: String, _ machine: Machine) {
        name = "sent-" + hexadecimal(Array(sha256(Array("\(url)".utf8)).prefix(8)))
        directory = EnvironmentSeries.directory(of: environment, in: parent)
        (self.parent, self.environment, self.machine) = (parent, environment, machine)
    }

    /// Nil when nothing was sent yet; throws `HostError` or `DecodeError`.
    func read() throws -> RemoteWritePosition? {
        let path = directory + "/" + name
        guard try machine.files.status(path) != nil else { return nil }
        let bytes = try machine.files.readFile(path, limit: RemoteWritePositionFile.bytesMax)
        return try RemoteWritePosition(parsing: String(decoding: bytes, as: UTF8.self))
    }

    func write(_ position: RemoteWritePosition) throws(HostError) {
        try EnvironmentSeries.makeDirectory(of: environment, in: parent, on: machine)
        try machine.files.replaceFile(name, in: directory, with: Array(position.text.utf8))
    }
}
