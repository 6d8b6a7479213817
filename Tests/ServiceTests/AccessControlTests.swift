import Bytes
import Host
import Testing
import TestSupport

@testable import Service

private func head(
    _ headers: [(String, String)] = [("Host", "127.0.0.1:8080")], target: String = "/1/auth"
) throws -> HTTPRequestHead {
    var fields = HTTPHeaders()
    for (name, value) in headers { fields.add(name, value) }
    return HTTPRequestHead(
        method: "GET", target: try #require(RequestTarget(target)), headers: fields)
}

private func status(_ result: Result<Principal, HTTPRefusal>) -> Int {
    switch result {
    case .success: 200
    case .failure(let refusal): refusal.response.status
    }
}

@Suite struct AccessControlTests {
    @Test(arguments: [
        ("127.0.0.1:8080", nil, 200), ("localhost:8080", nil, 200), ("[::1]:8080", nil, 200),
        ("evil.org", nil, 403), ("127.0.0.1.evil.org:8080", nil, 403), ("", nil, 403),
        ("127.0.0.1:8080", "http://127.0.0.1:8080", 200),
        ("127.0.0.1:8080", "http://127.0.0.1:3000", 403),
        ("127.0.0.1:8080", "https://127.0.0.1:8080", 403),
        ("127.0.0.1:8080", "http://evil.org", 403), ("127.0.0.1:8080", "null", 403),
    ])
    func `without keys foreign hosts and origins are refused`(
        host: String, origin: String?, expected: Int
    ) throws {
        let access = AccessControl(KeyRing())
        let origins = origin.map { [("Origin", $0)] } ?? []
        let request = try head([("Host", host)] + origins)
        for permission in [nil, Permission.sendEvents, .askQuestions, .authenticate] {
            #expect(status(access.principal(of: request, for: permission)) == expected)
        }
    }

    @Test(arguments: [
        (KeyKind.ingest, 200, 403), (.query, 403, 200), (.admin, 200, 200),
    ])
    func `a key opens what its kind allows in its own environment`(
        kind: KeyKind, sending: Int, asking: Int
    ) throws {
        let (key, text) = AccessKey.create(kind, environment: "prod", on: .real)
        let access = AccessControl(KeyRing([key]))
        #expect(text.hasPrefix(kind.prefix))
        #expect(text.utf8.count == 36)
        for header in [
            ("X-Honeycomb-Team", text), ("x-hny-team", text), ("Authorization", "Bearer " + text),
        ] {
            let request = try head([header, ("Host", "example.org")])
            #expect(status(access.principal(of: request, for: .sendEvents)) == sending)
            #expect(status(access.principal(of: request, for: .askQuestions)) == asking)
            let principal = try access.principal(of: request, for: .authenticate).get()
            #expect(principal.environment == "prod")
            #expect(principal.keyID == key.id)
        }
    }

    @Test func `an unknown key is refused and the team header goes before the bearer`() throws {
        let (key, text) = AccessKey.create(.admin, environment: "prod", on: .real)
        let access = AccessControl(KeyRing([key]))
        for headers in [
            [], [("X-Honeycomb-Team", text + "x")], [("X-Honeycomb-Team", hexadecimal(key.digest))],
            [("X-Honeycomb-Team", "x"), ("Authorization", "Bearer " + text)],
            [("Authorization", "Basic " + text)],
        ] {
            let request = try head(headers)
            #expect(status(access.principal(of: request, for: .authenticate)) == 401)
            #expect(status(access.principal(of: request, for: nil)) == 200)
        }
    }

    @Test(arguments: [
        (KeyKind.admin, "_self", Permission.askQuestions, 200),
        (.admin, "_self", .authenticate, 200), (.admin, "_self", .sendEvents, 403),
        (.query, "_self", .askQuestions, 403), (.ingest, "_self", .sendEvents, 403),
        (.admin, "other", .askQuestions, 403), (.admin, "prod", .askQuestions, 200),
        (.query, "prod", .askQuestions, 200), (.admin, "", .askQuestions, 403),
    ])
    func `only the server's own environment can be named, and only by an admin key`(
        kind: KeyKind, name: String, permission: Permission, expected: Int
    ) throws {
        let (key, text) = AccessKey.create(kind, environment: "prod", on: .real)
        let access = AccessControl(KeyRing([key]))
        let request = try head([("X-Honeycomb-Team", text)], target: "/api?environment=\(name)")
        let result = access.principal(of: request, for: permission)
        #expect(status(result) == expected)
        if expected == 200 { #expect(try result.get().environment == name) }
        let anonymous = try head([("Host", "localhost")], target: "/api?environment=\(name)")
        #expect(status(access.principal(of: anonymous, for: permission)) == 401)
    }

    @Test func `without keys everyone on loopback may ask about the server, and nobody send`()
        throws
    {
        let access = AccessControl(KeyRing())
        let request = try head(target: "/api?environment=_self")
        #expect(try access.principal(of: request, for: .askQuestions).get().environment == "_self")
        #expect(status(access.principal(of: request, for: .sendEvents)) == 403)
        let foreign = try head([("Host", "evil.org")], target: "/api?environment=_self")
        #expect(status(access.principal(of: foreign, for: .askQuestions)) == 403)
    }

    @Test func `a server that had keys never opens`() throws {
        let (key, text) = AccessKey.create(.admin, environment: "prod", on: .real)
        let access = AccessControl(KeyRing())
        #expect(access.isOpen)
        access.replace(KeyRing([key]))
        #expect(!access.isOpen)
        access.replace(KeyRing())
        let request = try head([("X-Honeycomb-Team", text), ("Host", "localhost")])
        #expect(status(access.principal(of: request, for: .authenticate)) == 401)
    }
}

@Suite struct KeyRingTests {
    private let machine: Machine

    init() throws {
        machine = Machine(
            files: SimulatedDisk(seed: 1), clock: SystemClock(), random: SystemRandomness())
        try machine.files.createDirectory("data")
    }

    @Test func `keys are stored as hashes and read again`() throws {
        let (first, text) = AccessKey.create(.ingest, environment: "prod", on: machine)
        var ring = KeyRing([first])
        try ring.store(in: "data", on: machine)
        let (second, other) = AccessKey.create(.query, environment: "test", on: machine)
        ring.add(second)
        try ring.store(in: "data", on: machine)
        let read = try KeyRing(directory: "data", on: machine)
        #expect(read.keys == [first, second])
        #expect(read.key(of: text) == first)
        #expect(read.key(of: other) == second)
        let stored = try machine.files.readFile("data/keys.json", limit: 1 << 20)
        #expect(!String(decoding: stored, as: UTF8.self).contains(text))
    }

    @Test func `no file means no keys`() throws {
        #expect(try KeyRing(directory: "data", on: machine).isEmpty)
    }

    @Test(arguments: [
        "", "[]", #"{"keys": 1}"#, #"{"keys": [{}]}"#,
        #"{"keys":[{"kind":"root","environment":"a","sha256":"00","created":"2026-01-01T00:00:00Z"}]}"#,
        #"{"keys":[{"kind":"admin","environment":"../a","sha256":"00","created":"x"}]}"#,
    ])
    func `a damaged file does not open the door`(text: String) throws {
        try machine.files.writeNewFile("data/keys.json", Array(text.utf8))
        #expect(throws: KeyRingError.self) { try KeyRing(directory: "data", on: machine) }
    }

    @Test func `SHA-256 is the one of the standard`() {
        // FIPS 180-4, the example "abc".
        #expect(
            hexadecimal(sha256(Array("abc".utf8)))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test(arguments: [
        ("prod", true), ("a-1_b", true), ("", false), ("../x", false), ("A", false), ("_a", false),
        (String(repeating: "a", count: 65), false),
    ])
    func `environment names are safe as directories`(name: String, isValid: Bool) {
        #expect(isEnvironmentName(name) == isValid)
    }
}
