import Foundation

/// The project's files, found from where this one lies.
enum SourceTree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    struct File {
        /// From the project's root.
        let path: String
        let text: String

        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    }

    /// Files under `folders` whose names end in one of `endings`, sorted by path.
    static func files(_ folders: [String], endings: [String]) throws -> [File] {
        var files: [File] = []
        for folder in folders {
            let base = root.appending(path: folder)
            let walk = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil)
            while let url = walk?.nextObject() as? URL {
                guard endings.contains(url.pathExtension) else { continue }
                let path = url.standardizedFileURL.path
                files.append(
                    File(
                        path: String(path.dropFirst(root.standardizedFileURL.path.count + 1)),
                        text: try String(contentsOf: url, encoding: .utf8)))
            }
        }
        return files.sorted { $0.path < $1.path }
    }

    static func swiftFiles(_ folders: [String] = ["Sources", "Tests"]) throws -> [File] {
        try files(folders, endings: ["swift"])
    }
}
