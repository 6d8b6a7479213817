import Bytes
import Foundation
import Ingest
import Testing

/// JSON as others test it: documents that must be read, must be refused, or may be either.
@Suite struct JSONConformanceTests {
    let decoder = JSONEventDecoder()

    /// Wraps a document as the one field of the one event of a batch.
    func wrapped(_ document: Data) throws(BodyRefusal) -> Decoded {
        try decoder.decodeBatch(
            PaddedBytes(Array("[{\"data\":{\"v\":".utf8) + document + Array("}}]".utf8)),
            dataset: "shop", receivedAt: arrival)
    }

    @Test func `what is not JSON is refused, alone and inside a batch`() throws {
        let files = jsonFiles(in: packageRoot.appending(path: "fixtures/requests/json/refused"))
        #expect(files.count > 30)
        for file in files {
            let document = try Data(contentsOf: file)
            #expect(throws: BodyRefusal.self, "\(file.lastPathComponent)") {
                try decoder.decodeEvent(PaddedBytes(document), dataset: "shop", receivedAt: arrival)
            }
            #expect(throws: BodyRefusal.self, "\(file.lastPathComponent)") {
                try wrapped(document)
            }
            let line = try decoder.decodeLines(
                PaddedBytes(document), dataset: "shop", receivedAt: arrival)
            #expect(line.accepted == 0, "\(file.lastPathComponent)")
        }
    }

    @Test(arguments: CaseCollection.files("json-test-suite/test_parsing"))
    func `the public parsing suite is answered as it asks`(file: URL) throws {
        let name = file.lastPathComponent
        let document = try Data(contentsOf: file)
        let isRead = (try? wrapped(document))?.accepted == 1
        let alone = try? decoder.decodeEvent(
            PaddedBytes(document), dataset: "shop", receivedAt: arrival)
        if name.hasPrefix("y_") {
            #expect(isRead, "\(name)")
            #expect(alone != nil, "\(name)")
        } else if name.hasPrefix("n_") {
            #expect(!isRead, "\(name)")
            #expect(alone == nil, "\(name)")
        }
        // The others may be either; what matters is that the next body is read.
        #expect(try decoder.batch(#"[{"data":{"v":1}}]"#).accepted == 1)
    }
}
