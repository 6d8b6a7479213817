internal import Bytes
internal import EventQuery
internal import EventStore
internal import Host

/// The directory of a server that does not run, opened to be asked and not changed.
struct StoppedServer {
    private let store: EventStore
    private let services: Services
    private let environment: String

    /// Throws a refusal when there is no such directory, a server has it, or it is damaged.
    init(_ directory: String, environment: String?) throws(HTTPRefusal) {
        do {
            guard try Machine.real.files.status(directory)?.isDirectory == true else {
                throw HTTPRefusal(.error(404, "\(directory): there is no such directory"))
            }
            var options = EventStore.Options()
            options.mode = .readOnly
            store = try EventStore.open(directory, options: options)
            services = try Services(
                store, try DefinitionStore(directory: directory, on: .real),
                SeriesStores(directory: directory, on: .real),
                EventsPast(directory: directory, on: .real),
                threads: WorkerPool.processors)
            self.environment = environment ?? AccessControl.openEnvironment
        } catch let refusal as HTTPRefusal {
            throw refusal
        } catch {
            throw HTTPRefusal(.error(500, "\(directory): \(error)"))
        }
    }

    /// The question of a text, or of the named query that stands as `@NAME`.
    func question(_ text: String) throws(HTTPRefusal) -> Question {
        guard text.hasPrefix("@") else { return try Question(text: text) }
        let definitions = services.queries.definitions.definitions(of: environment)
        return try Question(
            body: definitions.resolving(["saved": .string(String(text.dropFirst()))]))
    }

    /// Answers a question; throws its refusal.
    func answer(_ question: Question) throws(HTTPRefusal) -> QueryAnswer {
        try services.queries.answer(question, environment: environment)
    }

    /// Lets go of the directory.
    func close() throws {
        try store.close()
    }
}
