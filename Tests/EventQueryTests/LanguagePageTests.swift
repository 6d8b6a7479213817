import EventQuery
import Testing

@Suite struct LanguagePageTests {
    @Test func `every example of the language's page is a query`() throws {
        let page = try QueryScript.text(of: QueryScript.projectFile("docs/query-language.md"))
        var examples: [String] = []
        for (place, block) in page.split(separator: "```").enumerated() where place % 2 == 1 {
            let text = block.split(separator: "\n", omittingEmptySubsequences: false)
            for paragraph in text.split(separator: "")
            where paragraph.first?.hasPrefix("from") == true {
                examples.append(paragraph.joined(separator: "\n"))
            }
        }
        #expect(examples.count >= 6)
        for example in examples {
            let query = try Query(parsing: example)
            #expect(try Query(parsing: query.text) == query)
        }
    }
}
