internal import Alerting
internal import Bytes
internal import Host
internal import Synchronization

/// The incidents of all environments, each in a file beside what is kept of its alerts.
final class IncidentKeeper: Sendable {
    private let files: AlertFiles
    private let log: ServerLog
    private let logs = Mutex<[String: IncidentLog]>([:])
    /// Held by one change while it is made and written.
    private let writing = Mutex(())

    init(_ files: AlertFiles, log: ServerLog) {
        self.files = files
        self.log = log
    }

    /// The file's name; no receiver is called so.
    private static func file(_ environment: String) -> String { environment + ".incidents!" }

    /// What is known of an environment's incidents.
    func incidents(of environment: String) -> IncidentLog {
        if let known = logs.withLock({ $0[environment] }) { return known }
        var read = IncidentLog()
        do {
            if let bytes = try files.bytes(in: IncidentKeeper.file(environment)) {
                read = try IncidentLog(decoding: bytes)
            }
        } catch {
            log(.error, "incidents not read", ["error": .string("\(error)")])
        }
        return logs.withLock { logs in
            let known = logs[environment] ?? read
            logs[environment] = known
            return known
        }
    }

    /// Changes an environment's incidents; when `body` says that it changed something, that is on disk
    /// before others see it.
    func change<Result>(
        _ environment: String, _ body: (inout IncidentLog) -> (Result, changed: Bool)
    ) throws(HostError) -> Result {
        try writing.withLock { (_) throws(HostError) in
            var incidents = incidents(of: environment)
            let (result, changed) = body(&incidents)
            guard changed else { return result }
            try files.keep(incidents.encoded(), in: IncidentKeeper.file(environment))
            logs.withLock { $0[environment] = incidents }
            return result
        }
    }
}
