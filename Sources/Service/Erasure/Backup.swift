internal import Bytes
internal import EventStore
internal import Host

/// Makes a directory of everything that the data directory keeps, while the server runs.
struct Backup: Sendable {
    let store: EventStore
    let series: SeriesStores

    /// Makes the backup, and says what it is made of.
    ///
    /// Throws the refusal to send: 409 when something stands at the path.
    func make(at directory: String) throws(HTTPRefusal) -> JSONValue {
        do throws(EventStoreError) {
            let summary = try store.backUp(to: directory) { [series] folder throws(HostError) in
                try series.whileNothingIsWritten { () throws(HostError) in
                    try folder.addOthers(linking: [SeriesStores.directoryName])
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
            throw HTTPRefusal(error.erasureResponse)
        }
    }
}
