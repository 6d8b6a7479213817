/// Where a server is: `http://HOST[:PORT][/PATH]`, or `https://…`.
struct ServerURL: Sendable, Equatable {
    let address: ListenAddress
    let isTLS: Bool
    /// Goes before every path; empty or begins with a slash, without one at its end.
    let basePath: String

    /// Reads the text; nil when it is no such URL.
    init?(_ text: String) {
        guard let scheme = ["http", "https"].first(where: { text.hasPrefix($0 + "://") }) else {
            return nil
        }
        isTLS = scheme == "https"
        let rest = text.dropFirst(scheme.count + "://".count)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let authority = String(rest[..<slash])
        guard !authority.isEmpty, !authority.contains("@") else { return nil }
        let hasPort = authority.hasSuffix("]") ? false : authority.contains(":")
        guard let address = ListenAddress(hasPort ? authority : "\(authority):\(isTLS ? 443 : 80)")
        else {
            return nil
        }
        self.address = address
        var path = rest[slash...]
        while path.hasSuffix("/") { path = path.dropLast() }
        guard path.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x3F && $0 != 0x23 }) else { return nil }
        basePath = String(path)
    }

    /// What a request's Host says; without the port of the scheme.
    var host: String {
        let port = isTLS ? 443 : 80
        guard address.port == port else { return address.description }
        return String(address.description.dropLast(String(port).count + 1))
    }
}
