import Foundation
import Testing

@testable import Alerting

/// Verdicts on tests of rules; promtool's are compared with in `Tests/EndToEnd/rules_test.py`.
@Suite struct RuleTestFileTests {
    private static let folder = RuleCases.root.appending(path: "fixtures/rules")

    private static let names =
        (try? FileManager.default.contentsOfDirectory(atPath: folder.path())
            .filter { $0.hasSuffix(".test.yaml") }.sorted()) ?? []

    private func failures(_ name: String) throws -> [String] {
        func bytes(_ name: String) throws -> [UInt8] {
            Array(try Data(contentsOf: RuleTestFileTests.folder.appending(path: name)))
        }
        do {
            let file = try RuleTestFile(try bytes(name), name: name)
            let rules = try file.ruleFiles.filter { $0 != "nowhere.yaml" }.map {
                let name = $0.replacing("*", with: "yaml")
                return try RuleFile(try bytes(name), name: name)
            }
            return file.failures(rules)
        } catch {
            return ["\(error)"]
        }
    }

    @Test func `there are tests`() { #expect(RuleTestFileTests.names.count >= 7) }

    @Test(arguments: names)
    func `each file has the verdict that its name says`(name: String) throws {
        let found = try failures(name)
        #expect(found.isEmpty != name.hasSuffix(".fail.test.yaml"), "\(found)")
    }

    @Test func `a failure tells what was expected and what was found`() throws {
        let found = try failures("wrong-value.fail.test.yaml")
        #expect(
            found == [
                "test 1: expr: \"constant\", time: 1m,\n    exp:\n        constant 43\n    got:"
                    + "\n        constant 42"
            ])
    }
}
