import Foundation
import Testing

/// Rules of the house that a reader would otherwise have to remember.
@Suite struct TidyTests {
    @Test func `no source file is longer than 700 lines`() throws {
        for file in try SourceTree.swiftFiles() {
            #expect(file.lines.count <= 701, "\(file.path): \(file.lines.count) lines")
        }
    }

    @Test func `no function is longer than 70 lines`() throws {
        for file in try SourceTree.swiftFiles() {
            var start: (line: Int, indent: Int)?
            for (number, line) in file.lines.enumerated() {
                let indent = line.prefix { $0 == " " }.count
                let words = line.split(separator: " ")
                if start == nil, words.contains("func") || words.first?.hasPrefix("init") ?? false,
                    !line.contains("//"), line.hasSuffix("{")
                {
                    start = (number, indent)
                } else if let begun = start, indent == begun.indent,
                    line.hasPrefix(
                        String(repeating: " ", count: indent) + "}")
                {
                    #expect(number - begun.line <= 71, "\(file.path):\(begun.line + 1)")
                    start = nil
                }
            }
        }
    }

    /// Each with the better one.
    private static let bannedCalls = [
        ("try" + "!", "throw, or precondition with \"BUG:\""),
        ("fatal" + "Error(", "precondition with \"BUG:\""),
        ("as" + "! ", "a guard with precondition"),
        ("JSON" + "Serialization", "JSONValue"),
        (".disabled" + "(", "a test that asserts what is known to be wrong"),
    ]

    @Test func `banned calls are not used`() throws {
        for file in try SourceTree.swiftFiles() {
            for (number, line) in file.lines.enumerated() {
                for (call, better) in TidyTests.bannedCalls where line.contains(call) {
                    Issue.record("\(file.path):\(number + 1): \(call) — take \(better)")
                }
            }
        }
    }

    @Test func `below the service nothing imports Foundation`() throws {
        let exempt = ["Sources/Service/", "Sources/widefield/"]
        for file in try SourceTree.swiftFiles(["Sources"])
        where !exempt.contains(where: { file.path.hasPrefix($0) }) {
            #expect(!file.text.contains("import Foundation"), "\(file.path)")
        }
    }

    @Test func `only the host and the service speak to the C library`() throws {
        let doors = ["Sources/Host/", "Sources/Service/", "Sources/widefield/"]
        for file in try SourceTree.swiftFiles(["Sources"])
        where !doors.contains(where: { file.path.hasPrefix($0) }) {
            #expect(!file.text.contains("import Glibc"), "\(file.path)")
        }
    }

    @Test func `no file has a name that says nothing`() throws {
        let empty = ["Utils", "Helpers", "Common", "Misc", "Manager"]
        for file in try SourceTree.swiftFiles() {
            for word in empty { #expect(!file.path.contains(word), "\(file.path)") }
        }
    }

    @Test func `shared state without a lock says why it is safe`() throws {
        for file in try SourceTree.swiftFiles(["Sources"]) {
            let uses = file.text.components(separatedBy: "@unchecked Sendable").count - 1
            let proofs = file.text.components(separatedBy: "SENDABLE:").count - 1
            #expect(uses <= proofs, "\(file.path)")
        }
    }

    @Test func `every page has one title`() throws {
        for page in try SourceTree.files(["docs", "fixtures"], endings: ["md"]) {
            var isCode = false
            var titles = 0
            for line in page.lines {
                if line.hasPrefix("```") { isCode.toggle() }
                if !isCode && line.hasPrefix("# ") { titles += 1 }
            }
            #expect(titles == 1, "\(page.path)")
        }
    }

    @Test func `links between pages lead somewhere`() throws {
        let pages = try SourceTree.files(["docs"], endings: ["md"])
        let readme = SourceTree.root.appending(path: "README.md")
        var all = pages.map { ($0.path, $0.text) }
        all.append(("README.md", try String(contentsOf: readme, encoding: .utf8)))
        let link = /\]\(([^)#: ]+)(#[^)]*)?\)/
        for (path, text) in all {
            let folder = SourceTree.root.appending(path: path).deletingLastPathComponent()
            for match in text.matches(of: link) {
                let target = folder.appending(path: String(match.1)).standardizedFileURL
                #expect(FileManager.default.fileExists(atPath: target.path), "\(path): \(match.1)")
            }
        }
    }
}
