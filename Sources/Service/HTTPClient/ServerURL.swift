/// Where a server is: `http://HOST[:PORT][/PATH]`.
struct ServerURL: Sendable, Equatable {
    let address: ListenAddress
    /// Goes before every path; empty or begins with a slash, without one at its end.
    let basePath: String

    /// Reads the text; nil when it is no such URL.
    init?(_ text: String) {
        guard text.hasPrefix("http://") else { return nil }
        let rest = text.dropFirst("http://".count)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let authority = String(rest[..<slash])
        guard !authority.isEmpty, !authority.contains("@") else { return nil }
        let hasPort = authority.hasSuffix("]") ? false : authority.contains(":")
        guard let address = ListenAddress(hasPort ? authority : authority + ":80") else {
            return nil
        }
        self.address = address
        var path = rest[slash...]
        while path.hasSuffix("/") { path = path.dropLast() }
        guard path.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x3F && $0 != 0x23 }) else { return nil }
        basePath = String(path)
    }
}
