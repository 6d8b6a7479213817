internal import Bytes
internal import EventQuery

/// The documents of one kind that an environment gives names to, in the ways that calls deal with them.
struct NamedDefinitions: Sendable {
    let kind: Definitions.Kind
    /// What one is called in refusals: `file of rules`.
    let noun: String
    /// How many an environment may have.
    let limit: Int
    let store: DefinitionStore
    /// Called after every change.
    var changed: @Sendable () -> Void = {}

    /// All of them, by names ascending.
    func all(of environment: String) -> [Definitions.Document] {
        store.definitions(of: environment).all(kind).sorted { $0.id < $1.id }
    }

    /// The one that a call's path names; throws a 404 that names the nearest one.
    func document(of call: RouteCall) throws(HTTPRefusal) -> Definitions.Document {
        try store.definitions(of: call.principal.environment)
            .named(call.parameters[0], kind, noun)
    }

    /// Puts what `make` gives in the place of what has the name.
    ///
    /// - Parameter make: gets what was there; nil when that was nothing.
    /// - Returns: what is there now, and whether nothing was before.
    func put(
        _ name: String, in environment: String,
        _ make: (Definitions.Document?) -> JSONObject
    ) throws(HTTPRefusal) -> (document: Definitions.Document, isNew: Bool) {
        let result = try store.change(environment) { (all) throws(HTTPRefusal) in
            let before = all.document(kind, name, of: Query.allDatasets)
            guard before != nil || all.all(kind).count < limit else {
                throw HTTPRefusal(.error(422, "an environment has at most \(limit) of this kind"))
            }
            let document = Definitions.Document(
                id: name, dataset: Query.allDatasets, body: make(before))
            all.put(document, kind)
            return (document: document, isNew: before == nil)
        }
        changed()
        return result
    }

    /// The route that removes one.
    ///
    /// - Parameter refuse: throws the refusal of one that is needed.
    func deletion(
        _ pattern: String, _ permission: Permission,
        unless refuse:
            @escaping @Sendable (
                Definitions, Definitions.Document
            ) throws(HTTPRefusal) -> Void = { _, _ in }
    ) -> Route {
        Route("DELETE", pattern, permission, lane: .query) { call throws(HTTPRefusal) in
            try store.change(call.principal.environment) { (all) throws(HTTPRefusal) in
                let found = try all.named(call.parameters[0], kind, noun)
                try refuse(all, found)
                _ = all.remove(kind, found.id, of: found.dataset)
            }
            changed()
            return HTTPResponse(status: 204)
        }
    }
}

extension Definitions {
    /// The document of a kind that has a name; throws a 404 that names the nearest one.
    ///
    /// - Parameter noun: what one of the kind is called: `receiver`.
    func named(_ name: String, _ kind: Kind, _ noun: String) throws(HTTPRefusal) -> Document {
        if let found = document(kind, name, of: Query.allDatasets) { return found }
        let hint =
            nearestName(to: name, among: all(kind).map(\.id))
            .map { "; did you mean '\($0)'?" } ?? ""
        throw HTTPRefusal(.error(404, "no \(noun) is called '\(name)'\(hint)"))
    }
}
