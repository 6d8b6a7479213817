import SeriesStore

@testable import Metrics

/// Something in a script that is not understood.
struct ScriptError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// What came of one `eval` of a script.
struct ScriptOutcome {
    /// From 1.
    let line: Int
    let query: String
    /// What is not as expected; nil when all is.
    let failure: String?
}

/// One `eval` of a script with what it expects.
struct ScriptEvaluation {
    var query = ""
    var start: Int64 = 0
    var end: Int64 = 0
    var step: Int64 = 0
    var isRange = false
    var line = 0
    var isOrdered = false
    var fails = false
    var failure: Pattern?
    var warnings: [Pattern] = []
    var infos: [Pattern] = []
    var hasNoWarning = false
    var hasNoInfo = false
    var text: String?
    var number: Double?
    var series: [(labels: Labels, values: [SeriesNotation.Value])] = []
    /// The answer is samples of a window, at these times.
    var isMatrix = false

    /// A text, or a regular expression that is found in it.
    enum Pattern {
        case text(String)
        case expression(String)

        func matches(_ message: String) throws -> Bool {
            switch self {
            case .text(let text): text == message
            case .expression(let pattern): try Regex(pattern).firstMatch(in: message) != nil
            }
        }
    }
}

/// Runs a script of Prometheus's engine tests: `load`, `clear`, `eval instant`, `eval range`.
struct ScriptRunner {
    private let lines: [String]
    private var place = 0
    private var store = ScriptStore()
    /// What is asked about the series; nil when they have changed.
    private var source: (any SeriesSource)?
    private let makeSource: (ScriptStore) throws -> any SeriesSource
    private(set) var outcomes: [ScriptOutcome] = []

    /// - Parameter makeSource: what is asked about the series of the script.
    init(
        _ text: String, makeSource: @escaping (ScriptStore) throws -> any SeriesSource = { $0 }
    ) {
        self.makeSource = makeSource
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let trimmed = line.drop { $0.isWhitespace }
            return trimmed.hasPrefix("#") ? "" : String(trimmed).trimmedEnd
        }
    }

    mutating func run() throws {
        while place < lines.count {
            let line = lines[place]
            place += 1
            if line.isEmpty { continue }
            if line.hasPrefix("clear") {
                store = ScriptStore()
                source = nil
            } else if line.hasPrefix("load") {
                try load(line)
            } else if line.hasPrefix("eval") {
                try evaluate(line)
            } else {
                throw ScriptError("no command at line \(place): \(line)")
            }
        }
    }

    // MARK: - Load

    private mutating func load(_ line: String) throws {
        let words = line.split(whereSeparator: \.isWhitespace)
        let step = try milliseconds(String(words[1]))
        source = nil
        while place < lines.count, !lines[place].isEmpty {
            defer { place += 1 }
            // When a counter began, which is not stored here.
            if lines[place].contains("@st ") { continue }
            let (labels, values) = try SeriesNotation.series(lines[place])
            store.load(labels, values, step: step)
        }
        if words[0] == "load_with_nhcb" { try store.addCustomBounds(step) }
    }

    private func milliseconds(_ text: String) throws -> Int64 {
        guard let value = DurationText.milliseconds(text) else {
            throw ScriptError("no duration: \(text)")
        }
        return value
    }

    // MARK: - Eval

    private mutating func evaluate(_ line: String) throws {
        var evaluation = ScriptEvaluation()
        evaluation.line = place
        let instant = /eval(?:_(fail|warn|ordered|info))?\s+instant\s+at\s+(\S+)\s+(.+)/
        let range =
            /eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)/
        var mode: Substring?
        if let match = line.wholeMatch(of: instant) {
            mode = match.1
            evaluation.start = try milliseconds(String(match.2))
            evaluation.end = evaluation.start
            evaluation.query = String(match.3)
        } else if let match = line.wholeMatch(of: range) {
            mode = match.1
            evaluation.isRange = true
            evaluation.start = try milliseconds(String(match.2))
            evaluation.end = try milliseconds(String(match.3))
            evaluation.step = try milliseconds(String(match.4))
            evaluation.query = String(match.5)
        } else {
            throw ScriptError("no evaluation at line \(place): \(line)")
        }
        switch mode {
        case "fail": evaluation.fails = true
        case "warn": evaluation.warnings.append(.expression(""))
        case "info": evaluation.infos.append(.expression(""))
        case "ordered": evaluation.isOrdered = true
        default: break
        }
        try readExpectations(&evaluation)
        let failure: String?
        let asked = try source ?? makeSource(store)
        source = asked
        do {
            failure = try ScriptCheck(evaluation, asked).failure()
        } catch {
            failure = "\(error)"
        }
        outcomes.append(
            ScriptOutcome(line: evaluation.line, query: evaluation.query, failure: failure))
    }

    private mutating func readExpectations(_ evaluation: inout ScriptEvaluation) throws {
        while place < lines.count, !lines[place].isEmpty {
            let line = lines[place]
            place += 1
            if line.hasPrefix("expect") && !line.hasPrefix("expect{") {
                try readExpectation(line, &evaluation)
            } else if let number = try? SeriesNotation.number(line) {
                evaluation.number = number
                break
            } else {
                evaluation.series.append(try SeriesNotation.series(line))
            }
        }
    }

    private func readExpectation(_ line: String, _ evaluation: inout ScriptEvaluation) throws {
        if let match = line.wholeMatch(
            of: /expect range vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)/)
        {
            evaluation.isMatrix = true
            evaluation.start = try milliseconds(String(match.1))
            evaluation.step = try milliseconds(String(match.3))
        } else if line.hasPrefix("expect string ") {
            evaluation.text = QuotedText.unquoted(String(line.dropFirst(14)))
        } else if let match = line.wholeMatch(of: /expected_fail_(message|regexp)\s+(.+)/) {
            evaluation.failure =
                match.1 == "message" ? .text(String(match.2)) : .expression(String(match.2))
        } else if let match = line.wholeMatch(
            of: /expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):\s*(.+))?/)
        {
            var pattern = ScriptEvaluation.Pattern.expression("")
            if let text = match.3 {
                pattern = match.2 == "msg" ? .text(String(text)) : .expression(String(text))
            }
            switch match.1 {
            case "ordered": evaluation.isOrdered = true
            case "fail":
                evaluation.fails = true
                evaluation.failure = pattern
            case "warn": evaluation.warnings.append(pattern)
            case "info": evaluation.infos.append(pattern)
            case "no_warn": evaluation.hasNoWarning = true
            default: evaluation.hasNoInfo = true
            }
        } else {
            throw ScriptError("no expectation at line \(place): \(line)")
        }
    }
}

extension String {
    fileprivate var trimmedEnd: String {
        var text = self
        while text.last?.isWhitespace ?? false { text.removeLast() }
        return text
    }
}
