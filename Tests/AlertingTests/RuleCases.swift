import Foundation

/// Files of rules by others, which lie beside the project or where `WIDEFIELD_CASES` says.
enum RuleCases {
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static let folder: URL = {
        let named = ProcessInfo.processInfo.environment["WIDEFIELD_CASES"]
        let cases =
            named.map { URL(filePath: $0) }
            ?? root.appending(path: "../shared/cases").standardized
        return cases.appending(path: "prom-rulefmt")
    }()

    /// Files of a folder with their bytes, by names; none, which is said aloud, where it is not there.
    static func files(_ path: String) throws -> [(name: String, bytes: [UInt8])] {
        let folder = folder.appending(path: path)
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path()) else {
            print("not there, so not tested: \(folder.path())")
            return []
        }
        return try names.sorted().map { name in
            (name, Array(try Data(contentsOf: folder.appending(path: name))))
        }
    }
}
