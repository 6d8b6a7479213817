internal import Bytes

/// A server as commands speak to it: its URL, its key, and what its refusals mean.
struct ServerConnection: ~Copyable {
    /// The options of every command that asks a server.
    static let options: [OptionSpec] = [
        OptionSpec("url", "URL", help: "the server", byDefault: "http://127.0.0.1:8080"),
        OptionSpec("key", "KEY", help: "a key, where the server wants one"),
        OptionSpec(
            "authorities", "FILE", help: "certificates (PEM) to trust in an https URL",
            byDefault: "the system's"),
    ]

    private var client: HTTPClient
    private let key: String?
    /// The trace in which the command was started goes on in its requests.
    private let trace = TraceContext.ofProcess()

    init(_ arguments: ParsedArguments) throws(CommandFailure) {
        let text = arguments["url"] ?? "http://127.0.0.1:8080"
        guard let url = ServerURL(text) else {
            throw CommandFailure(
                .wrongUsage,
                "--url: expected http://HOST:PORT or https://HOST:PORT, found '\(text)'")
        }
        client = HTTPClient(url, authorities: arguments["authorities"])
        key = arguments["key"]
    }

    /// Sends a request; an answer of whatever status is given back.
    ///
    /// Throws a failure with code 3 when the server cannot be reached.
    mutating func send(
        _ method: String, _ path: String, headers: HTTPHeaders = [:], body: [UInt8] = []
    ) throws(CommandFailure) -> HTTPResponse {
        var headers = headers
        if let key { headers["X-Honeycomb-Team"] = key }
        for (name, value) in trace?.headers.fields ?? [] { headers[name] = value }
        do throws(HTTPClientError) {
            return try client.request(method, path, headers: headers, body: body)
        } catch {
            throw CommandFailure(.serverUnreachable, "the server cannot be reached: \(error)")
        }
    }

    /// Asks for an answer that goes on, and gives its body to `body` as it comes, until that answers
    /// false.
    ///
    /// A refusal is given back whole. Throws a failure with code 3 when the server cannot be reached.
    mutating func stream(
        _ path: String, _ body: ([UInt8]) -> Bool
    ) throws(CommandFailure) -> HTTPResponse {
        var headers = HTTPHeaders()
        if let key { headers["X-Honeycomb-Team"] = key }
        for (name, value) in trace?.headers.fields ?? [] { headers[name] = value }
        do throws(HTTPClientError) {
            return try client.stream(path, headers: headers, body)
        } catch {
            throw CommandFailure(.serverUnreachable, "the server cannot be reached: \(error)")
        }
    }

    /// Sends a request and reads the JSON of its answer.
    ///
    /// Throws a failure with code 1 and the server's words when it is refused.
    mutating func json(_ method: String, _ path: String) throws(CommandFailure) -> JSONValue {
        let response = try send(method, path)
        guard response.status < 300 else { throw ServerConnection.failure(of: response) }
        do throws(JSONError) {
            return try JSONValue(parsing: response.body)
        } catch {
            throw CommandFailure(.failed, "the server's answer is no JSON: \(error)")
        }
    }

    /// What a refusal says, in the server's words.
    static func failure(of response: HTTPResponse) -> CommandFailure {
        let document = try? JSONValue(parsing: response.body)
        let reason = document?["error"]?.string ?? "the server answered \(response.status)"
        return CommandFailure(.failed, reason)
    }
}
