internal import Bytes
internal import Events
internal import Host

/// The keys of a server, as they stand in `keys.json` of its data directory.
///
/// ```
/// {"keys": [{"kind": "ingest", "environment": "production", "sha256": "9f86…",
///            "created": "2026-03-10T14:00:00Z"}]}
/// ```
struct KeyRing: Sendable {
    private(set) var keys: [AccessKey]
    private var byDigest: [[UInt8]: Int] = [:]

    init(_ keys: [AccessKey] = []) {
        self.keys = keys
        for (index, key) in keys.enumerated() { byDigest[key.digest] = index }
    }

    /// No keys: whoever reaches the loopback address is let in.
    var isEmpty: Bool { keys.isEmpty }

    /// The key of this text; nil when nobody was given it.
    ///
    /// It is looked up by its hash and then compared in constant time, so the answer's time tells
    /// nothing about keys that exist.
    func key(of text: String) -> AccessKey? {
        let digest = sha256(Array(text.utf8))
        guard let index = byDigest[digest], isSameDigest(keys[index].digest, digest) else {
            return nil
        }
        return keys[index]
    }

    /// Adds a key; it counts once the ring is stored and the server has read it again.
    mutating func add(_ key: AccessKey) {
        byDigest[key.digest] = keys.count
        keys.append(key)
    }
}

/// A keys file that cannot be used, and why.
struct KeyRingError: Error, CustomStringConvertible {
    let description: String
}

// MARK: - File

extension KeyRing {
    static let fileName = "keys.json"

    /// Reads the keys of a data directory; no file means no keys.
    ///
    /// Throws `KeyRingError` when the file cannot be read or is not what it should be: a damaged
    /// file must not open the door.
    init(directory: String, on machine: Machine) throws(KeyRingError) {
        let path = directory + "/" + KeyRing.fileName
        do {
            guard try machine.files.status(path) != nil else {
                self.init()
                return
            }
            let bytes = try machine.files.readFile(
                path, limit: ServiceLimits.configurationBytesMax)
            self.init(try KeyRing.keys(in: try JSONValue(parsing: bytes)))
        } catch let error as KeyRingError {
            throw KeyRingError(description: "\(path): \(error)")
        } catch {
            throw KeyRingError(description: "\(path): \(error)")
        }
    }

    /// Puts the keys in the place of the file, durably and in one step.
    func store(in directory: String, on machine: Machine) throws(HostError) {
        try machine.files.replaceFile(
            KeyRing.fileName, in: directory, with: Array((document.text + "\n").utf8))
    }

    private var document: JSONValue {
        let entries = keys.map { key -> JSONValue in
            [
                "kind": .string(key.kind.rawValue), "environment": .string(key.environment),
                "sha256": .string(hexadecimal(key.digest)),
                "created": .string(RFC3339.text(nanoseconds: key.createdAt * 1_000_000_000)),
            ]
        }
        return ["keys": .array(entries)]
    }

    private static func keys(in document: JSONValue) throws(KeyRingError) -> [AccessKey] {
        guard let entries = document["keys"]?.array, entries.count <= ServiceLimits.keysMax else {
            throw KeyRingError(description: "expected {\"keys\": […]}")
        }
        var keys: [AccessKey] = []
        for (index, entry) in entries.enumerated() {
            guard let kind = entry["kind"]?.string.flatMap(KeyKind.init(rawValue:)),
                let environment = entry["environment"]?.string,
                isEnvironmentName(environment),
                let digest = entry["sha256"]?.string.flatMap(bytes(hexadecimal:)),
                digest.count == 32,
                let created = entry["created"]?.string.flatMap({ RFC3339.nanoseconds($0) })
            else {
                throw KeyRingError(
                    description: "keys[\(index)]: expected kind, environment, sha256 and created")
            }
            keys.append(
                AccessKey(
                    kind: kind, environment: environment, digest: digest,
                    createdAt: created / 1_000_000_000))
        }
        return keys
    }
}

/// Whether a name may be an environment's: it is the name of its directory, so only lower-case
/// letters, digits, `-` and `_`, at most 64, a letter or digit first.
func isEnvironmentName(_ name: String) -> Bool {
    func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }
    guard let first = name.utf8.first, isLetterOrDigit(first) else { return false }
    return name.utf8.count <= 64
        && name.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x2D || $0 == 0x5F }
}
