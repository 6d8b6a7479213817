/// Changes of texts that templates ask for.
enum TemplateText {
    /// As a value of a URL's query: a space is `+`.
    static func escapedQuery(_ text: String) -> String {
        let hexadecimal = Array("0123456789ABCDEF")
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: " "): result += "+"
            default:
                result.append("%")
                result.append(hexadecimal[Int(byte >> 4)])
                result.append(hexadecimal[Int(byte & 15)])
            }
        }
        return result
    }

    static func escapedHTML(_ text: String) -> String {
        replacing(
            text, ["\"": "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"])
    }

    static func escapedScript(_ text: String) -> String {
        replacing(
            text,
            [
                "\\": "\\\\", "'": "\\'", "\"": "\\\"", "<": "\\u003C", ">": "\\u003E",
                "&": "\\u0026", "=": "\\u003D", "\n": "\\u000A", "\r": "\\u000D", "\t": "\\u0009",
            ])
    }

    private static func replacing(_ text: String, _ escapes: [Unicode.Scalar: String]) -> String {
        text.unicodeScalars.map { escapes[$0] ?? String($0) }.joined()
    }

    /// The first letter of each word in upper case.
    static func titled(_ text: String) -> String {
        var result = ""
        var isWithinWord = false
        for character in text {
            result += isWithinWord ? String(character) : character.uppercased()
            isWithinWord =
                character.isLetter || character.isNumber || character == "_" || character == "'"
        }
        return result
    }

    /// `host` of `host:port` and of `[::1]:port`; anything else as it is.
    static func withoutPort(_ text: String) -> String {
        guard let colon = text.lastIndex(of: ":") else { return text }
        let host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { return String(host.dropFirst().dropLast()) }
        return host.contains(":") || host.contains("[") ? text : String(host)
    }

    /// The first name of a host's: `a:9` of `a.example.com:9`; an address as it is.
    static func withoutDomain(_ text: String) -> String {
        let host = withoutPort(text)
        let isAddress =
            host.contains(":")
            || host.split(separator: ".").count == 4
                && host.split(separator: ".").allSatisfy { UInt8($0) != nil }
        if isAddress { return text }
        let name = String(host.prefix { $0 != "." })
        return host == text
            ? name : name + text[text.index(text.startIndex, offsetBy: host.count)...]
    }

    /// The path of a URL, without a slash at its end.
    static func path(ofURL url: String) -> String {
        guard let scheme = url.firstRange(of: "://"),
            let slash = url[scheme.upperBound...].firstIndex(of: "/")
        else { return "" }
        var path = url[slash...].prefix { $0 != "?" && $0 != "#" }
        while path.last == "/" { path.removeLast() }
        return String(path)
    }
}
