internal import Alerting
internal import Bytes
internal import EventQuery
internal import Host
internal import Synchronization

/// Where rules come from: files that the configuration names, for the environment of a server without
/// keys; files that were put through the API, for the environment of the key; and its triggers.
final class RuleSources: Sendable {
    private let paths: [String]
    private let definitions: DefinitionStore
    private let machine: Machine
    /// What the configuration's files said when they could be read last, by path.
    private let read = Mutex<[String: RuleFile]>([:])

    /// Nothing is read yet.
    init(paths: [String], _ definitions: DefinitionStore, _ machine: Machine) {
        self.paths = paths
        self.definitions = definitions
        self.machine = machine
    }

    /// Reads the configuration's files; one that cannot be taken stays as it was.
    ///
    /// - Returns: what is wrong with those.
    func readAgain() -> [RuleFileError] {
        paths.compactMap { path in
            do throws(RuleFileError) {
                let file = try RuleFile(try contents(of: path), name: path)
                read.withLock { $0[path] = file }
                return nil
            } catch {
                return error
            }
        }
    }

    private func contents(of path: String) throws(RuleFileError) -> [UInt8] {
        do throws(HostError) {
            return try machine.files.readFile(path, limit: AlertingLimits.fileBytes)
        } catch {
            throw RuleFileError(problems: [
                RuleProblem(.error, path, TextPlace(line: 1, column: 1), "\(error)")
            ])
        }
    }

    /// The environments that have rules.
    var environments: Set<String> {
        let named = definitions.environments.filter {
            let all = definitions.definitions(of: $0)
            return !all.all(.rules).isEmpty || !all.all(.triggers).isEmpty
        }
        return Set(named + (paths.isEmpty ? [] : [AccessControl.openEnvironment]))
    }

    /// All rules of an environment, those of its triggers last.
    func files(of environment: String) -> [RuleFile] {
        let all = definitions.definitions(of: environment)
        let groups = all.all(.triggers).compactMap { document in
            (try? TriggerDefinition(document))?.group
        }
        if groups.isEmpty { return ruleFiles(of: environment) }
        let triggers = RuleFile(name: RuleGroup.triggerFile, groups: groups)
        return ruleFiles(of: environment) + [triggers]
    }

    /// The files of an environment: those of the configuration first, then those of the API by name.
    func ruleFiles(of environment: String) -> [RuleFile] {
        let isOpen = environment == AccessControl.openEnvironment
        let configured = isOpen ? read.withLock { read in paths.compactMap { read[$0] } } : []
        let stored = definitions.definitions(of: environment).all(.rules)
            .sorted { $0.id < $1.id }
            .compactMap { document in
                try? RuleFile(
                    Array((document.body["text"]?.string ?? "").utf8), name: document.id)
            }
        return configured + stored
    }
}
