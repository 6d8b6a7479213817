import Testing

@testable import Service

private let traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
private let parentID = "00f067aa0ba902b7"
private let valid = "00-\(traceID)-\(parentID)-01"

private func context(_ parents: String..., states: [String] = []) -> TraceContext? {
    TraceContext(traceparents: parents, tracestates: states)
}

/// What the Recommendation and its test suite say of `traceparent`.
@Suite struct TraceContextTests {
    @Test func `a well-formed header tells trace, parent and flags`() throws {
        let read = try #require(context(valid))
        #expect(read.traceID == traceID)
        #expect(read.parentID == parentID)
        #expect(read.isSampled)
        #expect(read.traceparent == valid)
        #expect(try !#require(context("00-\(traceID)-\(parentID)-00")).isSampled)
        #expect(context(" \t\(valid)\t ") == read)
    }

    @Test(arguments: [
        "", "00", "00-\(traceID)-\(parentID)", "00-\(traceID)-\(parentID)-0",
        "00-\(traceID)-\(parentID)-1", "00-\(traceID)-\(parentID)-001",
        "0-\(traceID)-\(parentID)-01", "000-\(traceID)-\(parentID)-01",
        "00-\(traceID.dropLast())-\(parentID)-01", "00-\(traceID)0-\(parentID)-01",
        "00-\(traceID)-\(parentID.dropLast())-01", "00-\(traceID)-\(parentID)0-01",
        "00-\(String(repeating: "0", count: 32))-\(parentID)-01",
        "00-\(traceID)-\(String(repeating: "0", count: 16))-01",
        ".0-\(traceID)-\(parentID)-01", "0.-\(traceID)-\(parentID)-01",
        "00-.\(traceID.dropFirst())-\(parentID)-01", "00-\(traceID.dropLast()).-\(parentID)-01",
        "00-\(traceID)-.\(parentID.dropFirst())-01", "00-\(traceID)-\(parentID.dropLast()).-01",
        "00-\(traceID)-\(parentID)-.0", "00-\(traceID)-\(parentID)-0.",
        "00-\(traceID)-\(parentID)-0é", "00_\(traceID)-\(parentID)-01",
        "00-\(traceID)_\(parentID)-01", "00-\(traceID)-\(parentID)_01",
        "00-\(traceID.uppercased())-\(parentID)-01", "00-\(traceID)-00F067AA0BA902B7-01",
        "00-\(traceID)-\(parentID)-0A", "FF-\(traceID)-\(parentID)-01",
        "ff-\(traceID)-\(parentID)-01", "ff-\(traceID)-\(parentID)-01-more",
        "\(valid)-", "\(valid)-what-the-future-will-be-like", "\(valid).", "\(valid),\(valid)",
    ])
    func `what is not well-formed is no trace`(header: String) {
        #expect(context(header, states: ["a=1"]) == nil)
    }

    @Test func `a trace that begins here is read as any other, and is none of those before`() throws
    {
        let contexts = (0..<100).map { _ in TraceContext.beginning() }
        for context in contexts {
            #expect(
                TraceContext(traceparents: [context.traceparent], tracestates: []) == context)
        }
        #expect(Set(contexts.map(\.traceID)).count == 100)
    }

    @Test func `two headers are no trace, nor is none`() {
        #expect(context(valid, valid) == nil)
        #expect(context(valid, "") == nil)
        #expect(TraceContext(traceparents: [], tracestates: ["a=1"]) == nil)
    }

    @Test func `a later version is read by its beginning`() throws {
        for text in ["cc-\(traceID)-\(parentID)-01", "01-\(traceID)-\(parentID)-01-more.of,it"] {
            let read = try #require(context(text))
            #expect(read.traceID == traceID)
            #expect(read.isSampled)
            #expect(read.traceparent == valid)
        }
        #expect(context("cc-\(traceID)-\(parentID)-01.more") == nil)
        #expect(context("cc-\(traceID)-\(parentID)-0") == nil)
    }

    @Test func `flags nobody knows yet are not passed on`() {
        #expect(context("00-\(traceID)-\(parentID)-ff")?.traceparent.hasSuffix("-03") == true)
        #expect(context("00-\(traceID)-\(parentID)-fe")?.isSampled == false)
    }

    @Test func `a bad state costs itself, not the trace`() throws {
        #expect(try #require(context(valid, states: ["A=1"])).state.isEmpty)
        #expect(context(valid, states: ["a=1"])?.headers["tracestate"] == "a=1")
        #expect(context(valid, states: ["A=1"])?.headers["tracestate"] == nil)
    }
}

/// What they say of `tracestate`.
@Suite struct TraceStateTests {
    @Test(arguments: [
        ("foo=1", "foo=1"), ("foo=1,bar=2", "foo=1,bar=2"), ("foo=1 \t , \t bar=2", "foo=1,bar=2"),
        (" \tfoo=1,", "foo=1"), (",,foo=1,,", "foo=1"), ("", ""), (" ", ""),
        ("foo=1,foo=2", "foo=1"), ("foo=1,bar=2,foo=3", "foo=1,bar=2"),
        ("f-_*/a@x=1", "f-_*/a@x=1"), ("0tenant@vendor=!~ x", "0tenant@vendor=!~ x"),
        ("a= b", "a= b"), ("a=b  ", "a=b"),
    ])
    func `members are kept in their order`(header: String, kept: String) throws {
        #expect(try #require(TraceState(headers: [header])).text == kept)
    }

    @Test(arguments: [
        "foo", "=1", "foo=", "foo=1,bar", "FOO=1", "foo =1", "foo.bar=1", "@foo=1", "-foo=1",
        "foo=1=2", "foo=\u{7F}", "foo=a\tb", "foo=é", "foo=\u{1}", "é=1",
    ])
    func `one malformed member makes the list so`(header: String) {
        #expect(TraceState(headers: [header]) == nil)
        #expect(TraceState(headers: ["ok=1", header]) == nil)
    }

    @Test func `several headers are one list`() throws {
        let state = try #require(TraceState(headers: ["foo=1", "", "bar=2,foo=3"]))
        #expect(state.members == [.init(key: "foo", value: "1"), .init(key: "bar", value: "2")])
    }

    @Test func `thirty-two members are a list, one more are none`() {
        let members = (0..<33).map { "bar\($0)=\($0)" }
        #expect(TraceState(headers: [members[..<32].joined(separator: ",")])?.members.count == 32)
        #expect(TraceState(headers: [members.joined(separator: ",")]) == nil)
        #expect(TraceState(headers: members) == nil)
    }

    @Test func `keys and values have 256 bytes at most`() {
        let long = String(repeating: "z", count: 256)
        #expect(TraceState(headers: ["\(long)=\(long)"])?.members.count == 1)
        #expect(TraceState(headers: ["\(long)z=1"]) == nil)
        #expect(TraceState(headers: ["z=\(long)z"]) == nil)
    }

    @Test func `what is sent on has 512 bytes at most, large members left out first`() throws {
        func member(_ key: String, _ bytes: Int) -> String {
            key + "=" + String(repeating: "t", count: bytes - key.utf8.count - 1)
        }
        let exact = ["a", "b", "c", "d"].map { member($0, $0 == "a" ? 125 : 128) }
        #expect(try #require(TraceState(headers: exact)).text == exact.joined(separator: ","))
        let mixed = [member("a", 128), member("b", 200), member("c", 200)]
        #expect(try #require(TraceState(headers: mixed)).text == mixed[0] + "," + mixed[1])
        let many = (0..<32).map { member("k\($0)", 100) }
        #expect(
            try #require(TraceState(headers: many)).text == many[..<5].joined(separator: ","))
    }
}
