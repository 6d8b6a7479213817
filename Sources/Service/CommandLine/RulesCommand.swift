internal import Alerting
internal import Glibc
internal import Host

extension CommandSpec {
    static let rules = CommandSpec(
        "rules", operands: "check FILE… | test FILE…", operandCount: 2...1000,
        summary: "Checks files of rules, or runs tests of rules as promtool does.",
        options: [
            OptionSpec(
                "names", "utf8|legacy", help: "which names labels and metrics may have",
                byDefault: "utf8")
        ],
        example: "widefield rules check rules.yaml",
        run: { arguments, terminal throws(CommandFailure) in
            guard let names = NameScheme(rawValue: arguments["names"] ?? "utf8") else {
                throw CommandFailure(.wrongUsage, "--names: expected utf8 or legacy")
            }
            let paths = arguments.operands.dropFirst()
            let isDone: Bool
            switch arguments.operands[0] {
            case "check": isDone = try check(paths, names, terminal)
            case "test": isDone = try test(paths, names, terminal)
            default: throw .usage("expected check FILE… or test FILE…", of: "rules")
            }
            if !isDone { throw CommandFailure(.failed, "not all is as it should be") }
        })
}

/// Tells what is wrong with files of rules; false when one cannot be taken.
private func check(
    _ paths: ArraySlice<String>, _ names: NameScheme, _ terminal: Terminal
) throws(CommandFailure) -> Bool {
    var isGood = true
    for path in paths {
        do throws(RuleFileError) {
            let file = try RuleFile(try contents(of: path), name: path, names: names)
            let rules = file.groups.flatMap(\.rules)
            let alerts = rules.count { $0.kind == .alerting }
            for warning in file.warnings { terminal.write(line(of: warning)) }
            terminal.write(
                "\(path): \(file.groups.count) groups, \(alerts) alerts, "
                    + "\(rules.count - alerts) recording rules\n")
        } catch {
            isGood = false
            for problem in error.problems { terminal.write(line(of: problem)) }
        }
    }
    return isGood
}

private func line(of problem: RuleProblem) -> String {
    harmless(problem.description, keepsLines: true) + "\n"
}

/// Runs files of tests; false when something is not as expected.
private func test(
    _ paths: ArraySlice<String>, _ names: NameScheme, _ terminal: Terminal
) throws(CommandFailure) -> Bool {
    var isGood = true
    for path in paths {
        var failures: [String]
        do throws(RuleFileError) {
            let file = try RuleTestFile(try contents(of: path), name: path)
            var ruleFiles: [RuleFile] = []
            for pattern in file.ruleFiles {
                let rulePaths = matching(pattern, beside: path)
                if rulePaths.isEmpty { terminal.tell("no file is called \(pattern)\n") }
                for rulePath in rulePaths {
                    let bytes = try contents(of: rulePath)
                    ruleFiles.append(try RuleFile(bytes, name: rulePath, names: names))
                }
            }
            failures = file.failures(ruleFiles)
        } catch {
            failures = [error.description]
        }
        isGood = isGood && failures.isEmpty
        terminal.write("\(path): \(failures.isEmpty ? "SUCCESS" : "FAILED")\n")
        for failure in failures {
            terminal.write("  " + harmless(failure, keepsLines: true) + "\n")
        }
    }
    return isGood
}

private func contents(of path: String) throws(RuleFileError) -> [UInt8] {
    do throws(HostError) {
        return try Machine.real.files.readFile(path, limit: AlertingLimits.fileBytes)
    } catch {
        throw RuleFileError(problems: [
            RuleProblem(.error, path, TextPlace(line: 1, column: 1), "\(error)")
        ])
    }
}

/// Paths of files that a name, perhaps with `*` and `?`, stands for, relative to the directory of
/// another file.
private func matching(_ pattern: String, beside other: String) -> [String] {
    let directory = other.lastIndex(of: "/").map { String(other[...$0]) } ?? ""
    var found = glob_t()
    defer { globfree(&found) }
    let path = pattern.hasPrefix("/") ? pattern : directory + pattern
    guard glob(path, 0, nil, &found) == 0 else { return [] }
    return (0..<Int(found.gl_pathc)).compactMap { place in
        found.gl_pathv[place].map { String(cString: $0) }
    }
}
