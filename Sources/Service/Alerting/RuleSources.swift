internal import Alerting
internal import Bytes
internal import EventQuery
internal import Host
internal import Synchronization

/// Where rules come from: files that the configuration names, for the environment of a server without
/// keys; files that were put through the API, for the environment of the key; its triggers and its SLOs.
final class RuleSources: Sendable {
    private let paths: [String]
    private let definitions: DefinitionStore
    private let levels: ServiceLevels
    private let machine: Machine
    /// What the configuration's files said when they could be read last, by path.
    private let read = Mutex<[String: RuleFile]>([:])

    /// Nothing is read yet.
    init(paths: [String], _ levels: ServiceLevels, _ machine: Machine) {
        self.paths = paths
        self.levels = levels
        definitions = levels.definitions
        self.machine = machine
    }

    /// Reads the configuration's files; one that cannot be taken stays as it was.
    ///
    /// - Returns: what is wrong with those, and what deserves a look in others and did not before.
    func readAgain() -> (failures: [RuleFileError], warnings: [RuleProblem]) {
        var failures: [RuleFileError] = []
        var warnings: [RuleProblem] = []
        for path in paths {
            do throws(RuleFileError) {
                let file = try RuleFile(try contents(of: path), name: path)
                let before = read.withLock { $0.updateValue(file, forKey: path) }
                let known = Set(before?.warnings ?? [])
                warnings += file.warnings.filter { !known.contains($0) }
            } catch {
                failures.append(error)
            }
        }
        return (failures, warnings)
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
    ///
    /// - Parameter all: those that have events: SLOs of the configuration are theirs too.
    func environments(among all: [String]) -> Set<String> {
        let kinds: [Definitions.Kind] = [.rules, .triggers, .slos]
        let named = definitions.environments.filter { environment in
            let all = definitions.definitions(of: environment)
            return kinds.contains { !all.all($0).isEmpty }
        }
        return Set(named + (paths.isEmpty ? [] : [AccessControl.openEnvironment]))
            .union(levels.configured.isEmpty ? [] : all)
    }

    /// All rules of an environment, those of its triggers and of its SLOs last.
    func files(of environment: String) -> [RuleFile] {
        let all = definitions.definitions(of: environment)
        let groups = all.all(.triggers).compactMap { document in
            (try? TriggerDefinition(document))?.group
        }
        var files = ruleFiles(of: environment)
        if !groups.isEmpty { files.append(RuleFile(name: RuleGroup.triggerFile, groups: groups)) }
        if let file = try? RuleFile(levels.objectives(of: environment)), !file.groups.isEmpty {
            files.append(file)
        }
        return files
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
