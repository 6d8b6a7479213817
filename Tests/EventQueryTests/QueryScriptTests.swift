import EventQuery
import Events
import Glibc
import TestSupport
import Testing

@Suite struct QueryScriptTests {
    /// The lines of an answer, or of the error.
    private func lines(
        _ text: [String], _ answer: (Query) throws -> Answer
    ) -> [String] {
        do {
            let query = try Query(parsing: text.joined(separator: "\n"))
            return try answer(query).lines(query)
        } catch {
            return ["error: \(error)"]
        }
    }

    @Test(arguments: QueryScript.allPaths)
    func `the oracle answers as the script says`(path: String) throws {
        let script = try QueryScript(path: path)
        var events: [ModelEvent] = []
        var answers: [[String]] = []
        let isUpdate = getenv("UPDATE") != nil
        for step in script.steps {
            switch step {
            case .other: break
            case .load(_, let more): events += more
            case .query(let text, let expected):
                let oracle = NaiveEvaluator(events: events, now: QueryScript.now)
                let found = lines(text) { oracle.answer($0) }
                answers.append(found)
                if !isUpdate { #expect(found == expected, "\(text.joined(separator: "\n"))") }
            }
        }
        if isUpdate { try QueryScript.write(script.rewritten(answers), to: path) }
        #expect(!answers.isEmpty)
    }

    @Test(arguments: QueryScript.allPaths, EngineLayout.allCases)
    func `the engine answers as the script says`(path: String, layout: EngineLayout) throws {
        var events: [ModelEvent] = []
        for step in try QueryScript(path: path).steps {
            switch step {
            case .other: break
            case .load(_, let more): events += more
            case .query(let text, let expected):
                let engine = try EngineRunner(events, layout, now: QueryScript.now)
                let found = lines(text) { try engine.answer($0) }
                #expect(found == expected, "\(text.joined(separator: "\n"))")
            }
        }
    }

    @Test func `there are scripts`() throws {
        let cases = try QueryScript.allPaths.flatMap { try QueryScript(path: $0).steps }.filter {
            if case .query = $0 { true } else { false }
        }
        #expect(cases.count >= 400)
    }
}
