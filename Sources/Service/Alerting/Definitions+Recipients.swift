internal import Alerting
internal import Bytes
internal import EventQuery
internal import Host

/// Who can be told of alerts directly, and which alerts name them: receivers (`/api/receivers`) and
/// Honeycomb's recipients (`/1/recipients`) have one space of names.
extension Definitions {
    /// Everyone who can be told, each with a text that is another when it is to be reached otherwise.
    var listeners: [(receiver: Receiver, definition: String)] {
        let own = all(.receivers).compactMap { document in
            (try? Receiver(document.id, DefinitionBody(document.body)))
                .map { ($0, document.json.text) }
        }
        let recipients = all(.recipients).compactMap { document in
            (try? RecipientDefinition(DefinitionBody(document.body)))?
                .receiver(document.id, in: self).map { ($0, document.json.text + "\($0.kind)") }
        }
        return own + recipients
    }

    // MARK: - Naming them

    /// The recipients of an alert as they are kept: each with the id of who it is.
    ///
    /// One that is named by type and target alone is made where that tells all of it, as Honeycomb does.
    /// Throws a problem when one is nobody.
    mutating func recipients(
        of body: DefinitionBody, at now: Int64, _ random: any RandomSource
    ) throws(HTTPRefusal) -> [JSONValue] {
        guard let sent = body.member("recipients")?.array, sent.count <= 20 else {
            throw body.wrong("recipients", "are not a list of at most 20")
        }
        var found: [JSONValue] = []
        for entry in sent {
            guard var object = entry.object else {
                throw body.wrong("recipients", "are not objects", code: "incorrect_type")
            }
            if let receiver = all(.receivers).first(where: { $0.answers(to: object) }) {
                object["id"] = .string(receiver.id)
                object["type"] = receiver.body["type"]
                object["target"] = object["target"]?.string.map {
                    .string(Receiver.shown($0, type: receiver.body["type"]?.string))
                }
            } else if let known = try recipient(object, at: now, random) {
                object["id"] = .string(known.id)
                let definition = try RecipientDefinition(DefinitionBody(known.body))
                object["type"] = .string(definition.type)
                object["target"] = .string(definition.target)
            } else {
                throw body.wrong(
                    "recipients",
                    "name nobody: give the id of a receiver or recipient, or its type and target; "
                        + "PUT /api/receivers/{name} makes one")
            }
            found.append(.object(object))
        }
        return found
    }

    private mutating func recipient(
        _ named: JSONObject, at now: Int64, _ random: any RandomSource
    ) throws(HTTPRefusal) -> Document? {
        if let id = named["id"]?.string, !id.isEmpty {
            return document(.recipients, id, of: Query.allDatasets)
        }
        guard let type = named["type"]?.string, let target = named["target"]?.string else {
            return nil
        }
        let known = all(.recipients).first { document in
            let definition = try? RecipientDefinition(DefinitionBody(document.body))
            return definition?.type == type && definition?.target == target
        }
        if let known { return known }
        guard let body = RecipientDefinition.body(type: type, target: target) else { return nil }
        return try add(recipient: body, at: now, random)
    }

    /// Keeps a new recipient; throws a problem when it cannot be reached or there are too many.
    mutating func add(
        recipient sent: JSONObject, at now: Int64, _ random: any RandomSource
    ) throws(HTTPRefusal) -> Document {
        guard all(.recipients).count < ServiceLimits.recipientsMax else {
            throw HTTPRefusal(
                .problem(.invalid, "there are \(ServiceLimits.recipientsMax) recipients"))
        }
        let id = Document.newID(random)
        try refuseUnreachable(sent, id)
        var body = sent
        body.note(nil, at: now)
        let document = Document(id: id, dataset: Query.allDatasets, body: body)
        put(document, .recipients)
        return document
    }

    /// Throws a problem when a recipient has no receiver that it goes through.
    func refuseUnreachable(_ body: JSONObject, _ id: String) throws(HTTPRefusal) {
        let reader = DefinitionBody(body)
        let definition = try RecipientDefinition(reader)
        if definition.receiver(id, in: self) == nil {
            throw reader.wrong(
                "type",
                "goes through a receiver of type \(definition.type), and there is none: "
                    + "PUT /api/receivers/{name} makes one")
        }
    }

    // MARK: - Who names them

    /// Throws a problem when a trigger or a burn alert names a receiver or recipient.
    func refuseInUse(_ id: String) throws(HTTPRefusal) {
        for (kind, noun) in [(Kind.triggers, "trigger"), (.burnAlerts, "burn alert")] {
            if let user = all(kind).first(where: { $0.names(id) }) {
                throw HTTPRefusal(.problem(.conflict, "the \(noun) \(user.id) tells it"))
            }
        }
    }

    /// Throws a problem when a receiver is named, or the last one that recipients go through.
    func refuseInUse(receiver document: Document) throws(HTTPRefusal) {
        try refuseInUse(document.id)
        var others = self
        _ = others.remove(.receivers, document.id, of: document.dataset)
        let lost = all(.recipients).first { recipient in
            let definition = try? RecipientDefinition(DefinitionBody(recipient.body))
            return definition?.receiver(recipient.id, in: others) == nil
        }
        if let lost {
            throw HTTPRefusal(.problem(.conflict, "the recipient \(lost.id) goes through it"))
        }
    }
}

extension Definitions.Document {
    /// Whether an alert names a receiver or recipient.
    func names(_ id: String) -> Bool {
        body["recipients"]?.array?.contains { $0["id"]?.string == id } ?? false
    }

    /// Whether a receiver is the one that a recipient means.
    fileprivate func answers(to recipient: JSONObject) -> Bool {
        if let id = recipient["id"]?.string, !id.isEmpty { return id == self.id }
        guard let target = recipient["target"]?.string, recipient["type"] == body["type"] else {
            return false
        }
        let isTo = body["to"]?.array?.contains(.string(target)) ?? false
        return target == id || body["url"]?.string == target || isTo
    }
}
