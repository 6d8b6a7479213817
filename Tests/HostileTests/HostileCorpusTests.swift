import Foundation
import Testing

/// Hostile input of every kind, read again at each run.
@Suite struct HostileCorpusTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "fixtures/hostile")

    static func files(of kind: HostileReader.Kind) throws -> [URL] {
        let folder = folder.appending(path: kind.rawValue)
        return try FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: nil
        ).sorted { $0.lastPathComponent < $1.lastPathComponent }
    }

    @Test(arguments: HostileReader.Kind.allCases)
    func `the corpus is read without a trap, whole and cut anywhere`(
        kind: HostileReader.Kind
    ) throws {
        let reader = HostileReader()
        let files = try HostileCorpusTests.files(of: kind)
        #expect(!files.isEmpty)
        for file in files {
            let bytes = Array(try Data(contentsOf: file))
            reader.read(bytes, as: kind)
            for length in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 40)) {
                reader.read(Array(bytes[..<length]), as: kind)
            }
        }
    }

    @Test func `every folder is some reader's corpus`() throws {
        let names = try FileManager.default.contentsOfDirectory(
            atPath: HostileCorpusTests.folder.path)
        let kinds = HostileReader.Kind.allCases.map(\.rawValue)
        #expect(Set(names).subtracting(["README.md"]) == Set(kinds))
    }
}
