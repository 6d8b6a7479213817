import Foundation

/// Collections of test data by others, which lie beside the project or where `WIDEFIELD_CASES` says.
enum CaseCollection {
    static let folder: URL = {
        let named = ProcessInfo.processInfo.environment["WIDEFIELD_CASES"]
        return named.map { URL(filePath: $0) }
            ?? packageRoot.appending(path: "../shared/cases").standardized
    }()

    /// The text of a file of a collection; nil, which is said aloud, where there is none.
    static func text(_ path: String) -> String? {
        let text = try? String(contentsOf: folder.appending(path: path), encoding: .utf8)
        if text == nil { tellMissing(path) }
        return text
    }

    /// The JSON files of a folder of a collection; none, which is said aloud, where it is not there.
    static func files(_ path: String) -> [URL] {
        let files = jsonFiles(in: folder.appending(path: path))
        if files.isEmpty { tellMissing(path) }
        return files
    }

    private static func tellMissing(_ path: String) {
        print("not there, so not tested: \(path) in \(folder.path())")
    }
}

/// The JSON files of a folder, by name; none where there is no folder.
func jsonFiles(in folder: URL) -> [URL] {
    let found = try? FileManager.default.contentsOfDirectory(
        at: folder, includingPropertiesForKeys: nil)
    return (found ?? []).filter { $0.pathExtension == "json" }
        .sorted { $0.lastPathComponent < $1.lastPathComponent }
}
