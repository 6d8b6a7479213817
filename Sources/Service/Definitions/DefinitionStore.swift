internal import Bytes
internal import Host
internal import Synchronization

/// The definitions of all environments, kept in `definitions/<environment>.json` of the data
/// directory.
///
/// A change is durable before it is seen: the file is written whole beside the old one, synced, and put
/// in its place in one step, so a crash leaves the one or the other. Whoever reads takes a value and
/// waits for nobody.
final class DefinitionStore: Sendable {
    static let directoryName = "definitions"
    private static let suffix = ".json"

    private let parent: String
    private let machine: Machine
    private let current: Mutex<[String: Definitions]>
    /// Held by one change while it is made and written.
    private let writing = Mutex(())

    private var directory: String { parent + "/" + DefinitionStore.directoryName }

    /// Reads the definitions of a data directory; none are there before the first is made.
    ///
    /// Throws `DefinitionError` when a file cannot be read or is not what it should be.
    init(directory parent: String, on machine: Machine) throws(DefinitionError) {
        self.parent = parent
        self.machine = machine
        let directory = parent + "/" + DefinitionStore.directoryName
        var found: [String: Definitions] = [:]
        do {
            let isThere = try machine.files.status(directory) != nil
            let names = try isThere ? machine.files.list(directory) : []
            for name in names where name.hasSuffix(DefinitionStore.suffix) {
                let environment = String(name.dropLast(DefinitionStore.suffix.count))
                guard isEnvironmentName(environment) else { continue }
                found[environment] = try DefinitionStore.read(
                    directory + "/" + name, on: machine)
            }
        } catch let error as DefinitionError {
            throw error
        } catch {
            throw DefinitionError(description: "\(directory): \(error)")
        }
        current = Mutex(found)
    }

    private static func read(
        _ path: String, on machine: Machine
    ) throws(DefinitionError) -> Definitions {
        do {
            let bytes = try machine.files.readFile(
                path, limit: ServiceLimits.definitionsBytesMax)
            return try Definitions(try JSONValue(parsing: bytes))
        } catch {
            throw DefinitionError(description: "\(path): \(error)")
        }
    }

    /// What is defined in an environment now.
    func definitions(of environment: String) -> Definitions {
        current.withLock { $0[environment] ?? Definitions() }
    }

    /// The environments that have definitions.
    var environments: [String] { current.withLock { $0.keys.sorted() } }

    /// Changes an environment's definitions; what `body` throws leaves them as they were.
    ///
    /// Throws a 503 when the change cannot be made durable, 422 when there would be too many.
    func change<Result: Sendable>(
        _ environment: String,
        _ body: (inout Definitions) throws(HTTPRefusal) -> Result
    ) throws(HTTPRefusal) -> Result {
        try writing.withLock { (_) throws(HTTPRefusal) in
            let before = definitions(of: environment)
            var after = before
            let result = try body(&after)
            guard after != before else { return result }
            let bytes = Array((after.document.text + "\n").utf8)
            guard after.count <= ServiceLimits.definitionsMax || after.count < before.count,
                bytes.count <= ServiceLimits.definitionsBytesMax
            else {
                throw HTTPRefusal(
                    .problem(.invalid, "the environment has as much defined as it may have"))
            }
            do throws(HostError) {
                try store(bytes, of: environment)
            } catch {
                throw HTTPRefusal(
                    .busy(503, "the definition cannot be kept: \(error)", retryAfterSeconds: 10))
            }
            current.withLock { $0[environment] = after }
            return result
        }
    }

    private func store(_ bytes: [UInt8], of environment: String) throws(HostError) {
        if try machine.files.status(directory) == nil {
            try machine.files.createDirectory(directory)
            try machine.files.synchronizeDirectory(parent)
        }
        try machine.files.replaceFile(
            environment + DefinitionStore.suffix, in: directory, with: bytes)
    }
}
