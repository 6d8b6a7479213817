import Bytes
import Testing

@testable import Service

@Suite struct SavedQueriesTests {
    private func specification(_ index: Int, padding: Int) -> SavedQueries.SavedQuery {
        let text = String(index) + String(repeating: "x", count: padding)
        return SavedQueries.SavedQuery(dataset: "shop", specification: ["name": .string(text)])
    }

    @Test func `the oldest queries go when all together are too large`() {
        let saved = SavedQueries()
        let ids = (0..<12).map {
            saved.save(specification($0, padding: 1 << 20), environment: "e")
        }
        let kept = ids.map { saved.query($0, environment: "e") != nil }
        #expect(kept == (0..<12).map { $0 >= 5 })
    }

    @Test func `equal queries share an id that no other environment knows`() {
        let saved = SavedQueries()
        let id = saved.save(specification(1, padding: 0), environment: "e")
        #expect(saved.save(specification(1, padding: 0), environment: "e") == id)
        #expect(saved.query(id, environment: "e") != nil)
        #expect(saved.query(id, environment: "f") == nil)
    }
}
