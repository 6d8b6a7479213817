import Events
import Foundation
import Host
import TestSupport
import Testing

@testable import EventStore

/// Stores written by earlier versions stay readable.
///
/// `fixtures/formats/store-v1` is the directory of a stopped store: a segment, a manifest, a log with a
/// key. `UPDATE=1` writes it anew, which only a new version of a format may ask for.
@Suite struct StoreCompatibilityTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "fixtures/formats/store-v1")

    private static func write() throws {
        let fixture = StoreFixture(seed: 7)
        fixture.options.limits.logFileBytes = 1_024
        let store = try fixture.open()
        store.send(numbered(0..<20))
        store.send(numbered(1_000..<1_005, dataset: "pay"), key: "first")
        try store.seal()
        store.send(numbered(20..<25), key: "second", body: 9)
        fixture.disk.kill()
        try? FileManager.default.removeItem(at: root)
        for path in fixture.disk.filePaths where path != "data/lock" {
            let url = root.appending(path: String(path.dropFirst("data/".count)))
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(fixture.disk.contents(of: path) ?? []).write(to: url)
        }
    }

    @Test func `a store of version 1 is read, checked and gone on with`() throws {
        if ProcessInfo.processInfo.environment["UPDATE"] != nil {
            try StoreCompatibilityTests.write()
        }
        let fixture = StoreFixture()
        let names = try FileManager.default.subpathsOfDirectory(
            atPath: StoreCompatibilityTests.root.path)
        for name in names {
            let url = StoreCompatibilityTests.root.appending(path: name)
            guard let bytes = try? Data(contentsOf: url) else { continue }
            fixture.disk.place("data/" + name, Array(bytes))
        }
        let expected = Array(0..<25) + (1_000..<1_005).map(Int64.init)
        #expect(try EventStore.verify("data", machine: fixture.machine).isEmpty)
        let store = try fixture.open()
        #expect(try store.ids() == expected)
        #expect(store.snapshot(environment: "e").segments.map(\.rows) == [20, 5])
        #expect(
            store.send(numbered(20..<25), key: "second", body: 9).acceptance?.isDuplicate == true)
        #expect(store.send([], key: "first", body: 1).error?.code == .keyConflict)
        store.send(numbered([25]))
        try store.close()
        #expect(try fixture.open().ids().contains(25))
    }
}
