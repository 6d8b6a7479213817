/// A place beside the event store that may keep what events said.
///
/// Whatever of the kind is added joins the list in `Services.erasables`: an erasure asks all of them.
protocol Erasable: Sendable {
    /// Takes out what holds one of the texts, in memory and on disk, before it returns.
    ///
    /// Called when the events themselves are gone, perhaps more than once; answers an error that names
    /// what could not be done.
    func erase(_ texts: [String], in environment: String) throws
}
