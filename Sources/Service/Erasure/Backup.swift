internal import Bytes
internal import EventStore
internal import Glibc
internal import Host

/// Makes a directory of everything that the data directory keeps, while the server runs.
struct Backup: Sendable {
    let store: EventStore
    /// What is stored of series, kind by kind.
    let series: [EnvironmentSeries]

    /// Makes the backup, and says what it is made of.
    ///
    /// Throws the refusal to send: 409 when something stands at the path.
    func make(at directory: String) throws(HTTPRefusal) -> JSONValue {
        do throws(EventStoreError) {
            let summary = try store.backUp(to: directory) { [series] folder throws(HostError) in
                try Backup.hold(series[...]) { () throws(HostError) in
                    try folder.addOthers(linking: [EnvironmentSeries.directoryName])
                }
            }
            return [
                "directory": .string(directory),
                "linked_files": .int(Int64(summary.linkedFiles)),
                "linked_bytes": .int(Int64(clamping: summary.linkedBytes)),
            ]
        } catch {
            if error.cause?.code == HostError.existsCode {
                throw HTTPRefusal(.error(409, "\(directory): something is there already"))
            }
            if error.cause?.code == EXDEV {
                throw HTTPRefusal(
                    .error(
                        409,
                        "\(directory) is on another file system, to which no file can be linked: make "
                            + "the backup on that of the data directory and copy it from there; remove "
                            + "\(directory), which is not finished"))
            }
            throw HTTPRefusal(error.erasureResponse)
        }
    }

    /// Calls `body` while no file of series changes.
    private static func hold(
        _ series: ArraySlice<EnvironmentSeries>, _ body: () throws(HostError) -> Void
    ) throws(HostError) {
        guard let first = series.first else { return try body() }
        try first.whileNothingIsWritten { () throws(HostError) in
            try hold(series.dropFirst(), body)
        }
    }
}
