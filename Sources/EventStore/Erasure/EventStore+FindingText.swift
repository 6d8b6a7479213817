internal import Bytes
internal import Events
public import Host

extension EventStore {
    /// Looks for a text in everything that a stopped store's directory holds, and says where it is.
    ///
    /// Every record of the log, every edit of the manifests and every block of the segments is decoded,
    /// files that count no more among them: values that hold the text are found, and numbers that it
    /// writes. What is left are the bytes of all files, those below the directory that are not the
    /// store's among them. `others` is given the paths of those, relative to the directory, and answers
    /// what it finds in a file that it can decode. Nothing is written. Throws `inUse` when a process has the directory open,
    /// `inputOutput` when it cannot be read, `damaged` when a segment cannot.
    public static func find(
        _ text: String, in directory: String, machine: Machine = .real,
        progress: (String) -> Void = { _ in },
        others: (String) throws -> (place: String, count: Int)? = { _ in nil }
    ) throws(EventStoreError) -> [FoundText] {
        var options = Options()
        options.mode = .readOnly
        options.cacheBytes = 0
        // Takes the directory, so that nothing changes meanwhile.
        let store = try open(directory, machine: machine, options: options)
        var found: [FoundText] = []
        for path in try machine.files.filesBelow(directory) where path != Filenames.lock {
            progress(path)
            var search = TextSearch(text)
            do {
                if let other = try others(path) { search.note(other.place, other.count) }
                try search.look(throughFile: path, in: directory, machine)
            } catch {
                throw EventStoreError(
                    .damaged, "\(path) cannot be searched: \(EventStoreError(wrapping: error))")
            }
            found += search.counts.sorted { $0.key < $1.key }.map {
                FoundText(path: path, place: $0.key, count: $0.value)
            }
        }
        try store.close()
        return found
    }
}

extension FileSystem {
    /// The paths of all files below a directory, relative to it, ascending within each.
    fileprivate func filesBelow(_ root: String) throws(EventStoreError) -> [String] {
        try callMachine { () throws(HostError) in
            var found: [String] = []
            var folders = [""]
            while let folder = folders.popLast() {
                let directory = folder.isEmpty ? root : root + "/" + folder.dropLast()
                for name in try list(directory) {
                    if try status(directory + "/" + name)?.isDirectory == true {
                        folders.append(folder + name + "/")
                    } else {
                        found.append(folder + name)
                    }
                }
            }
            return found
        }
    }
}

extension TextSearch {
    fileprivate mutating func look(
        throughFile path: String, in directory: String, _ machine: Machine
    ) throws {
        let file = try machine.files.open(directory + "/" + path, .read)
        defer { file.close() }
        let size = Int(try file.size())
        let name = path.split(separator: "/").last.map(String.init) ?? path
        if path.hasPrefix(Filenames.environments + "/"), Filenames.segmentNumber(name) != nil {
            try look(throughSegment: HostSegmentFile(file, byteCount: size))
        } else if path.hasPrefix(Filenames.log + "/") {
            try look(throughLog: try file.readAll(limit: FormatLimits.logFileBytes))
        } else if path.hasPrefix(Filenames.environments + "/"), name == Filenames.manifest {
            try look(throughManifest: try file.readAll(limit: FormatLimits.manifestBytes))
        }
        if counts.isEmpty { try look(throughBytesOf: file, count: size) }
    }

    /// What no format explains: bytes as they lie there.
    private mutating func look(throughBytesOf file: any File, count: Int) throws {
        var offset = 0
        while offset < count {
            let bytes = try file.read(
                min(TextSearch.chunkBytes, count - offset), at: UInt64(offset))
            if holds(bytes) { note("bytes", 1) }
            if bytes.count < TextSearch.chunkBytes { return }
            // What lies across the end may be escaped, each byte of it as six.
            offset += bytes.count - min(bytes.count / 2, text.count * 6)
        }
    }

    /// Bytes searched at a time; texts are shorter.
    private static let chunkBytes = 4 << 20

    private mutating func look(throughSegment file: HostSegmentFile) throws {
        let segment = try Segment(file, cache: DecodedColumnCache(bytesMax: 256 << 20))
        var known: Set<ObjectIdentifier> = []
        // Keeps them alive: an identity stays one only while its object lives.
        var dictionaries: [ValueDictionary] = []
        for group in segment.rowGroups {
            try look(through: group) { dictionary in
                dictionaries.append(dictionary)
                return !known.insert(ObjectIdentifier(dictionary)).inserted
            }
        }
    }

    private mutating func look(throughLog bytes: [UInt8]) throws {
        // Files that never came to hold a record are searched as bytes.
        guard let scan = try? LogScan(bytes) else { return }
        for entry in scan.entries + scan.strays {
            guard case .request(let request)? = try? LogRecord.decode(bytes[entry.payload]) else {
                continue
            }
            if holds(request.environment) { note("environments", 1) }
            if let idempotency = request.idempotency { look(through: idempotency) }
            for batch in request.batches {
                try look(through: try EventBatch(decoding: batch.bytes[...]))
            }
        }
    }

    private mutating func look(throughManifest bytes: [UInt8]) throws {
        guard let scan = try? LogScan(bytes, holdsRequests: false) else { return }
        for entry in scan.entries + scan.strays {
            guard let edit = try? ManifestEdit(decoding: bytes[entry.payload]) else { continue }
            for key in edit.keys { look(through: key.idempotency) }
            for receipt in edit.receipts where holds(receipt.condition) || holds(receipt.id) {
                note("receipts", 1)
            }
            for run in edit.added.flatMap(\.datasets) where holds(run.name) { note("datasets", 1) }
            for run in edit.dead where holds(run.dataset) { note("datasets", 1) }
        }
    }

    private mutating func look(through idempotency: Idempotency) {
        if holds(idempotency.key) { note("idempotency keys", 1) }
        if holds(idempotency.answer) { note("answers", 1) }
    }
}
