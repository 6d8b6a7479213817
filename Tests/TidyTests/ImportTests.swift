import Foundation
import Testing

/// The arrows between targets are those of `docs/ARCHITECTURE.md`, in the manifest and in the code.
@Suite struct ImportTests {
    /// Rows `| Target | … | imports |` of the page's table of targets.
    private func documentedArrows() throws -> [String: Set<String>] {
        let page = try String(
            contentsOf: SourceTree.root.appending(path: "docs/ARCHITECTURE.md"), encoding: .utf8)
        var arrows: [String: Set<String>] = [:]
        for line in page.split(separator: "\n") where line.hasPrefix("| `") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 3 else { continue }
            let names = cells[2].split(separator: ",")
                .map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " `—")) }
            arrows[cells[0].trimmingCharacters(in: CharacterSet(charactersIn: "`"))] =
                Set(names.filter { !$0.isEmpty })
        }
        return arrows
    }

    /// Targets that the code of each target imports.
    private func importedTargets() throws -> [String: Set<String>] {
        let files = try SourceTree.swiftFiles(["Sources"])
        let targets = Set(files.map { String($0.path.split(separator: "/")[1]) })
        var imports: [String: Set<String>] = [:]
        for file in files {
            let target = String(file.path.split(separator: "/")[1])
            imports[target, default: []].formUnion([])
            for line in file.lines {
                let words = line.split(separator: " ")
                guard let at = words.firstIndex(of: "import"), at <= 1, words.count > at + 1 else {
                    continue
                }
                let name = String(words[at + 1])
                if targets.contains(name), !name.hasPrefix("C") || name == "Compute" {
                    imports[target, default: []].insert(name)
                }
            }
        }
        return imports
    }

    @Test func `every target imports what the architecture says and nothing else`() throws {
        let documented = try documentedArrows()
        let found = try importedTargets()
        #expect(Set(documented.keys) == Set(found.keys))
        for (target, imports) in found {
            let allowed = documented[target] ?? []
            #expect(imports == allowed, "\(target)")
        }
    }

    @Test func `the road goes one way`() throws {
        let arrows = try documentedArrows()
        var open = Set(arrows.keys)
        while !open.isEmpty {
            let ready = open.filter { (arrows[$0] ?? []).isDisjoint(with: open) }
            #expect(!ready.isEmpty, "targets import each other in a circle: \(open.sorted())")
            if ready.isEmpty { return }
            open.subtract(ready)
        }
    }

    @Test func `the package depends on no other package`() throws {
        let manifest = try String(
            contentsOf: SourceTree.root.appending(path: "Package.swift"), encoding: .utf8)
        #expect(!manifest.contains(".package("))
    }
}
