import Testing

@testable import Service

@Suite struct TextTableTests {
    @Test func `neither titles nor cells steer a terminal`() {
        let hostile = "a\u{1B}[2Jb\u{202E}c\u{9B}d"
        var table = TextTable([.init(title: hostile, isNumber: false)])
        table.append([hostile + "\r\n"])
        let lines = table.text(usesColor: false).split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines.first == "a [2Jb c d")
        #expect(lines.last?.hasPrefix("a [2Jb c d") == true)
    }

    @Test func `lines of a message stay where they are asked for`() {
        #expect(harmless("a\nb\u{1B}", keepsLines: true) == "a\nb ")
        #expect(harmless("a\nb") == "a b")
    }
}
