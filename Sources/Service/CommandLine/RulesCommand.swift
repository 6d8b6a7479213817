internal import Alerting
internal import Bytes
internal import Glibc
internal import Host
internal import Metrics

extension CommandSpec {
    static let rules = CommandSpec(
        "rules", operands: "check FILE… | test FILE… | replay [FILE…]", operandCount: 1...1000,
        summary:
            "Checks rules, runs tests of rules as promtool does, or replays rules over the past.",
        options: [
            OptionSpec(
                "names", "utf8|legacy", help: "which names labels and metrics may have",
                byDefault: "utf8"),
            OptionSpec(
                "from", "TIME", help: "replay: RFC 3339, or how long ago: 6h", byDefault: "1h"),
            OptionSpec("to", "TIME", help: "replay: as --from", byDefault: "now"),
            OptionSpec("trigger", "ID", help: "replay: this trigger, in the place of files"),
            OptionSpec("slo", "NAME", help: "replay: the alerts of this SLO"),
        ] + ServerConnection.options,
        example: "widefield rules check rules.yaml",
        run: { arguments, terminal throws(CommandFailure) in
            guard let names = NameScheme(rawValue: arguments["names"] ?? "utf8") else {
                throw CommandFailure(.wrongUsage, "--names: expected utf8 or legacy")
            }
            let paths = arguments.operands.dropFirst()
            let isDone: Bool
            switch arguments.operands[0] {
            case "check" where !paths.isEmpty: isDone = try check(paths, names, terminal)
            case "test" where !paths.isEmpty: isDone = try test(paths, names, terminal)
            case "replay": isDone = try replay(paths, arguments, terminal)
            default:
                throw .usage("expected check FILE…, test FILE… or replay", of: "rules")
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

// MARK: - Replay

/// Asks a server what rules would have done, and prints it; false when a rule failed.
///
/// Without a file, a trigger or an SLO all rules that the server has.
private func replay(
    _ paths: ArraySlice<String>, _ arguments: ParsedArguments, _ terminal: Terminal
) throws(CommandFailure) -> Bool {
    var server = try ServerConnection(arguments)
    var isGood = true
    var subjects: [[JSONObject.Member]] = []
    for path in paths {
        do throws(RuleFileError) {
            let text = String(decoding: try contents(of: path), as: UTF8.self)
            subjects.append([.init("name", .string(path)), .init("rules", .string(text))])
        } catch {
            throw CommandFailure(.failed, error.description)
        }
    }
    for name in ["trigger", "slo"] {
        if let value = arguments[name] { subjects.append([.init(name, .string(value))]) }
    }
    let times = [
        JSONObject.Member("from", .string(try time(arguments["from"] ?? "1h", "from"))),
        JSONObject.Member("to", .string(try time(arguments["to"] ?? "0s", "to"))),
    ]
    for subject in subjects.isEmpty ? [[]] : subjects {
        let body = JSONValue.object(JSONObject(subject + times))
        let response = try server.send(
            "POST", "/api/replay", headers: ["Content-Type": "application/json"],
            body: Array(body.text.utf8))
        guard response.status < 300, let answer = try? JSONValue(parsing: response.body) else {
            throw ServerConnection.failure(of: response)
        }
        terminal.write(replayTable(answer).text(usesColor: terminal.usesColor, widthMax: 1024))
        for failure in answer["failures"]?.array ?? [] {
            isGood = false
            let rule = failure["rule"]?.string ?? ""
            terminal.tell("\(rule) failed: \(harmless(failure["reason"]?.string ?? ""))\n")
        }
        if answer["cut"]?.bool ?? false { terminal.tell("there is more than this\n") }
    }
    return isGood
}

private func replayTable(_ answer: JSONValue) -> TextTable {
    var table = TextTable([
        .init(title: "time", isNumber: false), .init(title: "alert", isNumber: false),
        .init(title: "state", isNumber: false), .init(title: "tier", isNumber: false),
        .init(title: "value", isNumber: true),
        .init(title: "labels", isNumber: false),
    ])
    for change in answer["changes"]?.array ?? [] {
        let labels = change["labels"]?.object?.members ?? []
        table.append([
            change["time"]?.string ?? "", change["labels"]?["alertname"]?.string ?? "",
            change["state"]?.string ?? "", change["labels"]?["tier"]?.string ?? "",
            change["value"]?.string ?? "",
            labels.filter { $0.key != "alertname" && $0.key != "tier" }
                .map { "\($0.key)=\($0.value.string ?? "")" }.joined(separator: " "),
        ])
    }
    return table
}

/// A time as RFC 3339 has it, of one or of how long it is ago.
private func time(_ text: String, _ option: String) throws(CommandFailure) -> String {
    if RFC3339.nanoseconds(text) != nil { return text }
    guard let ago = DurationText.milliseconds(text) else {
        throw CommandFailure(.wrongUsage, "--\(option): expected a time or a duration: \(text)")
    }
    return RFC3339.text(nanoseconds: Machine.real.clock.wallNanoseconds() - ago * 1_000_000)
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
